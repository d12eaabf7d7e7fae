package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
		Use:           "workshop",
		Short:         "Start, test and explain the steps of Boxoffice",
		Long:          rootLong,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return e.bare(cmd.Context()) },
	}
	root.PersistentFlags().BoolVar(&e.plain, "plain", false, "no colours, no decoration, no keys")
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(flagProblem)
	root.AddCommand(
		newStartCmd(e),
		newWatchCmd(e),
		newTestCmd(e),
		newListCmd(e),
		newHintCmd(e),
		newNextCmd(e),
		newDiffCmd(e),
		newResetCmd(e),
		newSolveCmd(e),
		newRunCmd(e),
		newServicesCmd(e),
		newDoctorCmd(e),
		newSiteCmd(e),
		newVerifyCmd(e),
		newStarterCmd(e),
		newLoginCmd(e),
		newGuardCmd(),
	)
	for _, cmd := range root.Commands() {
		explainArguments(cmd)
	}
	return root
}

// knownCommand refuses a word that is no command, and suggests the nearest.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usage(fmt.Errorf("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or ")), "go tool workshop --help")
	}
	return usage(fmt.Errorf("there is no command %q", args[0]), "go tool workshop --help")
}

// explainArguments makes problems of what cobra says about arguments.
func explainArguments(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		var p *problem
		if err == nil || errors.As(err, &p) {
			return err
		}
		return usage(fmt.Errorf("%s: %w", cmd.CommandPath(), err), fmt.Sprintf("go tool %s --help", cmd.CommandPath()))
	}
	for _, sub := range cmd.Commands() {
		explainArguments(sub)
	}
}

// flagProblem says which option is wrong, and which one is near.
func flagProblem(cmd *cobra.Command, err error) error {
	next := fmt.Sprintf("go tool %s --help", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			return usage(fmt.Errorf("there is no option --%s; did you mean --%s?", unknown.GetSpecifiedName(), near), next)
		}
	}
	return usage(err, next)
}

func nearestFlag(cmd *cobra.Command, name string) string {
	// Cobra measures the distance of names of commands alone, so the options become
	// commands for the question.
	options := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		options.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if near := options.SuggestionsFor(name); len(near) > 0 {
		return near[0]
	}
	return ""
}
