package board

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

func TestFailureThatSaysTheSameIsNotRepeated(t *testing.T) {
	shown := (&Board{}).failure(learner.Failure{Task: 1, Test: "TestTwo", Output: "panic: boom", Same: "TestOne"})
	assert.Equal(t, "TestTwo   task 1\n\n  The same as TestOne.", shown)
}

func TestFailureOnABusyMachineSaysSo(t *testing.T) {
	c := coursetest.New(t)
	state, err := progress.Load(c.Root)
	require.NoError(t, err)
	show := func(status runner.Status, load float64) string {
		result, err := runner.SoFar(c.Step(1), []runner.Test{{Name: "TestAdd", Status: status}})
		require.NoError(t, err)
		result.Load = load
		return (&Board{Style: terminal.Style{Width: 80}, Course: c, Verdict: learner.NewVerdict(c.Step(1), state, result, false), Cwd: c.Root}).String()
	}
	assert.Contains(t, show(runner.Failed, 1000), "Note       The load is 1000 on ")
	assert.NotContains(t, show(runner.Failed, 1), "load")
	assert.NotContains(t, show(runner.Passed, 1000), "load")
}

func TestFailureThatDoesNotStopTalkingIsShort(t *testing.T) {
	text := "measured  too much\n" + strings.Repeat("| again\n", 5000) + "| the last"
	shown := (&Board{Style: terminal.Style{Width: 80}}).failure(learner.Failure{Task: 1, Test: "TestTwo", Output: text})
	assert.Equal(t, longFailure+3, strings.Count(shown, "\n")+1, "with its name, a blank line and one for what is left out")
	assert.Contains(t, shown, "measured  too much")
	assert.Contains(t, shown, "| the last")
	assert.Contains(t, shown, "(4942 more lines: --all shows them)")
	assert.Contains(t, (&Board{Style: terminal.Style{Width: 80}, All: true}).failure(learner.Failure{Task: 1, Test: "TestTwo", Output: text}), strings.Repeat("  | again\n", 5000))
}

func TestBoardFitsFromTheFirstVerdictOn(t *testing.T) {
	c := coursetest.New(t)
	s := c.Step(1)
	state, err := progress.Load(c.Root)
	require.NoError(t, err)
	long := "measured  300 connections\n" + strings.Repeat("| a line of the log of an API that says much more in each of them than fits into a terminal\n", 50)
	soFar, err := runner.SoFar(s, []runner.Test{{Name: "TestAdd", Status: runner.Failed, Output: long}})
	require.NoError(t, err)
	for _, rows := range []int{14, 20, 60} {
		for _, width := range []int{60, 80, 200} {
			t.Run(fmt.Sprintf("%d by %d", width, rows), func(t *testing.T) {
				st := terminal.Style{Width: width}
				b := &Board{Style: st, Course: c, Verdict: learner.NewVerdict(s, state, soFar, false), Cwd: c.Root, Keys: true}
				text := b.Fit(rows)
				assert.LessOrEqual(t, st.Rows(text), rows)
				for _, want := range []string{"Step 01", "RUNS  before", "FAIL  task 1", "RUNS  task 2", "TestAdd", "300 connections", "Open", "Lesson"} {
					assert.Contains(t, text, want)
				}
				assert.NotContains(t, text, "didn't run", "they are still to come")
			})
		}
	}
}
