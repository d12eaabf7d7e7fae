package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/site/content"
)

func newBuildCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the site as static files",
		Long: `Check the site and write it as static files. Links are relative: the folder works on
any server, and without one (open index.html). What is wrong is printed as
"file:line: what"; nothing is written then.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			s, c, err := open()
			if err != nil {
				return err
			}
			if out == "" {
				out = filepath.Join(c.Root, ".workshop", "site")
			}
			var found content.Findings
			switch err := s.Build(out); {
			case errors.As(err, &found):
				return wrong(cmd.ErrOrStderr(), found)
			case err != nil:
				return &cli.Problem{What: "the site wasn't built", Why: err, Next: "go tool workshop site build     (into .workshop/site; --out FOLDER is for another one)"}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d pages in %.1f s: %s\n", len(s.Paths()), time.Since(began).Seconds(), filepath.Join(out, "index.html"))
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write into this `FOLDER` (default .workshop/site)")
	return cmd
}

func newCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the site, by file and line",
		Long: `Render all pages without writing them, and print what is wrong as "file:line: what":
missing regions and front matter, dead links and anchors, tests that nobody has, pages
that are too heavy. Exits with 1 then.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := open()
			if err != nil {
				return err
			}
			if found := s.Check(); len(found) > 0 {
				return wrong(cmd.ErrOrStderr(), found)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d pages, nothing is wrong\n", len(s.Paths()))
			return nil
		},
	}
}

func newDrawCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "draw",
		Short: "Draw the README's chart of what the journey measured",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := open()
			if err != nil {
				return err
			}
			path, err := s.Draw()
			switch {
			case err != nil:
				return &cli.Problem{What: "can't draw the journey", Why: err, Next: "git checkout -- site/data"}
			case path == "":
				return &cli.Problem{What: "the journey isn't measured yet", Next: "go tool workshop measure --journey --chart site/data/journey.json"}
			}
			fmt.Fprintln(cmd.OutOrStdout(), path)
			return nil
		},
	}
}
