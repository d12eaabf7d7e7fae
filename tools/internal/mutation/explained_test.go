package mutation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/mutation/score"
)

func TestExplanationsAreRead(t *testing.T) {
	t.Parallel()
	e, err := parseExplained(`# A comment.

main.go run: drop statement
- defer db.Close()
main.go run: drop statement (2)
- db.Close()
because the program ends,
and with it the connection.

main.go run: change number
- n = 1
+ n = 2
because it is one too many anyway.
`)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"main.go run: drop statement\n- defer db.Close()\n": "the program ends, and with it the connection.",
		"main.go run: drop statement (2)\n- db.Close()\n":   "the program ends, and with it the connection.",
		"main.go run: change number\n- n = 1\n+ n = 2\n":    "it is one too many anyway.",
	}, e.reasons)
}

func TestExplanationsWithoutAReasonAreRefused(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"no reason":  "main.go run: drop statement\n- a\n",
		"no change":  "because so\n",
		"no name":    "- a\nbecause so\n",
		"twice":      "a: b\nbecause so\n\na: b\nbecause so\n",
		"two blocks": "a: b\n\nc: d\nbecause so\n",
	} {
		_, err := parseExplained(src)
		assert.Error(t, err, name)
	}
}

func TestScoreCountsWhatIsKilledOrExplained(t *testing.T) {
	t.Parallel()
	one := func(name string, killed bool) Outcome {
		return Outcome{Mutant: &Mutant{File: "a.go", In: name, Operator: "x", before: []byte("a\n"), shown: []edit{{0, 1, name}}}, Killed: killed}
	}
	e, err := parseExplained("a.go f: x\n- a\n+ f\nbecause so\n\na.go k: x\n- a\n+ k\nbecause it was once\n\na.go gone: x\n- a\n+ gone\nbecause so\n")
	require.NoError(t, err)
	s, left, unused := Count([]Outcome{one("f", false), one("k", true), one("g", false), one("h", true)}, e)
	assert.Equal(t, score.Score{Mutants: 4, Killed: 2, Explained: 1}, s)
	assert.InDelta(t, 0.75, s.Share(), 0.001)
	require.Len(t, left, 1)
	assert.Equal(t, "g", left[0].In)
	assert.Equal(t, []string{"a.go k: x\n- a\n+ k\n", "a.go gone: x\n- a\n+ gone\n"}, unused, "one that is killed is explained for nothing")
}

func TestBatchesGrow(t *testing.T) {
	t.Parallel()
	var tests []*test
	for i := range 9 {
		tests = append(tests, &test{folder: map[bool]string{true: "a", false: ""}[i == 7]})
	}
	var sizes []int
	for _, b := range batches(tests) {
		sizes = append(sizes, len(b))
	}
	assert.Equal(t, []int{1, 4, 3, 1}, sizes)
}
