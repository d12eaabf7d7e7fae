package main

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/terminal"
)

func newResetCmd(e *env) *cobra.Command {
	return e.restoreCmd(learner.NewReset, &cobra.Command{
		Use:   "reset [STEP]",
		Short: "Put a step back to how the course hands it out",
		Long: `Put a step back to how the course hands it out. Your files are copied to
.workshop/backup first, also those that you added; the line that brings them back is printed.`,
	})
}

func newSolveCmd(e *env) *cobra.Command {
	return e.restoreCmd(learner.NewSolve, &cobra.Command{
		Use:   "solve [STEP]",
		Short: "Put the solution into a step's folder",
		Long: `Put the solution into your folder of a step. Your files are copied to
.workshop/backup first; those that you added stay where they are.`,
	})
}

// restoreCmd completes a command that replaces the files of a step by the course's.
func (e *env) restoreCmd(plan func(*course.Step) (*learner.Restoration, error), cmd *cobra.Command) *cobra.Command {
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
	return &cli.Problem{What: fmt.Sprintf("can't make step %02d anew; nothing was changed", s.Number), Why: err,
		Next: "git checkout -- solutions/" + s.Name + "     (from the root: it brings the course's own files back)"}
}

// restore asks, backs up, writes and tells how to take it back.
func (e *env) restore(ctx context.Context, r *learner.Restoration, yes bool) error {
	if r.Empty() {
		fmt.Fprintf(e.stdout, "Nothing to do: step %02d already holds what %s would put there.\n", r.Step.Number, r.Verb)
		return nil
	}
	if err := e.confirm(ctx, r, yes); err != nil {
		return err
	}
	backup, err := r.BackUp(e.course.Root)
	if err != nil {
		return &cli.Problem{What: "can't back up your files, so nothing was changed", Why: err, Next: "go tool workshop doctor"}
	}
	bringBack := e.bringBack(backup)
	if err := r.Replace(); err != nil {
		what := fmt.Sprintf("only a part of step %02d was replaced", r.Step.Number)
		if backup != "" {
			what += "; your files are safe in " + backup
		}
		return &cli.Problem{What: what, Why: err, Next: bringBack}
	}
	e.tellRestored(r, bringBack)
	return nil
}

func (e *env) confirm(ctx context.Context, r *learner.Restoration, yes bool) error {
	if yes {
		return nil
	}
	_, in := terminal.Descriptor(e.stdin)
	if !in {
		return cli.Usage(fmt.Errorf("%s replaces your files, and there is no terminal to ask on", r.Verb),
			fmt.Sprintf("go tool workshop %s %02d --yes", r.Verb, r.Step.Number))
	}
	fmt.Fprintf(e.stdout, "%s replaces %s of yours in %s. A copy goes to .workshop/backup first. Go on? [y/N] ",
		r.Verb, count(len(r.Replaced()), "file", "files"), relative(e.cwd, r.Step.Dir))
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
		return &cli.Problem{What: "nothing was changed", Code: cli.ExitInterrupted}
	}
}

// bringBack is the command that undoes a restoration, from where the learner stands.
func (e *env) bringBack(backup string) string {
	if backup == "" {
		return ""
	}
	return learner.BringBack(relative(e.cwd, filepath.Join(e.course.Root, backup)), relative(e.cwd, e.course.Root))
}

func (e *env) tellRestored(r *learner.Restoration, bringBack string) {
	st := e.style()
	what := "is as the course hands it out"
	if r.Verb == "solve" {
		what = "holds the solution"
	}
	lines := []string{st.Paint(terminal.Bold, fmt.Sprintf("Step %02d %s.", r.Step.Number, what))}
	if len(r.Remove) > 0 {
		lines = append(lines, st.Labelled("Moved", strings.Join(r.Remove, ", ")+" (into the backup)"))
	}
	if len(r.Keep) > 0 {
		lines = append(lines, st.Labelled("Kept", strings.Join(r.Keep, ", ")+" (yours; the solution hasn't it)"))
	}
	if bringBack != "" {
		lines = append(lines, st.Paint(terminal.Bold, "Take back")+"  "+bringBack)
	}
	lines = append(lines, st.Labelled("Go on", fmt.Sprintf("go tool workshop test %02d", r.Step.Number)))
	fmt.Fprintln(e.stdout, strings.Join(lines, "\n"))
}
