package learner

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/boxoffice/tools/internal/runner"
)

func TestFirstIsTheTestThatTheLearnerIsOn(t *testing.T) {
	_, s, state := begin(t)
	s.Tasks[0].Tests = []string{"TestAdd", "TestSum"}
	result := func(tests ...runner.Test) *runner.Result { return &runner.Result{Tests: tests} }
	guard := runner.Test{Name: "TestZero", Status: runner.Passed}
	add := runner.Test{Name: "TestAdd", Status: runner.Passed}
	sum := runner.Test{Name: "TestSum", Status: runner.Failed}
	negative := runner.Test{Name: "TestNegative", Status: runner.Failed}

	assert.Equal(t, [][]string{{"TestAdd"}, {"TestSum"}}, First(s, state, nil), "the first open task's first one")
	assert.Equal(t, [][]string{{"TestSum"}, {"TestAdd"}}, First(s, state, result(guard, add, sum, negative)), "the first red one of its task")
	assert.Equal(t, [][]string{{"TestSum"}, {"TestAdd"}}, First(s, state, result(guard, add, negative)), "one that didn't run")
	broken := result()
	broken.Build = "main.go:3: undefined: x"
	assert.Equal(t, [][]string{{"TestAdd"}, {"TestSum"}}, First(s, state, broken), "a broken build says nothing of tests")
	guard.Status, sum.Status = runner.Failed, runner.Passed
	assert.Equal(t, [][]string{{"TestZero"}}, First(s, state, result(guard, add, sum, negative)), "what worked before comes first")
	guard.Status = runner.Passed
	assert.Equal(t, [][]string{{"TestNegative"}}, First(s, state, result(guard, add, sum, negative)), "the next task")
	negative.Status = runner.Passed
	assert.Empty(t, First(s, state, result(guard, add, sum, negative)))
	state.Tasks[taskID(s, 1)] = "green"
	assert.Equal(t, [][]string{{"TestNegative"}}, First(s, state, nil))
}

func TestVerdictOfARunThatGoesOn(t *testing.T) {
	_, s, state := begin(t)
	soFar, err := runner.SoFar(s, []runner.Test{{Name: "TestAdd", Status: runner.Passed}})
	assert.NoError(t, err)
	v := NewVerdict(s, state, soFar, false)
	assert.True(t, v.Going())
	assert.Equal(t, []runner.State{runner.Running, runner.Green, runner.Running},
		[]runner.State{v.Tasks[0].State, v.Tasks[1].State, v.Tasks[2].State})
	assert.Equal(t, "1 passed, 0 failed, 2 to come", v.Counts())
	assert.Empty(t, v.NotRun, "what is to come isn't missing")
	assert.Nil(t, v.Gap, "no task is red")
	assert.False(t, soFar.Green())
}
