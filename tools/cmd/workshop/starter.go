package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
)

// newStarterCmd is for authors, so it is hidden: learners change steps/, and what they
// change must not become what `reset` gives them.
func newStarterCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:    "starter STEP...",
		Short:  "For authors: write solutions/NN/starter.patch, from which reset makes steps/NN",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, arg := range args {
				step, err := e.Step(arg)
				if err != nil {
					return err
				}
				if err := e.writeStarter(step); err != nil {
					return &cli.Problem{What: "can't write the starter", Why: err, Next: "go tool workshop verify"}
				}
			}
			return nil
		},
	}
}

func (e *env) writeStarter(s *course.Step) error {
	src, err := s.MakeStarterPatch()
	if err != nil {
		return err
	}
	path := filepath.Join(s.SolutionDir, course.StarterFile)
	if err := progress.WriteFile(path, src); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, relative(e.cwd, path))
	return nil
}
