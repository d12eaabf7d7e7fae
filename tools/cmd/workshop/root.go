package main

import (
	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
)

const rootLong = `Start, test and explain the steps of Boxoffice.

Without a command it shows where you stand, runs the tests of your step and says what to do
next; on a terminal it goes on as "watch".

A STEP is named by its number (6, 06), its name (pooling, 06-pooling) or the folder you stand
in; without one it is the step of that folder, else the current one.

Exit codes: 0 all is well, 1 tests are red, 2 the command was called wrongly, 3 the machine or
the course lacks something, 130 interrupted.

NO_COLOR=1 turns colours off; --plain turns off signs, redrawing and keys too.

To type "workshop" alone, with completion, put into your shell's start-up file (for zsh, say
zsh instead of bash):
  workshop() { go tool workshop "$@"; }
and then, in the clone:
  source <(workshop completion bash)`

// newRootCmd is the whole command; each file beside this one adds one subcommand.
func newRootCmd(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:         "workshop",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "go tool workshop"},
		Short:       "Start, test and explain the steps of Boxoffice",
		Long:        rootLong,
		RunE:        func(cmd *cobra.Command, _ []string) error { return e.overview(cmd.Context()) },
	}
	root.PersistentFlags().BoolVar(&e.plain, "plain", false, "no colours, no decoration, no keys")
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.AddCommand(
		newStartCmd(e),
		newWatchCmd(e),
		newTestCmd(e),
		newListCmd(e),
		newReadCmd(e),
		newHintCmd(e),
		newNextCmd(e),
		newDiffCmd(e),
		newResetCmd(e),
		newSolveCmd(e),
		newRunCmd(e),
		newMeasureCmd(e),
		newServicesCmd(e),
		newDoctorCmd(e),
		newSiteCmd(e),
		newVerifyCmd(e),
		newStarterCmd(e),
		newCarryCmd(e),
		newNewStepCmd(e),
		newStopwatchCmd(e),
		newLoginCmd(e),
	)
	cli.Explain(root)
	return root
}
