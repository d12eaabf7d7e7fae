package course

import "slices"

// Task is one thing to do in a step.
type Task struct {
	Number int // from 1
	Title  string
	Tests  []string // the names of the top-level tests that decide it
	Hints  []string // from a question to a pointer to an excerpt
}

// Task is the task with that number, nil when there is none.
func (s *Step) Task(number int) *Task {
	if number < 1 || number > len(s.Tasks) {
		return nil
	}
	return &s.Tasks[number-1]
}

// TaskOf is the number of the task that a test decides: the lesson's front matter names
// the test among the task's. It is 0 for a guard, which belongs to no task, and for a
// test that the lesson doesn't know.
//
// The test itself says the same, with lab.Task; see [Tests]. verify holds the two
// together. A test of the learner's own, which no lesson names, has the task that it
// says, when it runs: see TaskOf of package runner.
func (s *Step) TaskOf(test string) int {
	for _, t := range s.Tasks {
		if slices.Contains(t.Tests, test) {
			return t.Number
		}
	}
	return 0
}
