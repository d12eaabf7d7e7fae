package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services"
)

// attempt runs a step's tests and remembers what came of it.
func (e *env) attempt(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
	if err := e.checkFolder(o); err != nil {
		return nil, err
	}
	result, err := e.runTests(ctx, o, onTest)
	if err != nil {
		return nil, machineProblem(ctx, "can't run the tests", err)
	}
	if !o.Solution {
		e.remember(o.Step, result)
	}
	return result, nil
}

func (e *env) checkFolder(o runner.Options) error {
	dir, next := o.Step.Dir, fmt.Sprintf("go tool workshop reset %02d", o.Step.Number)
	if o.Solution {
		dir, next = o.Step.SolutionDir, "git checkout -- solutions"
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &problem{what: "there is no folder " + relative(e.cwd, dir), next: next}
	}
	return nil
}

// remember notes the state of each task, and a step that is green for the first time.
// A folder that can't be written to stops nobody.
func (e *env) remember(s *course.Step, r *runner.Result) {
	state, err := e.Progress()
	if err != nil {
		return // whoever shows the result has told it
	}
	for _, t := range r.Tasks(s) {
		if t.State != runner.NotRun {
			word := t.State.String()
			state.Tasks[progress.TaskID{Step: s.Number, Task: t.Task.Number}] = word
		}
	}
	if r.Green() {
		state.MarkDone(s.Number, time.Now())
	}
	e.save(state)
}

// save keeps the learner's place, and says so once when that isn't possible.
func (e *env) save(state *progress.State) {
	if err := state.Save(); err != nil && !e.saveFailed {
		e.saveFailed = true
		fmt.Fprintf(e.stderr, "workshop: your place isn't remembered: %v\n  next: go tool workshop doctor\n", err)
	}
}

// startPostgres holds on to the shared PostgreSQL, and says what a slow start does.
func startPostgres(ctx context.Context, say func(string)) (stop func(), err error) {
	server, err := services.StartPostgres(ctx, services.Options{Progress: say})
	if err != nil {
		var missing *services.NotFoundError
		if ctx.Err() == nil && errors.As(err, &missing) {
			return nil, &problem{what: err.Error()} // it says itself what helps
		}
		return nil, machineProblem(ctx, "can't start PostgreSQL", err)
	}
	return func() { _ = server.Close() }, nil
}
