package learner

import (
	"slices"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// First are the tests that the learner waits for, in groups, for runner.Options: the test
// that they are on, and then those of the same task. That is the first one that wasn't green
// in the last run, of which the result may be nil; else the first test of the first task that isn't
// done. There are none when all is done.
func First(s *course.Step, state *progress.State, last *runner.Result) [][]string {
	if last == nil || last.Build != "" {
		return remembered(s, state)
	}
	for _, t := range last.Tasks(s) {
		if t.State == runner.Green {
			continue
		}
		var red, others []string
		for _, test := range t.Tests {
			if test.Status != runner.Passed {
				red = append(red, test.Name)
			} else if t.Task.Number != 0 { // of the guards, those that passed can wait
				others = append(others, test.Name)
			}
		}
		return groups(slices.Concat(red, t.Missing, others))
	}
	return nil
}

// remembered is what First is when no result is at hand.
func remembered(s *course.Step, state *progress.State) [][]string {
	if task := FirstOpenTask(state, s); task != 0 {
		return groups(s.Task(task).Tests)
	}
	return nil
}

// groups are the first test alone, and the others.
func groups(tests []string) [][]string {
	if len(tests) < 2 {
		return slices.DeleteFunc([][]string{tests}, func(g []string) bool { return len(g) == 0 })
	}
	return [][]string{tests[:1], tests[1:]}
}
