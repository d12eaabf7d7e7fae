package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/stopwatch"
)

// newStopwatchCmd is for authors, so it is hidden.
func newStopwatchCmd(e *env) *cobra.Command {
	often := 5
	cmd := &cobra.Command{
		Use:   "stopwatch [STEP...]",
		Short: "For authors: measure from save to verdict",
		Long: `Measure how long after a save a learner hears of the test that they are on, of its task and of all
tests, in each step, or in those that are named. It works on a copy of the clone: the step is
solved but for one wrong answer to its first task, everything has run before, and each save changes
a line of code. It prints the medians.`,
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := e.Course()
			if err != nil {
				return err
			}
			steps := c.Steps
			if len(args) > 0 {
				steps = nil
			}
			for _, arg := range args {
				s, err := e.Step(arg)
				if err != nil {
					return err
				}
				steps = append(steps, s)
			}
			return e.stopwatch(cmd.Context(), c, steps, often)
		},
	}
	cmd.Flags().IntVar(&often, "saves", often, "how often to save in each step")
	return cmd
}

func (e *env) stopwatch(ctx context.Context, c *course.Course, steps []*course.Step, often int) error {
	dir, err := os.MkdirTemp("", "boxoffice-stopwatch-")
	if err != nil {
		return &cli.Problem{What: "can't make a folder for a copy of the clone", Why: err, Next: "go tool workshop doctor"}
	}
	defer os.RemoveAll(dir)
	copied, err := stopwatch.Copy(c, dir)
	if err != nil {
		return &cli.Problem{What: "can't copy the clone", Why: err, Next: "go tool workshop doctor"}
	}
	ticker := e.newTicker()
	defer ticker.Stop()
	stop, err := e.startNeeds(ctx, ticker.Say)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(e.stdout, "| step | first verdict | slowest | its task | all tests | the test |\n|---|---|---|---|---|---|\n")
	var rounds []*stopwatch.Round
	for _, s := range steps {
		ticker.Start("saving in " + s.Name)
		round, err := e.round(ctx, copied.Step(s.Number), often)
		ticker.Stop()
		if err != nil {
			return machineProblem(ctx, "can't measure "+s.Name, err)
		}
		rounds = append(rounds, round)
		fmt.Fprintln(e.stdout, roundLine(round))
	}
	middle, slowest := stopwatch.Medians(rounds)
	fmt.Fprintf(e.stdout, "\nSave to first verdict: %.2f s in the median of %d steps, %.2f s in the slowest one; %d saves each.\n",
		middle.Seconds(), len(rounds), slowest.Seconds(), often)
	return nil
}

func (e *env) round(ctx context.Context, s *course.Step, often int) (*stopwatch.Round, error) {
	broken, err := stopwatch.Break(ctx, s)
	if err != nil {
		return nil, err
	}
	return stopwatch.Measure(ctx, broken, often, e.runTests)
}

func roundLine(r *stopwatch.Round) string {
	first := func(t stopwatch.Times) time.Duration { return t.First }
	slowest := time.Duration(0)
	for _, t := range r.Saves {
		slowest = max(slowest, t.First)
	}
	return fmt.Sprintf("| %s | %.2f s | %.2f s | %.2f s | %.2f s | `%s` |", r.Broken.Step.Name,
		r.Median(first).Seconds(), slowest.Seconds(),
		r.Median(func(t stopwatch.Times) time.Duration { return t.Task }).Seconds(),
		r.Median(func(t stopwatch.Times) time.Duration { return t.All }).Seconds(), r.First)
}
