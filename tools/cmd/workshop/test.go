package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/board"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

// testFlags are the options of `workshop test`.
type testFlags struct{ solution, json, all, race bool }

func newTestCmd(e *env) *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:        "test [STEP]",
		SuggestFor: []string{"check", "tests"},
		Short:      "Run a step's tests once",
		Long: `Run the tests of a step once, and show its tasks, the first failure and what to do next.
The exit code is 0 when the step is green and 1 when it is red.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return e.test(cmd.Context(), step, f)
		},
	}
	cmd.Flags().BoolVar(&f.solution, "solution", false, "test the solution instead of your code")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "show every failure whole")
	cmd.Flags().BoolVar(&f.race, "race", false, "with Go's race detector (slow to build the first time)")
	return cmd
}

func (e *env) test(ctx context.Context, s *course.Step, f testFlags) error {
	b, err := e.runBoard(ctx, s, f)
	if err != nil {
		return err
	}
	if f.json {
		err = writeJSON(e, reportOf(b))
	} else {
		_, err = fmt.Fprint(e.stdout, b)
	}
	if err == nil && !b.Verdict.Result.Green() {
		return cli.ErrRed
	}
	return err
}

// runBoard starts what the tests need, runs them, and is the board that shows them.
func (e *env) runBoard(ctx context.Context, s *course.Step, f testFlags) (*board.Board, error) {
	c, err := e.Course()
	if err != nil {
		return nil, err
	}
	state, err := e.Progress()
	if err != nil {
		return nil, err
	}
	ticker := e.newTicker()
	defer ticker.Stop()
	stop, err := e.startNeeds(ctx, ticker.Say)
	if err != nil {
		return nil, err
	}
	defer stop()
	ticker.Start(fmt.Sprintf("testing %s", s.Name))
	options := runner.Options{Step: s, Solution: f.solution, Race: f.race, Progress: ticker.Say, Waiting: ticker.Wait}
	hear := func(t runner.Test) { ticker.Count(t.Status == runner.Passed) }
	if _, ok := terminal.Descriptor(e.stdout); ok && !f.json {
		if !f.solution {
			options.First = learner.First(s, state, nil)
		}
		style := e.style()
		hear = func(t runner.Test) {
			ticker.Count(t.Status == runner.Passed)
			ticker.Print(board.TestLine(style, s, t))
		}
	}
	result, err := e.attempt(ctx, options, hear)
	ticker.Stop()
	if err != nil {
		return nil, err
	}
	if f.race && lacksC(result.Build) {
		return nil, &cli.Problem{What: "the race detector needs cgo, and cgo a C compiler", Why: errors.New(strings.TrimSpace(result.Build)),
			Next: fmt.Sprintf("CGO_ENABLED=1 go tool workshop test %02d --race     (gcc: sudo apt install gcc; on macOS: xcode-select --install)", s.Number)}
	}
	return &board.Board{Style: e.style(), Course: c, Verdict: learner.NewVerdict(s, state, result, f.solution), Cwd: e.cwd, All: f.all}, nil
}

// lacksC reports that go stopped for want of cgo or of a C compiler.
func lacksC(said string) bool {
	return strings.Contains(said, "-race requires cgo") || strings.Contains(said, "C compiler") && strings.Contains(said, "not found")
}

// testReport is what `test --json` prints.
type testReport struct {
	Step    int          `json:"step"`
	Name    string       `json:"name"`
	Green   bool         `json:"green"`
	Build   string       `json:"build,omitempty"`
	Panic   string       `json:"panic,omitempty"`
	Changed []string     `json:"changed_tests,omitempty"`
	Seconds float64      `json:"seconds"`
	Tasks   []taskReport `json:"tasks"` // the guards are task 0
	Extra   []testLine   `json:"extra,omitempty"`
}

type taskReport struct {
	Number  int          `json:"number"`
	Title   string       `json:"title"`
	State   runner.State `json:"state"`
	Tests   []testLine   `json:"tests"`
	Missing []string     `json:"missing,omitempty"`
}

type testLine struct {
	Name    string        `json:"name"`
	Status  runner.Status `json:"status"`
	Output  string        `json:"output,omitempty"`
	Seconds float64       `json:"seconds"`
}

func reportOf(b *board.Board) testReport {
	step, result := b.Verdict.Step, b.Verdict.Result
	r := testReport{
		Step: step.Number, Name: step.Name, Green: result.Green(), Build: result.Build,
		Panic: result.Panic, Changed: result.Changed, Seconds: result.Elapsed.Seconds(),
		Extra: testLines(result.Extra()),
	}
	for _, t := range result.Tasks(step) {
		r.Tasks = append(r.Tasks, taskReport{t.Task.Number, t.Task.Title, t.State, testLines(t.Tests), t.Missing})
	}
	return r
}

func testLines(tests []runner.Test) []testLine {
	lines := []testLine{}
	for _, t := range tests {
		line := testLine{Name: t.Name, Status: t.Status, Seconds: t.Elapsed.Seconds()}
		if t.Status != runner.Passed {
			line.Output = t.Output
		}
		lines = append(lines, line)
	}
	return lines
}

func writeJSON(e *env, value any) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// completeStep offers the names of steps to a shell.
func (e *env) completeStep(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := e.Course()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, s := range c.Steps {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
