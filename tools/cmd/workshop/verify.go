package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/proof"
	"example.com/boxoffice/tools/internal/verify"
)

// verifyFlags are the flags of verify as they were given.
type verifyFlags struct {
	steps    []string
	only     []string
	answers  []string
	fresh    bool
	alone    bool
	compare  bool
	named    bool
	thorough bool
	race     bool
	mutants  bool
	repeat   int
	busy     bool
	jobs     int
	list     bool
	json     bool
}

func newVerifyCmd(e *env) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the whole course: the author's and CI's command",
		Long: `Check the whole course. Starters are red where their lessons say and nowhere else,
solutions are green, every wrong answer is caught by the test that it names, and
the code and the text around them are in order.

Against a wrong answer runs the test that the answer names. With --thorough, or for
some steps alone, all tests of the step do: none of another task may be red.

What passed is remembered in your cache folder. A check isn't run again until something
that it reads has changed: files, Go, the programs that it starts, the environment. With
--fresh, and where CI is set, everything is run.

The last line counts: "N passed, M failed", and how many were skipped. The command
exits with 1 when a check failed.`,
		Example: `  go tool workshop verify --step 06                             one step, while writing it
  go tool workshop verify --only wrong-answers --step 06,07
  go tool workshop verify --step 06 --answer no-limit --alone   one answer, built by itself
  go tool workshop verify --step 03,04 --named                  some steps as in a whole round
  go tool workshop verify --thorough                            before a release
  go tool workshop verify --mutants --step 06                   what would the tests not notice?
  go tool workshop verify --only solution --repeat 50 --busy    are the tests flaky?`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.list {
				return listChecks(e, f.json)
			}
			return runVerify(cmd.Context(), e, f)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.steps, "step", nil, "check this `STEP` only, by number or name; may be repeated")
	flags.StringSliceVar(&f.only, "only", nil, "run this `CHECK` only; may be repeated (--list names them)")
	flags.StringSliceVar(&f.answers, "answer", nil, "of the answers, look at the one with this `NAME` only (its file without .patch); may be repeated")
	flags.BoolVar(&f.fresh, "fresh", false, "run everything, whatever has passed before")
	flags.BoolVar(&f.alone, "alone", false, "build each answer by itself instead of many in one test binary")
	flags.BoolVar(&f.compare, "compare", false, "judge each answer both ways, and find fault where the results differ")
	flags.BoolVar(&f.named, "named", false, "for some steps too, run against answers what is run for the whole course")
	flags.BoolVar(&f.thorough, "thorough", false, "run all tests against each answer, and earlier ones on every later solution")
	flags.BoolVar(&f.race, "race", false, "run the solutions' tests with the race detector too")
	flags.BoolVar(&f.mutants, "mutants", false, "change each step's code in many small ways, and see whether its tests tell; minutes a step")
	flags.IntVar(&f.repeat, "repeat", 1, "run each solution's tests `N` times, and count what fails")
	flags.BoolVar(&f.busy, "busy", false, "keep every core busy meanwhile")
	flags.IntVarP(&f.jobs, "jobs", "j", 0, "checks at a `time`; 0 is two a core (what only computes counts for two)")
	flags.BoolVar(&f.list, "list", false, "list the checks")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	return cmd
}

func listChecks(e *env, asJSON bool) error {
	if asJSON {
		type check struct {
			Name  string `json:"name"`
			About string `json:"about"`
		}
		var list []check
		for _, c := range verify.Names() {
			list = append(list, check{c[0], c[1]})
		}
		return writeIndented(e, list)
	}
	for _, c := range verify.Names() {
		fmt.Fprintf(e.stdout, "%-14s %s\n", c[0], c[1])
	}
	return nil
}

func writeIndented(e *env, v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func runVerify(ctx context.Context, e *env, f verifyFlags) error {
	c, err := e.Course()
	if errors.Is(err, course.ErrNoCourse) {
		return err
	}
	if err != nil {
		return closeVerify(e, f, verify.Unreadable(err))
	}
	o, err := f.options(e, c)
	if err != nil {
		return err
	}
	lines := &verify.Lines{Out: e.stdout, Live: e.Interactive(), Width: func() int { width, _ := e.Size(); return width }}
	if f.json {
		lines.Out, lines.Live = e.stderr, false
	}
	o.Watch = lines
	if o.Memory, err = proof.Open(); err != nil {
		fmt.Fprintf(e.stderr, "Nothing is remembered: %v\n", err)
	}
	report, err := verify.Run(ctx, o)
	lines.Clear()
	if err != nil || ctx.Err() != nil {
		return machineProblem(ctx, "can't verify the course", err)
	}
	return closeVerify(e, f, report)
}

// options checks what was asked for.
func (f verifyFlags) options(e *env, c *course.Course) (verify.Options, error) {
	o := verify.Options{
		Course: c, Only: f.only, Answers: f.answers, Fresh: f.fresh || os.Getenv("CI") != "", Alone: f.alone, Compare: f.compare,
		Thorough: f.thorough, Named: f.named, Race: f.race, Mutants: f.mutants, Repeat: f.repeat, Busy: f.busy, Jobs: f.jobs,
	}
	if f.mutants && len(f.only) == 0 {
		o.Only = []string{"mutants"}
	}
	if f.repeat < 1 || f.jobs < 0 {
		return o, cli.Usage(errors.New("--repeat counts from 1 and --jobs from 0"), "go tool workshop verify --help")
	}
	if err := verify.Known(f.only); err != nil {
		return o, cli.Usage(err, "go tool workshop verify --list")
	}
	for _, arg := range f.steps {
		s, err := c.Find(strings.TrimSpace(arg), e.cwd)
		if err != nil {
			return o, cli.Usage(err, "go tool workshop list")
		}
		o.Steps = append(o.Steps, s)
	}
	if unknown := o.UnknownAnswers(); len(unknown) > 0 {
		return o, cli.Usage(fmt.Errorf("no answer is called %s", strings.Join(unknown, " or ")), "ls solutions/*/wrong-answers")
	}
	return o, nil
}

// closeVerify prints what failed, and the count.
func closeVerify(e *env, f verifyFlags, report *verify.Report) error {
	if f.json {
		if err := writeIndented(e, report); err != nil {
			return err
		}
	} else {
		report.WriteFailures(e.stdout)
		fmt.Fprintln(e.stdout)
		if report.Redis != "" {
			fmt.Fprintf(e.stdout, "The tests' Redis: %s\n", report.Redis)
		}
		if report.Nginx != "" {
			fmt.Fprintf(e.stdout, "The tests' nginx: %s\n", report.Nginx)
		}
		if report.AgainstWrong != "" {
			fmt.Fprintf(e.stdout, "Run against wrong answers: %s\n", report.AgainstWrong)
		}
		if report.AgainstRight != "" {
			fmt.Fprintf(e.stdout, "Run against right answers: %s\n", report.AgainstRight)
		}
		report.WriteUnchecked(e.stdout)
		report.WriteHow(e.stdout)
		fmt.Fprintln(e.stdout, report.Summary())
	}
	if report.Failed > 0 {
		return cli.ErrRed
	}
	return nil
}
