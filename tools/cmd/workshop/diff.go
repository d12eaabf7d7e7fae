package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/terminal"
)

func newDiffCmd(e *env) *cobra.Command {
	var stat bool
	cmd := &cobra.Command{
		Use:        "diff [STEP]",
		SuggestFor: []string{"compare", "solution"},
		Short:      "Compare your code with the solution",
		Long: `Compare your code with the step's solution, without the tests: lines with - are
yours, lines with + are the solution's.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(_ *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			return e.diff(step, stat)
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "only say how much differs in each file")
	return cmd
}

func (e *env) diff(s *course.Step, stat bool) error {
	files, err := learner.Compare(s)
	if err != nil {
		return &cli.Problem{What: "can't compare", Why: err, Next: fmt.Sprintf("go tool workshop reset %02d", s.Number)}
	}
	if len(files) == 0 {
		fmt.Fprintf(e.stdout, "Your code of step %02d is the solution's, letter for letter.\n", s.Number)
		return nil
	}
	st := e.style()
	for _, f := range files {
		if stat {
			fmt.Fprintln(e.stdout, statLine(st, f))
		} else {
			fmt.Fprint(e.stdout, coloured(st, f.Text))
		}
	}
	return nil
}

// statLine says how much of a file differs.
func statLine(st terminal.Style, f learner.FileDiff) string {
	note := ""
	switch f.Only {
	case learner.OnlyYours:
		note = "  only in yours"
	case learner.OnlySolution:
		note = "  only in the solution"
	}
	return fmt.Sprintf("%-36s %s %s%s", f.Name, st.Paint(terminal.Green, fmt.Sprintf("%5s", fmt.Sprintf("+%d", f.Added))),
		st.Paint(terminal.Red, fmt.Sprintf("%5s", fmt.Sprintf("-%d", f.Removed))), note)
}

// coloured is a unified diff as a terminal shows it.
func coloured(st terminal.Style, diff string) string {
	var b strings.Builder
	for i, line := range strings.SplitAfter(diff, "\n") {
		code, text := "", strings.TrimSuffix(line, "\n")
		switch {
		case i < 2:
			code = terminal.Bold
		case strings.HasPrefix(line, "@@"):
			code = terminal.Cyan
		case strings.HasPrefix(line, "+"):
			code = terminal.Green
		case strings.HasPrefix(line, "-"):
			code = terminal.Red
		}
		if code != "" {
			text = st.Paint(code, text)
		}
		b.WriteString(text)
		if strings.HasSuffix(line, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
