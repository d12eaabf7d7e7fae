package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Explain makes problems of what cobra says about the commands, arguments and options that
// were given to root, whose commands are known by now. What there is no name for is
// answered with the nearest one.
func Explain(root *cobra.Command) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Args = knownCommand
	root.SetFlagErrorFunc(flagProblem)
	for _, cmd := range root.Commands() {
		explainArguments(cmd)
	}
}

// Main runs a program's command until it is done or interrupted, prints why it failed, and ends the
// process with the exit code for that.
func Main(root *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := root.ExecuteContext(ctx)
	stop()
	Print(os.Stderr, err)
	os.Exit(ExitCode(err))
}

// help is the command that tells how a command is called.
func help(cmd *cobra.Command) string { return cmd.CommandPath() + " --help" }

// knownCommand refuses a word that is no command, and suggests the nearest.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return Usage(fmt.Errorf("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or ")), help(cmd))
	}
	return Usage(fmt.Errorf("there is no command %q", args[0]), help(cmd))
}

// explainArguments makes problems of what cobra says about arguments.
func explainArguments(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		var p *Problem
		if err == nil || errors.As(err, &p) {
			return err
		}
		return Usage(fmt.Errorf("%s: %w", cmd.CommandPath(), err), help(cmd))
	}
	for _, sub := range cmd.Commands() {
		explainArguments(sub)
	}
}

// flagProblem says which option is wrong, and which one is near.
func flagProblem(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			return Usage(fmt.Errorf("there is no option --%s; did you mean --%s?", unknown.GetSpecifiedName(), near), help(cmd))
		}
	}
	return Usage(err, help(cmd))
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
