package learner

import (
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
