// Package learner is what somebody does at a step, apart from how it is shown: run the
// tests and remember them, open a hint, compare with the solution, start over. The
// command and the companion do these things from here, so that both do the same.
package learner

import (
	"context"
	"fmt"
	"os"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services/postgres"
)

// Tester runs a step's tests: runner.Run, or what a test puts in its place.
type Tester func(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error)

// MissingFolderError says that there is nothing to test.
type MissingFolderError struct {
	Dir  string // absolute
	Next string // the command that brings it back
}

func (e *MissingFolderError) Error() string {
	return fmt.Sprintf("there is no folder %s\n  next: %s", e.Dir, e.Next)
}

// CheckFolder returns a MissingFolderError when the folder that o is about is gone.
func CheckFolder(o runner.Options) error {
	dir, next := o.Step.Dir, fmt.Sprintf("go tool workshop reset %02d", o.Step.Number)
	if o.Solution {
		dir, next = o.Step.SolutionDir, "git checkout -- solutions"
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &MissingFolderError{Dir: dir, Next: next}
	}
	return nil
}

// Remember notes the state of each task, and a step that is green for the first time.
// It doesn't save.
func Remember(state *progress.State, s *course.Step, r *runner.Result) {
	for _, t := range r.Tasks(s) {
		if t.State != runner.NotRun {
			state.Tasks[taskID(s, t.Task.Number)] = t.State.String()
		}
	}
	if r.Green() {
		state.MarkDone(s.Number, time.Now())
	}
}

func taskID(s *course.Step, task int) progress.TaskID {
	return progress.TaskID{Step: s.Number, Task: task}
}

// StartNeeds starts what tests need, or joins what runs already, and says what a slow
// start does. The tests' services live until stop is called, at least. An error that is a
// postgres.NotFoundError says itself what helps.
func StartNeeds(ctx context.Context, say func(string)) (stop func(), err error) {
	server, err := postgres.Start(ctx, postgres.Options{Progress: say})
	if err != nil {
		return nil, err
	}
	return func() { _ = server.Close() }, nil
}
