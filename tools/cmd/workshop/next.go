package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/terminal"
)

func newNextCmd(e *env) *cobra.Command {
	var anyway bool
	cmd := &cobra.Command{
		Use:        "next [STEP]",
		SuggestFor: []string{"skip", "goto", "continue", "step"},
		Short:      "Go on to the next step, or to the one you name",
		Long: `Make the next step the current one, which a bare "workshop" shows.
Nothing of your code changes. A step that isn't green yet is left with --anyway only.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(_ *cobra.Command, args []string) error {
			var to *course.Step
			var err error
			if len(args) > 0 {
				to, err = e.Step(args[0])
			} else {
				to, err = e.nextStep(anyway)
			}
			if err != nil {
				return err
			}
			return e.moveTo(to)
		},
	}
	cmd.Flags().BoolVar(&anyway, "anyway", false, "leave a step that isn't green")
	return cmd
}

// nextStep is the step after the current one, which has to be green or left anyway.
func (e *env) nextStep(anyway bool) (*course.Step, error) {
	current, err := e.CurrentStep()
	if err != nil {
		return nil, err
	}
	state, err := e.Progress()
	if err != nil {
		return nil, err
	}
	if _, done := state.Done[current.Number]; !done && !anyway {
		return nil, &cli.Problem{What: fmt.Sprintf("step %02d isn't green yet", current.Number), Code: cli.ExitRed,
			Next: fmt.Sprintf("go tool workshop test %02d     (or: go tool workshop next --anyway)", current.Number)}
	}
	next := e.course.Next(current)
	if next == nil {
		return nil, &cli.Problem{What: fmt.Sprintf("%s is the last step", current.Name), Next: "go tool workshop list", Code: cli.ExitUsage}
	}
	return next, nil
}

// moveTo makes a step the current one.
func (e *env) moveTo(s *course.Step) error {
	state, err := e.Progress()
	if err != nil {
		return err
	}
	state.Current = s.Number
	if err := state.Save(); err != nil {
		return &cli.Problem{What: "can't remember the step", Why: err, Next: "go tool workshop doctor"}
	}
	st := e.style()
	fmt.Fprintln(e.stdout, strings.Join([]string{
		st.Paint(terminal.Bold, fmt.Sprintf("You stand at step %02d: %s", s.Number, s.Title)),
		st.Labelled("Lesson", fmt.Sprintf("go tool workshop read %02d", s.Number)),
		st.Labelled("Code", relative(e.cwd, s.Dir)),
		st.Labelled("Go on", "go tool workshop"),
	}, "\n"))
	return nil
}
