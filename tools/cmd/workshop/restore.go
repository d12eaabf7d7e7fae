package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
)

func newResetCmd(e *env) *cobra.Command {
	return e.restoreCmd(newReset, &cobra.Command{
		Use:   "reset [STEP]",
		Short: "Put a step back to how the course hands it out",
		Long: `Put a step back to how the course hands it out. Your files are copied to
.workshop/backup first, also those that you added; the line that brings them back is printed.`,
	})
}

func newSolveCmd(e *env) *cobra.Command {
	return e.restoreCmd(newSolve, &cobra.Command{
		Use:   "solve [STEP]",
		Short: "Put the solution into a step's folder",
		Long: `Put the solution into your folder of a step. Your files are copied to
.workshop/backup first; those that you added stay where they are.`,
	})
}

// restoreCmd completes a command that replaces the files of a step by the course's.
func (e *env) restoreCmd(plan func(*course.Step) (*restoration, error), cmd *cobra.Command) *cobra.Command {
	yes := cmd.Flags().BoolP("yes", "y", false, "don't ask")
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.ValidArgsFunction = e.completeStep
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		step, err := e.Step(strings.Join(args, ""))
		if err != nil {
			return err
		}
		r, err := plan(step)
		if err != nil {
			return restoreProblem(step, err)
		}
		return e.restore(cmd.Context(), r, *yes)
	}
	return cmd
}

func restoreProblem(s *course.Step, err error) error {
	return &problem{what: fmt.Sprintf("can't make step %02d anew; nothing was changed", s.Number), why: err,
		next: "git checkout -- solutions/" + s.Name + "     (from the root: it brings the course's own files back)"}
}

// restoration replaces the files of a step by the course's.
type restoration struct {
	verb   string // reset or solve
	step   *course.Step
	write  map[string][]byte // what will stand there, by path relative to the step
	remove []string          // files of the learner that go, once they are backed up
	keep   []string          // files of the learner that stay
}

// newReset takes back everything, also files that the learner added.
func newReset(s *course.Step) (*restoration, error) {
	starter, err := s.Starter()
	if err != nil {
		return nil, err
	}
	r := &restoration{verb: "reset", step: s, write: starter}
	mine, err := r.mine()
	if err != nil {
		return nil, err
	}
	for _, name := range mine {
		if _, ok := starter[name]; !ok {
			r.remove = append(r.remove, name)
		}
	}
	return r, r.dropUnchanged()
}

// newSolve removes only what the starter had and the solution hasn't.
func newSolve(s *course.Step) (*restoration, error) {
	starter, err := s.Starter()
	if err != nil {
		return nil, err
	}
	solved, err := s.Solved()
	if err != nil {
		return nil, err
	}
	r := &restoration{verb: "solve", step: s, write: solved}
	mine, err := r.mine()
	if err != nil {
		return nil, err
	}
	for _, name := range mine {
		_, handedOut := starter[name]
		_, stays := solved[name]
		switch {
		case handedOut && !stays:
			r.remove = append(r.remove, name)
		case !stays:
			r.keep = append(r.keep, name)
		}
	}
	return r, r.dropUnchanged()
}

// mine are the learner's files; none when the folder is gone.
func (r *restoration) mine() ([]string, error) {
	if _, err := os.Stat(r.step.Dir); os.IsNotExist(err) {
		return nil, nil
	}
	return course.Files(r.step.Dir)
}

// dropUnchanged leaves out files that hold already what they should.
func (r *restoration) dropUnchanged() error {
	for name, want := range r.write {
		got, err := os.ReadFile(r.path(name))
		if err == nil && bytes.Equal(got, want) {
			delete(r.write, name)
		}
	}
	return nil
}

func (r *restoration) path(name string) string {
	return filepath.Join(r.step.Dir, filepath.FromSlash(name))
}

// restore asks, backs up, writes and tells how to take it back.
func (e *env) restore(ctx context.Context, r *restoration, yes bool) error {
	if len(r.write)+len(r.remove) == 0 {
		fmt.Fprintf(e.stdout, "Nothing to do: step %02d already holds what %s would put there.\n", r.step.Number, r.verb)
		return nil
	}
	if err := e.confirm(ctx, r, yes); err != nil {
		return err
	}
	backup, err := r.backUp(e.course.Root)
	if err != nil {
		return &problem{what: "can't back up your files, so nothing was changed", why: err, next: "go tool workshop doctor"}
	}
	bringBack := e.bringBack(backup)
	if err := r.replace(); err != nil {
		what := fmt.Sprintf("only a part of step %02d was replaced", r.step.Number)
		if backup != "" {
			what += "; your files are safe in " + backup
		}
		return &problem{what: what, why: err, next: bringBack}
	}
	e.tellRestored(r, bringBack)
	return nil
}

func (e *env) confirm(ctx context.Context, r *restoration, yes bool) error {
	if yes {
		return nil
	}
	_, in := terminal(e.stdin)
	if !in {
		return usage(fmt.Errorf("%s replaces your files, and there is no terminal to ask on", r.verb),
			fmt.Sprintf("go tool workshop %s %02d --yes", r.verb, r.step.Number))
	}
	fmt.Fprintf(e.stdout, "%s replaces %s of yours in %s. A copy goes to .workshop/backup first. Go on? [y/N] ",
		r.verb, count(len(r.existing()), "file", "files"), relative(e.cwd, r.step.Dir))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(e.stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(e.stdout)
		return context.Cause(ctx)
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return &problem{what: "nothing was changed", code: exitInterrupted}
	}
}

// existing are the learner's files that are replaced or removed.
func (r *restoration) existing() []string {
	files := slices.Clone(r.remove)
	for name := range r.write {
		if _, err := os.Stat(r.path(name)); err == nil {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// backUp copies what is replaced. It returns "" when there is nothing to copy.
func (r *restoration) backUp(root string) (string, error) {
	var files []string
	for _, name := range r.existing() {
		rel, err := filepath.Rel(root, r.path(name))
		if err != nil {
			return "", err
		}
		files = append(files, rel)
	}
	if len(files) == 0 {
		return "", nil
	}
	return progress.Backup(root, files, fmt.Sprintf("%s-%02d", r.verb, r.step.Number))
}

// replace writes the course's files and takes away the others.
func (r *restoration) replace() error {
	for name, content := range r.write {
		path := r.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := progress.WriteFile(path, content); err != nil {
			return err
		}
	}
	for _, name := range r.remove {
		if err := os.Remove(r.path(name)); err != nil {
			return err
		}
		r.removeEmpty(filepath.Dir(r.path(name)))
	}
	return nil
}

// removeEmpty removes a folder and those above it, up to the step's, while they are empty.
func (r *restoration) removeEmpty(dir string) {
	for dir != r.step.Dir && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// bringBack is the command that undoes a restoration.
func (e *env) bringBack(backup string) string {
	if backup == "" {
		return ""
	}
	from := relative(e.cwd, filepath.Join(e.course.Root, backup))
	return fmt.Sprintf("cp -R %s/. %s/", shellQuote(from), shellQuote(relative(e.cwd, e.course.Root)))
}

// shellQuote makes one word of a path for a shell.
func shellQuote(path string) string {
	if strings.ContainsAny(path, " '\"$&;()*?[]\\|<>`!#~") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

func (e *env) tellRestored(r *restoration, bringBack string) {
	st := e.style()
	what := "is as the course hands it out"
	if r.verb == "solve" {
		what = "holds the solution"
	}
	lines := []string{st.paint(bold, fmt.Sprintf("Step %02d %s.", r.step.Number, what))}
	if len(r.remove) > 0 {
		lines = append(lines, st.labelled("Moved", strings.Join(r.remove, ", ")+" (into the backup)"))
	}
	if len(r.keep) > 0 {
		lines = append(lines, st.labelled("Kept", strings.Join(r.keep, ", ")+" (yours; the solution hasn't it)"))
	}
	if bringBack != "" {
		lines = append(lines, st.paint(bold, "Take back")+"  "+bringBack)
	}
	lines = append(lines, st.labelled("Go on", fmt.Sprintf("go tool workshop test %02d", r.step.Number)))
	fmt.Fprintln(e.stdout, strings.Join(lines, "\n"))
}
