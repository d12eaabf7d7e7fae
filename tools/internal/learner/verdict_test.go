package learner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func begin(t *testing.T) (*course.Course, *course.Step, *progress.State) {
	t.Helper()
	c := coursetest.New(t)
	state, err := progress.Load(c.Root)
	require.NoError(t, err)
	return c, c.Step(1), state
}

func run(t *testing.T, s *course.Step) *runner.Result {
	t.Helper()
	r, err := runner.Run(t.Context(), runner.Options{Step: s}, nil)
	require.NoError(t, err)
	return r
}

func TestVerdictSortsFailuresAndNamesThePlaceToWork(t *testing.T) {
	_, s, state := begin(t)
	v := NewVerdict(s, state, run(t, s), false)
	require.Len(t, v.Failures, 2)
	assert.Equal(t, "TestAdd", v.Failures[0].Test)
	assert.Equal(t, 1, v.Failures[0].Task)
	assert.Contains(t, v.Failures[0].Output, "expected 3")
	assert.Equal(t, []runner.State{runner.Green, runner.Red, runner.Red}, []runner.State{v.Tasks[0].State, v.Tasks[1].State, v.Tasks[2].State})
	require.NotNil(t, v.Gap)
	assert.Equal(t, "main.go", v.Gap.File)
}

func TestOpenIsWhereTheTestIsGotWrong(t *testing.T) {
	_, s, state := begin(t)
	result := run(t, s)
	coursetest.Write(t, filepath.Join(s.Dir, "a.go"), "package main\n\n// TODO(task 1): first by name\nvar a = 1\n")
	coursetest.Write(t, filepath.Join(s.Dir, "main.go"), `package main

// TODO(task 1): the first of the file
func main() {}

// Add is the sum.
func Add(a, b int) int {
	return a + b + 1 // TODO(task 1): add
}
`)
	place := func() string {
		g := NewVerdict(s, state, result, false).Gap
		require.NotNil(t, g)
		return fmt.Sprintf("%s:%d", g.File, g.Line)
	}
	assert.Equal(t, "a.go:3", place(), "nothing is known of the test")
	wrong := "Too much\n\nTask: 1\nCaught-by: TestAdd\nSays: is 4\n--- a/main.go\n+++ b/main.go\n@@ -7,5 +7,5 @@\n \n // Add is the sum.\n func Add(a, b int) int {\n-\treturn number.Add(a, b)\n+\treturn number.Add(a, b) + 1\n }\n"
	coursetest.Write(t, filepath.Join(s.SolutionDir, "wrong-answers", "too-much.patch"), wrong)
	assert.Equal(t, "main.go:8", place(), "in the function that wrong answers change")
	coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main\n\n// TODO(task 1): elsewhere\nfunc main() {}\n")
	assert.Equal(t, "main.go:3", place(), "at least in the file")
}

func TestOpenIsThereWhileWhatWorkedBeforeIsRed(t *testing.T) {
	_, s, state := begin(t)
	result := run(t, s)
	for i := range result.Tests {
		if result.Tests[i].Name == "TestZero" {
			result.Tests[i].Status = runner.Failed
		}
	}
	v := NewVerdict(s, state, result, false)
	assert.Equal(t, "TestZero", v.Failures[0].Test)
	require.NotNil(t, v.Gap)
	assert.Equal(t, 1, v.Gap.Task)
}

func TestFailuresOfOnePanicAreTheSame(t *testing.T) {
	panicked := func(line, address string) string {
		return "contract_test.go:" + line + ": it said:\n| panic: boom\n| lab.runAPI({0x" + address + ", 0x7}, 0xf9e808)"
	}
	failures := []Failure{
		{Test: "TestOne", Output: panicked("82", "10449cbee012")},
		{Test: "TestTwo", Output: panicked("114", "12ce72428012")},
		{Test: "TestThree", Output: "pool_test.go:9:\nmeasured  300 connections"},
		{Test: "TestFour", Output: panicked("131", "20da34a24012")},
		{Test: "TestFive", Output: "pool_test.go:9:\nmeasured  301 connections"},
	}
	markSame(failures)
	var same []string
	for _, f := range failures {
		same = append(same, f.Same)
	}
	assert.Equal(t, []string{"", "TestOne", "", "TestOne", ""}, same)
}

func TestBrokenBuildShowsTasksAsTheyWere(t *testing.T) {
	_, s, state := begin(t)
	Remember(state, s, run(t, s))
	coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main\n\nfunc main() { x }\n")
	v := NewVerdict(s, state, run(t, s), false)
	assert.True(t, v.Remembered)
	assert.Equal(t, runner.Red, v.Tasks[0].State)
	assert.Nil(t, v.Gap)
	assert.Equal(t, "It doesn't compile", v.NotBuilt())
	assert.Contains(t, v.Located(func(path string) string { return "here/" + filepath.Base(path) }), "here/main.go:3:15: undefined: x\n")

	coursetest.Write(t, filepath.Join(s.Dir, "main_test.go"), "package main\n")
	require.NoError(t, os.Remove(filepath.Join(s.Dir, "number", "sums_test.go")))
	v = NewVerdict(s, state, run(t, s), false)
	assert.Equal(t, []string{"main_test.go"}, v.Differ)
	assert.Equal(t, []string{"number/sums_test.go"}, v.Gone)
}

func TestBrokenModuleNamesWhatTakesItBack(t *testing.T) {
	_, s, state := begin(t)
	path := func(path string) string { return "here/" + filepath.Base(path) }
	assert.Empty(t, NewVerdict(s, state, run(t, s), false).Mend(path))
	coursetest.Write(t, filepath.Join(s.Dir, "go.mod"), "modul x\n")
	v := NewVerdict(s, state, run(t, s), false)
	assert.Contains(t, v.Result.Build, "cannot load module")
	assert.Equal(t, "git checkout -- here/go.mod", v.Mend(path))
	assert.Equal(t, GoFailed, v.NotBuilt())
}

func TestHintsOpenOneByOneAndThenNoMore(t *testing.T) {
	_, s, state := begin(t)
	assert.False(t, EverRan(state, s))
	assert.Equal(t, 1, FirstOpenTask(state, s))
	for n := range 3 {
		h := OpenHint(state, s, s.Task(1))
		assert.Equal(t, n+1, h.Number)
		assert.Equal(t, s.Task(1).Hints[n], h.Text)
	}
	assert.Zero(t, OpenHint(state, s, s.Task(1)).Number)
	assert.Equal(t, 3, OpenedHints(state, s, s.Task(1)))
}

func TestStandings(t *testing.T) {
	_, s, state := begin(t)
	standing, green := StandingOf(state, s)
	assert.Equal(t, ToDo, standing)
	assert.Zero(t, green)
	state.Tasks[taskID(s, 1)] = "red"
	standing, green = StandingOf(state, s)
	assert.Equal(t, Begun, standing)
	assert.Zero(t, green)
	state.Tasks[taskID(s, 1)] = "green"
	standing, green = StandingOf(state, s)
	assert.Equal(t, Begun, standing)
	assert.Equal(t, 1, green)
	r, err := runner.Run(t.Context(), runner.Options{Step: s, Solution: true}, nil)
	require.NoError(t, err)
	Remember(state, s, r)
	standing, green = StandingOf(state, s)
	assert.Equal(t, Done, standing)
	assert.Equal(t, 2, green)
}
