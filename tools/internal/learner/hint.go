package learner

import (
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// Hint is a hint that was just opened.
type Hint struct {
	Task   *course.Task
	Number int    // from 1; 0 when there was none left to open
	Text   string // "" when there was none left
}

// OpenHint opens one more hint of a task. It doesn't save.
func OpenHint(state *progress.State, s *course.Step, t *course.Task) Hint {
	opened := OpenedHints(state, s, t)
	if opened == len(t.Hints) {
		return Hint{Task: t}
	}
	state.Hints[taskID(s, t.Number)] = opened + 1
	return Hint{Task: t, Number: opened + 1, Text: t.Hints[opened]}
}

// OpenedHints is how many hints of a task are open.
func OpenedHints(state *progress.State, s *course.Step, t *course.Task) int {
	return min(state.Hints[taskID(s, t.Number)], len(t.Hints))
}

// EverRan reports whether the step's tests have run before.
func EverRan(state *progress.State, s *course.Step) bool {
	for _, t := range s.Tasks {
		if state.Tasks[taskID(s, t.Number)] != "" {
			return true
		}
	}
	return false
}

// FirstOpenTask is the first task whose tests weren't green when they last ran, 0 when
// all were.
func FirstOpenTask(state *progress.State, s *course.Step) int {
	for _, t := range s.Tasks {
		if state.Tasks[taskID(s, t.Number)] != runner.Green.String() {
			return t.Number
		}
	}
	return 0
}
