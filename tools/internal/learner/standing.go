package learner

import (
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// Standing is how far the learner is with a step.
type Standing string

// The standings of a step.
const (
	Done  Standing = "done"  // it was green once
	Begun Standing = "begun" // its tests have run
	ToDo  Standing = "todo"
)

// StandingOf is how far the learner is with a step, and how many of its tasks were green
// when they last ran.
func StandingOf(state *progress.State, s *course.Step) (standing Standing, green int) {
	for _, t := range s.Tasks {
		if RememberedState(state, s, t.Number) == runner.Green {
			green++
		}
	}
	_, done := state.Done[s.Number]
	switch {
	case done:
		return Done, green
	case EverRan(state, s):
		return Begun, green
	}
	return ToDo, green
}

// RememberedState is how a task's tests ended when they last ran; the guards are task 0.
func RememberedState(state *progress.State, s *course.Step, task int) runner.State {
	switch state.Tasks[taskID(s, task)] {
	case runner.Green.String():
		return runner.Green
	case runner.Red.String():
		return runner.Red
	}
	return runner.NotRun
}

// CurrentStep is the step that the learner's progress points to: the first when the
// course has no such step any more, nil when it has none at all.
func CurrentStep(c *course.Course, state *progress.State) *course.Step {
	if s := c.Step(state.Current); s != nil {
		return s
	}
	if len(c.Steps) == 0 {
		return nil
	}
	return c.Steps[0]
}
