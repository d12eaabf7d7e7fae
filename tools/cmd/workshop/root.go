package main

import (
	"github.com/spf13/cobra"
)

// newRootCmd is the whole command; each file beside this one adds one subcommand.
func newRootCmd(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:           "workshop",
		Short:         "Start, test and explain the steps of Boxoffice",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().BoolVar(&e.plain, "plain", false, "no colours, no decoration, no keys")
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.AddCommand(
		newRunCmd(e),
		newServicesCmd(e),
		newDoctorCmd(e),
		newVerifyCmd(e),
		newGuardCmd(),
		newLoginCmd(e),
	)
	return root
}
