package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
)

// measureTool makes load and measures.
var measureTool = tool{path: "example.com/boxoffice/tools/cmd/measure", name: "measure", what: "what makes the load"}

func newMeasureCmd(e *env) *cobra.Command {
	var budget time.Duration
	var json, journey, limit bool
	var chart string
	cmd := &cobra.Command{
		Use:        "measure [STEP]",
		SuggestFor: []string{"bench", "benchmark", "load"},
		Short:      "Compare your code under load with what you began from, and with the solution",
		Long: `Start the starter, your code and the solution of a step, each with a database and services
of its own, and put the same load on them in turn: requests that come at a steady rate, whether
or not the answers before them have come. It tells the highest rate at which 99 % of the answers
come within 100 ms, the latencies at a rate that all can bear, and what each request costs in
queries, connections and bytes. Your code is left out while it is the starter still.

--journey compares the solutions of all steps under the load of a sale; --limit compares the
newest solution with the smallest possible handlers.

It takes about a minute. Close what else is busy: the clients, the API and the database share
this machine. Ctrl-C ends it. The figures are kept in .workshop/measurements/, and the page of
the step that "start" serves shows them.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			if journey && limit || budget < 0 {
				return &cli.Problem{What: "--journey and --limit are two measurements, and --for takes a time above zero", Next: "go tool workshop measure --help", Code: cli.ExitUsage}
			}
			handed := []string{"measure"}
			switch {
			case journey || limit: // of all steps
				handed = append(handed, args...)
			default:
				step, err := e.Step(strings.Join(args, ""))
				if err != nil {
					return err
				}
				handed = append(handed, step.Name)
			}
			for _, flag := range []struct {
				name string
				set  bool
			}{{"--journey", journey}, {"--limit", limit}, {"--json", json}} {
				if flag.set {
					handed = append(handed, flag.name)
				}
			}
			if budget != 0 {
				handed = append(handed, "--for="+budget.String())
			}
			if chart != "" {
				handed = append(handed, "--chart="+chart)
			}
			return e.handOver(cmd.Context(), measureTool, handed)
		},
	}
	cmd.Flags().DurationVar(&budget, "for", 0, "`TIME` that it may take, about: 1m; 5m with --journey and 2m with --limit")
	cmd.Flags().BoolVar(&json, "json", false, "print the figures as JSON")
	cmd.Flags().BoolVar(&journey, "journey", false, "compare the solutions of all steps")
	cmd.Flags().BoolVar(&limit, "limit", false, "compare the newest solution with the smallest handlers")
	cmd.Flags().StringVar(&chart, "chart", "", "write the first figure as a chart of the site to this `FILE`, too")
	return cmd
}
