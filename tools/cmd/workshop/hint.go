package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/terminal"
)

func newHintCmd(e *env) *cobra.Command {
	var task int
	cmd := &cobra.Command{
		Use:        "hint [STEP]",
		SuggestFor: []string{"hints", "tip", "stuck"},
		Short:      "Open one more hint for the first task that is red",
		Long: `Open one more hint each time: first a question, then a pointer, then an excerpt.
Without --task it is for the first task that isn't green.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("task") && step.Task(task) == nil {
				return cli.Usage(fmt.Errorf("step %02d has no task %d; its tasks are 1 to %d", step.Number, task, len(step.Tasks)),
					fmt.Sprintf("go tool workshop test %02d", step.Number))
			}
			text, err := e.hint(cmd.Context(), step, task)
			if err == nil {
				fmt.Fprintln(e.stdout, text)
			}
			return err
		},
	}
	cmd.Flags().IntVarP(&task, "task", "t", 0, "the `NUMBER` of the task")
	return cmd
}

// hint opens the next hint of a task; task 0 is the first that isn't green, which the
// tests are asked for unless they have run before.
func (e *env) hint(ctx context.Context, s *course.Step, task int) (string, error) {
	state, err := e.Progress()
	if err != nil {
		return "", err
	}
	if task == 0 && !learner.EverRan(state, s) {
		if _, err := e.runBoard(ctx, s, testFlags{}); err != nil {
			return "", err
		}
	}
	if task == 0 {
		task = learner.FirstOpenTask(state, s)
	}
	if task == 0 {
		return fmt.Sprintf("Every task of step %02d is green: there is nothing to hint at.\nFor one task all the same: go tool workshop hint %02d --task 1", s.Number, s.Number), nil
	}
	text := openHint(e.style(), state, s, s.Task(task))
	e.save(state)
	return text, nil
}

// openHint is one more hint of a task, or all of them when none is left.
func openHint(st terminal.Style, state *progress.State, s *course.Step, t *course.Task) string {
	_ = state.Refresh() // another window may have opened some; without the file, what is known here counts
	h := learner.OpenHint(state, s, t)
	if h.Number == 0 {
		return noMoreHints(st, s, t)
	}
	head := fmt.Sprintf("Hint %d of %d for task %d: %s", h.Number, len(t.Hints), t.Number, t.Title)
	return st.Paint(terminal.Bold, strings.TrimSpace(st.Wrap(head, 0))) + "\n\n" + st.Wrap(h.Text, 2)
}

func noMoreHints(st terminal.Style, s *course.Step, t *course.Task) string {
	if len(t.Hints) == 0 {
		return fmt.Sprintf("Task %d has no hints. The lesson: go tool workshop read %02d", t.Number, s.Number)
	}
	lines := []string{st.Paint(terminal.Bold, st.Wrap(fmt.Sprintf("There are no more hints for task %d: %s. All of them:", t.Number, t.Title), 0)), ""}
	for i, h := range t.Hints {
		lines = append(lines, fmt.Sprintf("  %d  %s", i+1, strings.TrimLeft(st.Wrap(h, 5), " ")))
	}
	return strings.Join(append(lines, "", fmt.Sprintf("The solution, beside your code: go tool workshop diff %02d", s.Number)), "\n")
}
