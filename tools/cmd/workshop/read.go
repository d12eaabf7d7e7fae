package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// readTool prints lessons.
var readTool = tool{path: "example.com/boxoffice/tools/cmd/read", name: "read", what: "what reads the lessons"}

func newReadCmd(e *env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:        "read [STEP|GUIDE]",
		SuggestFor: []string{"lesson", "show", "cat", "docs", "book", "guide"},
		Short:      "Read a lesson in the terminal",
		Long: `Show the lesson of a step whole: with the code that it is about, the numbers of its charts, and
what its drawings say. Answers stay folded without --all. A guide is named by its file, such as
"setup" or "troubleshooting".

What is longer than the terminal is shown with $PAGER, or less. In a browser: "start".`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			handed := []string{strings.Join(args, "")}
			if len(args) == 0 {
				step, err := e.Step("")
				if err != nil {
					return err
				}
				handed[0] = step.Name
			}
			if all {
				handed = append(handed, "--all")
			}
			if e.plain {
				handed = append(handed, "--plain")
			}
			return e.handOver(cmd.Context(), readTool, handed)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show what is folded, too")
	return cmd
}
