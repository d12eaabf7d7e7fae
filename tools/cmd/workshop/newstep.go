package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/carry"
	"example.com/boxoffice/tools/internal/cli"
)

// newNewStepCmd is for authors, so it is hidden, as starter is.
func newNewStepCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "new-step NN-NAME",
		Short: "For authors: make the next step from the solution of the last one",
		Long: `Make the next step from the solution of the last one: its starter and its solution, which
compile at once, the tests that go from step to step, the entries in go.work, and a lesson
and hints to fill in. verify says what is missing.`,
		Example: "  go tool workshop new-step 11-consistency",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := e.Course()
			if err != nil {
				return err
			}
			paths, err := carry.NewStep(c, args[0])
			if err != nil {
				return &cli.Problem{What: "can't make the step; nothing was written", Why: err, Next: "go tool workshop list"}
			}
			e.tellMade(args[0], paths)
			return nil
		},
	}
}

// tellMade says what was made, folder by folder, and where to go on.
func (e *env) tellMade(name string, paths []string) {
	folders := map[string]int{}
	for _, path := range paths {
		for _, folder := range []string{"steps/" + name, "solutions/" + name} {
			if strings.HasPrefix(path, folder+"/") {
				folders[folder]++
			}
		}
	}
	for _, folder := range []string{"steps/" + name, "solutions/" + name} {
		fmt.Fprintf(e.stdout, "%s/   %s\n", folder, count(folders[folder], "file", "files"))
	}
	for _, path := range paths {
		if !strings.HasPrefix(path, "steps/") && !strings.HasPrefix(path, "solutions/") {
			fmt.Fprintln(e.stdout, path)
		}
	}
	fmt.Fprintln(e.stdout, e.style().Labelled("Go on", "go tool workshop verify --step "+name[:2]+" --only front-matter,tasks"))
}
