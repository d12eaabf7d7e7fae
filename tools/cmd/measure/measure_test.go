package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load"
	"example.com/boxoffice/tools/internal/measurement"
)

func steps() *course.Course {
	return &course.Course{Root: "/x", Steps: []*course.Step{
		{Number: 1, Name: "01-first", Slug: "first", Title: "The first", Scenario: &course.Scenario{Text: "Looks."}, Dir: "/x/steps/01-first"},
		{Number: 2, Name: "02-second", Slug: "second", Dir: "/x/steps/02-second"},
	}}
}

func TestWhatIsMeasured(t *testing.T) {
	t.Parallel()
	p, err := (&options{}).plan(steps(), "1", "/x")
	require.NoError(t, err)
	require.Equal(t, "Step 01, The first", p.title)
	require.Equal(t, "go tool workshop measure 01", p.command)
	require.Equal(t, "Looks.", p.scenario.Text)

	for _, o := range []*options{{journey: true}, {limit: true}} {
		p, err := o.plan(steps(), "", "/x")
		require.NoError(t, err)
		require.NoError(t, p.scenario.Check(measurement.Columns()))
		_, err = o.plan(steps(), "1", "/x")
		require.Equal(t, cli.ExitUsage, cli.ExitCode(err))
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"2": "step 02 has nothing to measure", "7": `there is no step "7"`} {
		_, err := (&options{}).plan(steps(), name, "/x")
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "next: go tool workshop list")
		require.Equal(t, cli.ExitUsage, cli.ExitCode(err))
	}
}

func TestBuildProblemsSayWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	p := &plan{command: "go tool workshop measure 01"}
	err := buildProblem(t.Context(), p, &load.CompileError{Name: "yours", Output: "main.go:1: no"})
	require.Equal(t, cli.ExitRed, cli.ExitCode(err))
	require.ErrorContains(t, err, "the API of your code doesn't compile:\nmain.go:1: no\n  next: mend it, then: go tool workshop measure 01")
	err = buildProblem(t.Context(), p, errors.New("disk full"))
	require.Equal(t, cli.ExitMachine, cli.ExitCode(err))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, cli.ExitInterrupted, cli.ExitCode(buildProblem(over, p, err)))
}

func TestChartsAreWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chart.json")
	require.NoError(t, draw(path, &measurement.Report{
		Title: "Queries", Scenario: course.Scenario{Columns: []string{"queries"}}, Figures: []*measurement.Figures{{Name: "solution", Queries: 2}},
	}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var chart measurement.Chart
	require.NoError(t, json.Unmarshal(text, &chart))
	require.Equal(t, []float64{2}, chart.Rows[0].Values)
}
