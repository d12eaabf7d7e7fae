package load

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load/bare"
)

// handler is one of the smallest APIs, made of this test binary.
func handler(t *testing.T, kind string) Variant {
	t.Helper()
	own, err := os.Executable()
	require.NoError(t, err)
	schema, err := filepath.Abs("../seed/testdata/schema.sql")
	require.NoError(t, err)
	return Variant{Name: kind, Binary: own, Args: []string{bare.Name, kind}, Env: []string{"SCHEMA=" + schema}}
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
		Variants: []Variant{handler(t, bare.Row), handler(t, bare.Redis)},
	})
	require.NoError(t, err)
	require.Equal(t, 3, report.Rounds)
	queries := map[string]float64{bare.Row: 1, bare.Redis: 0}
	commands := map[string]float64{bare.Row: 0, bare.Redis: 1}
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
	require.Contains(t, report.Versions, "PostgreSQL ")
	require.NotEmpty(t, report.Machine)
}

func TestAnAPIThatDoesNotComeUpIsQuoted(t *testing.T) {
	t.Parallel()
	broken := handler(t, bare.Row)
	broken.Name, broken.Args = "yours", []string{"broken"}
	_, err := Measure(t.Context(), Options{Scenario: looks(), Variants: []Variant{broken}})
	var down *StartError
	require.ErrorAs(t, err, &down)
	require.ErrorContains(t, err, "the API of your code ended at its start (exit status 7)")
	require.ErrorContains(t, err, "no such table: tickets")
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	_, err := Measure(ctx, Options{
		Scenario: looks(), Budget: time.Hour, Variants: []Variant{handler(t, bare.Constant)},
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
