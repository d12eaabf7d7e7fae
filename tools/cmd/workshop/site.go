package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// siteTool renders and serves the site.
var siteTool = tool{path: "example.com/boxoffice/tools/cmd/site", name: "site", what: "the site's tools"}

func newStartCmd(e *env) *cobra.Command {
	var addr string
	var origins []string
	var open bool
	cmd := &cobra.Command{
		Use:   "start [STEP]",
		Short: "Read the lessons in a browser, where tasks turn green as you save",
		Long: `Serve the lessons on this machine, and run the tests of a step whenever you save one of
its files, as "watch" does: tasks change in the page, a failure unfolds under its task, and
hints open one by one. The address is printed. Ctrl-C ends it. The STEP becomes the current
one, as with "next"; without one it is the step of the folder, else the current one.

It is at 127.0.0.1:8090, or at the next port that is free. WORKSHOP_POLL=1 looks for saved
files instead of waiting for events.

On another machine, forward the port: ssh -L 8090:127.0.0.1:8090 MACHINE. Where a service
forwards it to an address of its own, name that with --origin, and keep the port private.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			handed := []string{"start", step.Name}
			if addr != "" {
				handed = append(handed, "--addr="+addr)
			}
			for _, origin := range origins {
				handed = append(handed, "--origin="+origin)
			}
			if open {
				handed = append(handed, "--open")
			}
			return e.handOver(cmd.Context(), siteTool, handed)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "`HOST:PORT` of this machine to listen on")
	cmd.Flags().StringArrayVar(&origins, "origin", nil, "an `ORIGIN` that a forwarded port has in the browser, as https://name-8090.example.dev")
	cmd.Flags().BoolVar(&open, "open", false, "open a browser, too")
	return cmd
}

func newSiteCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "site build|check|serve",
		Short: "Render the lessons and guides as a site of static files",
		Long: `Render the lessons and guides:

  build   write static files that work from a folder
  check   say what is wrong with them, by file and line
  serve   show them while you write

"go tool workshop site build --help" tells the options of each.`,
		DisableFlagParsing: true, // they are the site's
		RunE: func(cmd *cobra.Command, args []string) error {
			args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--plain" })
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			return e.handOver(cmd.Context(), siteTool, args)
		},
	}
}
