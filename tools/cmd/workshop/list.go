package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/terminal"
)

func newListCmd(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "list",
		SuggestFor: []string{"status", "steps", "ls", "progress", "where"},
		Short:      "Show all steps, and which are done",
		Args:       cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			lines, err := e.listSteps()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(e, lines)
			}
			e.printSteps(lines)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// stepLine is a step in the list.
type stepLine struct {
	Number  int              `json:"number"`
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	Summary string           `json:"summary"`
	Minutes int              `json:"minutes"`
	State   learner.Standing `json:"state"`
	Green   int              `json:"green_tasks"`
	Tasks   int              `json:"tasks"`
	Current bool             `json:"current"`
	Folder  string           `json:"folder"`
	Lesson  string           `json:"lesson"`
}

func (e *env) listSteps() ([]stepLine, error) {
	c, err := e.Course()
	if err != nil {
		return nil, err
	}
	state, err := e.Progress()
	if err != nil {
		return nil, err
	}
	current, err := e.CurrentStep()
	if err != nil {
		return nil, err
	}
	lines := []stepLine{}
	for _, s := range c.Steps {
		l := stepLine{
			Number: s.Number, Name: s.Name, Title: s.Title, Summary: s.Summary, Minutes: s.Minutes, Tasks: len(s.Tasks),
			Current: s == current, Folder: relative(c.Root, s.Dir), Lesson: relative(c.Root, s.LessonPath),
		}
		l.State, l.Green = learner.StandingOf(state, s)
		lines = append(lines, l)
	}
	return lines, nil
}

func (e *env) printSteps(lines []stepLine) {
	st := e.style()
	var done, minutes int
	for _, l := range lines {
		minutes += l.Minutes
		here, tasks := " ", ""
		if l.Current {
			here = ">"
		}
		if l.State == learner.Begun {
			tasks = fmt.Sprintf("  %d of %d tasks", l.Green, l.Tasks)
		}
		word := "TODO"
		if l.State == learner.Done {
			word = "PASS"
			done++
		}
		title := terminal.Clip(fmt.Sprintf("%-18s %s", l.Name, l.Title), st.Width-len(tasks)-20)
		fmt.Fprintf(e.stdout, "%s %s  %s%s  %s\n", here, st.Mark(word), title, tasks, st.Paint(terminal.Dim, fmt.Sprintf("%d min", l.Minutes)))
	}
	fmt.Fprintf(e.stdout, "\n%d of %s done; all are estimated at %s.  > is where you stand.\n",
		done, count(len(lines), "step", "steps"), duration(minutes))
	fmt.Fprintln(e.stdout, strings.TrimSpace("Go on: go tool workshop"))
}

// duration is a number of minutes as people say it.
func duration(minutes int) string {
	if minutes < 90 {
		return fmt.Sprintf("%d minutes", minutes)
	}
	return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
}
