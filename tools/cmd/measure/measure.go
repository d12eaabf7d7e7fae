package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/load"
	"example.com/boxoffice/tools/internal/machine"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/runner"
)

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:         "measure",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "go tool workshop"},
		Short:       "Measure the APIs of the workshop",
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newMeasureCmd())
	cli.Explain(root)
	return root
}

func newMeasureCmd() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "measure [STEP]",
		Short: "Compare your code under load with what you began from, and with the solution",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stdout, o.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return o.run(cmd.Context(), strings.Join(args, ""))
		},
	}
	cmd.Flags().DurationVar(&o.budget, "for", 0, "about how long it may take (1m; with --journey and --limit 5m and 2m)")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the figures as JSON")
	cmd.Flags().BoolVar(&o.journey, "journey", false, "compare the solutions of all steps instead")
	cmd.Flags().BoolVar(&o.limit, "limit", false, "compare the newest solution with the smallest possible handlers instead")
	cmd.Flags().StringVar(&o.chart, "chart", "", "write the first figure as a chart of the site to this `FILE`, too")
	return cmd
}

type options struct {
	budget         time.Duration
	json           bool
	journey, limit bool
	chart          string
	stdout, stderr io.Writer
	load           func() float64 // of this machine; machine.Load when nil
}

// plan is what one call measures.
type plan struct {
	name     string // of files: "06-pooling", "journey", "limit"
	title    string
	command  string
	budget   time.Duration
	scenario *course.Scenario
	variants func(context.Context, *load.Builder) ([]load.Variant, error)
}

func (o *options) run(ctx context.Context, name string) error {
	dir, err := cli.WorkingFolder()
	if err != nil {
		return err
	}
	c, err := cli.OpenCourse(dir)
	if err != nil {
		return err
	}
	p, err := o.plan(c, name, dir)
	if err != nil {
		return err
	}
	return o.measure(ctx, c, p)
}

// plan finds what the command line asks for.
func (o *options) plan(c *course.Course, name, dir string) (*plan, error) {
	switch {
	case (o.journey || o.limit) && name != "":
		return nil, &cli.Problem{What: "--journey and --limit take no step", Next: "go tool workshop measure --help", Code: cli.ExitUsage}
	case o.journey:
		return journeyPlan(c), nil
	case o.limit:
		return limitPlan(c), nil
	}
	step, err := c.Find(name, dir)
	if err != nil {
		return nil, cli.Usage(err, "go tool workshop list")
	}
	if step.Scenario == nil {
		return nil, &cli.Problem{What: fmt.Sprintf("step %02d has nothing to measure", step.Number), Next: "go tool workshop list", Code: cli.ExitUsage}
	}
	return &plan{
		name: step.Name, title: fmt.Sprintf("Step %02d, %s", step.Number, step.Title), command: fmt.Sprintf("go tool workshop measure %02d", step.Number),
		budget: time.Minute, scenario: step.Scenario,
		variants: func(ctx context.Context, b *load.Builder) ([]load.Variant, error) { return b.Variants(ctx, step) },
	}, nil
}

// journeyPlan compares the solutions of all steps.
func journeyPlan(c *course.Course) *plan {
	return &plan{
		name: "journey", title: "The journey, from the first step's solution to the newest", command: "go tool workshop measure --journey", budget: 5 * time.Minute, scenario: &load.JourneyScenario,
		variants: func(ctx context.Context, b *load.Builder) (list []load.Variant, err error) {
			for _, step := range c.Steps {
				v, err := b.Solution(ctx, step)
				if err != nil {
					return nil, err
				}
				v.Name = step.Name
				if step == c.Steps[len(c.Steps)-1] && len(list) > 0 {
					v.Against = list[0].Name
				}
				list = append(list, v)
			}
			return list, nil
		},
	}
}

// limitPlan compares the newest solution with the smallest possible handlers.
func limitPlan(c *course.Course) *plan {
	newest := c.Steps[len(c.Steps)-1]
	return &plan{
		name: "limit", title: "How near to the limit: step " + newest.Name + " and the smallest handlers", command: "go tool workshop measure --limit", budget: 2 * time.Minute, scenario: &load.LimitScenario,
		variants: func(ctx context.Context, b *load.Builder) ([]load.Variant, error) {
			v, err := b.Solution(ctx, newest)
			if err != nil {
				return nil, err
			}
			return load.Limit(v)
		},
	}
}

func (o *options) measure(ctx context.Context, c *course.Course, p *plan) error {
	busy := o.busy() // before this has made load itself
	if busy != "" {
		o.say("%s", busy)
	}
	b := &load.Builder{Root: c.Root, Folder: filepath.Join(c.Root, ".workshop", "measure"), Waiting: runner.Seldom(func(line string) { o.say("  %s", line) })}
	o.say("Building the APIs.")
	variants, err := p.variants(ctx, b)
	if err != nil {
		return buildProblem(ctx, p, err)
	}
	budget := cmp.Or(o.budget, p.budget)
	o.say("Measuring %s, for about %v. Ctrl-C stops it.", names(variants), budget)
	report, err := load.Measure(ctx, load.Options{
		Scenario: p.scenario, Variants: variants, Budget: budget,
		Progress: func(line string) { o.say("  %s", line) },
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var down *load.StartError
	switch {
	case errors.As(err, &down):
		return &cli.Problem{What: "can't measure", Why: err, Next: "mend it, then: " + p.command, Code: cli.ExitRed}
	case err != nil:
		return &cli.Problem{What: "can't measure", Why: err, Next: "go tool workshop doctor"}
	}
	report.Step, report.Title, report.Command, report.Busy = p.name, p.title, p.command, busy
	if err := measurement.Keep(c.Root, report); err != nil {
		o.say("The figures are not kept: %v", err)
	}
	if o.chart != "" {
		if err := draw(o.chart, report); err != nil {
			return &cli.Problem{What: "the chart isn't written", Why: err, Next: p.command + " --chart FILE"}
		}
	}
	if o.json {
		encoder := json.NewEncoder(o.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	_, err = fmt.Fprint(o.stdout, report)
	return err
}

// busy says that this machine has too much else to do; "" when it hasn't.
func (o *options) busy() string {
	if o.load == nil {
		return machine.TooBusyToMeasure(machine.Load())
	}
	return machine.TooBusyToMeasure(o.load())
}

func (o *options) say(format string, args ...any) { fmt.Fprintf(o.stderr, format+"\n", args...) }

func names(variants []load.Variant) string {
	var list []string
	for _, v := range variants {
		list = append(list, v.String())
	}
	return strings.Join(list, ", ")
}

// buildProblem tells an API that doesn't compile from a course that isn't whole.
func buildProblem(ctx context.Context, p *plan, err error) error {
	var broken *load.CompileError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &broken):
		return &cli.Problem{What: err.Error(), Next: "mend it, then: " + p.command, Code: cli.ExitRed}
	}
	return &cli.Problem{What: "can't build the APIs", Why: err, Next: "go tool workshop doctor"}
}

// draw writes the report's chart for the site.
func draw(path string, r *measurement.Report) error {
	c, err := r.Chart()
	if err != nil {
		return err
	}
	text, err := c.JSON()
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o666)
}
