package load

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load/ceiling"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
)

// handler is one of the smallest APIs, made of this test binary.
func handler(t *testing.T, kind string) Variant {
	t.Helper()
	own, err := os.Executable()
	require.NoError(t, err)
	schema, err := filepath.Abs("../seed/testdata/schema.sql")
	require.NoError(t, err)
	return Variant{Name: kind, Binary: own, Args: []string{ceiling.Name, kind}, Env: []string{"SCHEMA=" + schema}}
}

func looks() *course.Scenario {
	return &course.Scenario{
		Text: "Looks at events.", Steady: 100, Columns: []string{"sustained"},
		Requests: []course.ScenarioRequest{{Method: "GET", Path: "/events/{hot}"}},
	}
}

func TestMeasureCountsAndFindsRates(t *testing.T) {
	t.Parallel()
	report, err := Measure(t.Context(), Options{
		Scenario: looks(), Budget: time.Second,
		Variants: []Variant{handler(t, ceiling.Row), handler(t, ceiling.Redis)},
	})
	require.NoError(t, err)
	require.Equal(t, 3, report.Rounds)
	queries := map[string]float64{ceiling.Row: 1, ceiling.Redis: 0}
	commands := map[string]float64{ceiling.Row: 0, ceiling.Redis: 1}
	for _, f := range report.Figures {
		require.Len(t, f.Rounds, 3)
		require.Equal(t, 60, f.Requests, "a hundred a second, for 3 rounds of 0.2 s")
		require.Zero(t, f.Failed+f.Wrong, f.FirstBad)
		require.InDelta(t, queries[f.Name], f.Queries, 0.5, "%s; the first look at an event is the cache's to learn", f.Name)
		require.InDelta(t, commands[f.Name], f.Commands, 0.5, f.Name)
		require.Positive(t, f.SustainedRate(), f.Name)
		require.Positive(t, f.Memory)
		require.Positive(t, f.CPU)
		for _, r := range f.Rounds {
			require.Positive(t, r.P50)
			require.LessOrEqual(t, r.P50, r.P99)
		}
	}
	require.Regexp(t, `^Go 1\.\d+\S*, PostgreSQL \d+\S*, .*Redis`, report.Versions)
	require.NotEmpty(t, report.Machine)
}

func TestAnAPIThatDoesNotComeUpIsQuoted(t *testing.T) {
	t.Parallel()
	broken := handler(t, ceiling.Row)
	broken.Name, broken.Args = "yours", []string{"broken"}
	_, err := Measure(t.Context(), Options{Scenario: looks(), Variants: []Variant{broken}})
	var down *StartError
	require.ErrorAs(t, err, &down)
	require.ErrorContains(t, err, "the API of your code ended at its start (exit status 7)")
	require.ErrorContains(t, err, "no such table: tickets")
}

func TestCountsAreOfTheRequestsThatWereSent(t *testing.T) {
	t.Parallel()
	f := &measurement.Figures{}
	tally(f, Sample{Due: 22}, pgtap.Stats{Queries: 22 * 51, Rows: 2200, Bytes: 1500, Sent: 700}, redistap.Stats{Commands: 44})
	require.Equal(t, 22, f.Requests)
	require.Equal(t, []float64{51, 100, 100, 2}, []float64{f.Queries, f.Rows, f.Bytes, f.Commands})

	// Of the next ones, half fail, and cost as much; others never leave, and cost nothing.
	bad := Sample{Due: 20, Failed: 7, Wrong: 3, Unsent: 12, FirstBad: "GET /events: 503"}
	tally(f, bad, pgtap.Stats{Queries: 8 * 51}, redistap.Stats{})
	require.Equal(t, []int{42, 19, 12, 3, 30}, []int{f.Requests, f.Failed, f.Unsent, f.Wrong, f.Sent()})
	require.InDelta(t, 51, f.Queries, 1e-9, "of 30 requests")
	require.InDelta(t, 44.0/30, f.Commands, 1e-9)

	tally(f, Sample{Due: 1, FirstBad: "GET /events: 500"}, pgtap.Stats{}, redistap.Stats{})
	require.Equal(t, "GET /events: 503", f.FirstBad)

	nothing := &measurement.Figures{}
	tally(nothing, Sample{Due: 3, Unsent: 3}, pgtap.Stats{}, redistap.Stats{})
	require.Zero(t, nothing.Queries, "and not one that JSON doesn't know")
}

func TestTheBudgetMakesTheUnit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget   time.Duration
		variants int
		want     time.Duration
	}{
		"a minute for two": {54 * time.Second, 2, time.Second},
		"for three":        {81 * time.Second, 3, time.Second},
		"an hour":          {time.Hour, 2, 2 * time.Second},
		"a moment":         {time.Second, 2, shortestUnit},
	} {
		m := &run{Options: Options{Budget: c.budget, Variants: make([]Variant, c.variants)}}
		m.plan()
		require.Equal(t, c.want, m.unit, name)
		require.Equal(t, 3, m.rounds, name)
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	_, err := Measure(ctx, Options{
		Scenario: looks(), Budget: time.Hour, Variants: []Variant{handler(t, ceiling.Constant)},
		Progress: func(string) { cancel() },
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), time.Minute, "it isn't the hour of the budget")
}

func TestAScenarioIsCheckedFirst(t *testing.T) {
	t.Parallel()
	_, err := Measure(t.Context(), Options{Scenario: &course.Scenario{Text: "x"}})
	require.ErrorContains(t, err, "steady rate")
}
