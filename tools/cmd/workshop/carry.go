package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/carry"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/terminal"
)

// newCarryCmd is for authors, so it is hidden, as starter is.
func newCarryCmd(e *env) *cobra.Command {
	var o carry.Options
	cmd := &cobra.Command{
		Use:   "carry [PATH...]",
		Short: "For authors: take a change in one step's files to all later steps",
		Long: `Take what you changed in one step's files to all later steps: along the chain
solutions/N, steps/N+1, solutions/N+1 and so on, by three-way merge. Answers are merged onto
the changed solutions and written again, starter patches are made anew. The table says what
became of each file, and the last line which command proves just these steps.

With paths, only what begins below them is carried.

A conflict is left to you: both texts and what they come from stand in the file, between
marks. Resolve them and run carry again: it goes on from there. Where nothing has to change,
take the file as it stands with --keep. What carry doesn't write over: files that have changes
of their own. To start over: git checkout -- steps solutions.`,
		Example: `  go tool workshop carry --dry-run
  go tool workshop carry
  go tool workshop carry --base HEAD~1              what the last commit changed
  go tool workshop carry --keep steps/06-pooling/postgres/store.go`,
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.carry(cmd.Context(), o, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Base, "base", "HEAD", "carry what changed since this `REVISION`")
	flags.StringArrayVar(&o.Keep, "keep", nil, "take this `FILE` as it stands, and go on from it; may be repeated")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "print the table, write nothing")
	flags.Bool("continue", false, "go on after a conflict, as carry does without it")
	return cmd
}

func (e *env) carry(ctx context.Context, o carry.Options, args []string) error {
	var err error
	if o.Course, err = e.Course(); err != nil {
		return err
	}
	if o.Only, err = e.fromRoot(args); err != nil {
		return err
	}
	if o.Keep, err = e.fromRoot(o.Keep); err != nil {
		return err
	}
	report, err := carry.Run(ctx, o)
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		return &cli.Problem{What: "can't carry the change", Why: err, Next: "git status"}
	}
	e.tellCarried(o, report)
	if report.Conflicts() > 0 {
		return cli.ErrRed
	}
	return nil
}

// fromRoot are paths as somebody named them here, relative to the root, with slashes.
func (e *env) fromRoot(paths []string) ([]string, error) {
	var list []string
	for _, path := range paths {
		abs := path
		if !filepath.IsAbs(path) {
			abs = filepath.Join(e.cwd, path)
		}
		if folder, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			abs = filepath.Join(folder, filepath.Base(abs))
		}
		rel, err := filepath.Rel(e.course.Root, abs)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, cli.Usage(fmt.Errorf("%s is not inside the course", path), "go tool workshop carry --help")
		}
		list = append(list, filepath.ToSlash(rel))
	}
	return list, nil
}

// tellCarried prints the table, the counts, and what to run next.
func (e *env) tellCarried(o carry.Options, r *carry.Report) {
	st := e.style()
	if r.Finished > 0 {
		fmt.Fprintf(e.stdout, "A run before this one was interrupted: %s written now.\n", count(r.Finished, "file was", "files were"))
	}
	for _, path := range r.Left {
		fmt.Fprintf(e.stdout, "It didn't come to write %s, which somebody changed since: left as it is.\n", path)
	}
	if len(r.Rows) == 0 {
		fmt.Fprintf(e.stdout, "Nothing to carry: no file of a step differs from %.12s in a way that isn't carried yet.\n", r.Base)
	}
	counts := map[carry.Kind]int{}
	for _, row := range r.Rows {
		counts[row.Kind]++
		kind := fmt.Sprintf("%-10s", row.Kind)
		if row.Kind == carry.Conflict {
			kind = st.Paint(terminal.Red, kind)
		}
		fmt.Fprintln(e.stdout, strings.TrimRight(kind+" "+row.Path+explained(row.Why), " "))
	}
	e.tellNext(o, r, counts)
}

// explained is why something became of a file, on a line of its own below it.
func explained(why string) string {
	if why == "" {
		return ""
	}
	return "\n             " + why
}

func (e *env) tellNext(o carry.Options, r *carry.Report, counts map[carry.Kind]int) {
	st := e.style()
	var parts []string
	for _, kind := range []carry.Kind{carry.Carried, carry.Copied, carry.Removed, carry.Restored, carry.Rewritten, carry.Conflict} {
		if counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(e.stdout, "\n%s; %s.\n", strings.Join(parts, ", "), count(r.Written, "file written", "files written"))
	}
	if o.DryRun {
		fmt.Fprintln(e.stdout, "This was a dry run: nothing was written.")
	}
	if n := counts[carry.Conflict]; n > 0 {
		again := "go tool workshop carry"
		if o.Base != "HEAD" {
			again += " --base " + o.Base
		}
		fmt.Fprintln(e.stdout, st.Labelled("Left to you", fmt.Sprintf("%s; when they are resolved: %s", count(n, "conflict", "conflicts"), again)))
		return
	}
	if len(r.Proof) > 0 {
		// One line, however long: it is there to be copied.
		fmt.Fprintf(e.stdout, "%s\n  go tool workshop %s\n", st.Paint(terminal.Bold, "Prove it"), strings.Join(r.Proof, " "))
	}
}
