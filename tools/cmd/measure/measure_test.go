package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
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

// goThatDoes puts a program before go that does what script says.
func goThatDoes(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestTheJourneyGoesFromTheFirstStepToTheNewest(t *testing.T) {
	goThatDoes(t, "exit 0")
	c := coursetest.New(t)
	b := &load.Builder{Root: c.Root, Folder: t.TempDir()}
	list, err := journeyPlan(c).variants(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, []load.Variant{
		{Name: "01-adding", Binary: filepath.Join(b.Folder, "bin", "01-adding-solution")},
		{Name: "02-doubling", Binary: filepath.Join(b.Folder, "bin", "02-doubling-solution"), Against: "01-adding"},
	}, list)

	c.Steps = c.Steps[:1]
	list, err = journeyPlan(c).variants(t.Context(), b)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Empty(t, list[0].Against, "nothing is compared with itself")
}

func TestTheLimitIsTheNewestSolutions(t *testing.T) {
	goThatDoes(t, "exit 0")
	c := coursetest.New(t)
	list, err := limitPlan(c).variants(t.Context(), &load.Builder{Root: c.Root, Folder: t.TempDir()})
	require.NoError(t, err)
	require.Len(t, list, 5)
	require.Equal(t, "02-doubling-solution", filepath.Base(list[2].Binary))
}

func TestAMistakeInOneSolutionEndsTheJourney(t *testing.T) {
	goThatDoes(t, `case "$*" in *02-doubling*) echo "main.go:1: no"; exit 1;; esac`)
	c := coursetest.New(t)
	o := &options{stdout: io.Discard, stderr: io.Discard}
	err := o.measure(t.Context(), c, journeyPlan(c))
	require.Equal(t, cli.ExitRed, cli.ExitCode(err))
	require.ErrorContains(t, err, "the API of the solution doesn't compile:\nmain.go:1: no\n  next: mend it, then: go tool workshop measure --journey")
}

func TestABusyMachineIsToldBeforeItIsMeasuredOn(t *testing.T) {
	goThatDoes(t, "exit 1")
	c := coursetest.New(t)
	for load, want := range map[float64]bool{0.1: false, 1000: true} {
		var told strings.Builder
		o := &options{stdout: io.Discard, stderr: &told, load: func() float64 { return load }}
		require.Error(t, o.measure(t.Context(), c, journeyPlan(c)))
		require.Equal(t, want, strings.HasPrefix(told.String(), "The load is 1000 on "), told.String())
	}
}

func TestOfAMeasurementThatEndsEarlyNothingIsKept(t *testing.T) {
	t.Setenv("WORKSHOP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none?sslmode=disable") // nobody listens
	for name, c := range map[string]struct {
		interrupt bool
		code      int
	}{"Ctrl-C": {true, cli.ExitInterrupted}, "no database": {false, cli.ExitMachine}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var stdout strings.Builder
			o := &options{stdout: &stdout, stderr: io.Discard}
			clone := &course.Course{Root: t.TempDir()}
			err := o.measure(ctx, clone, &plan{
				name: "journey", scenario: &load.JourneyScenario,
				variants: func(context.Context, *load.Builder) ([]load.Variant, error) {
					if c.interrupt {
						cancel()
					}
					return []load.Variant{{Name: "01-first"}}, nil
				},
			})
			require.Equal(t, c.code, cli.ExitCode(err), "%v", err)
			_, err = measurement.Newest(clone.Root, "journey")
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.Empty(t, stdout.String(), "figures of half a measurement say nothing")
		})
	}
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
