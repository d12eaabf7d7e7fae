// Command read prints a lesson or a guide to read in a terminal. It is apart from the command
// workshop, which must not compile what reads Markdown.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/environment"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/reading"
	"example.com/boxoffice/tools/internal/terminal"
)

func main() {
	environment.Clean()
	cli.Main(newRootCmd())
}

func newRootCmd() *cobra.Command {
	var all, plain bool
	cmd := &cobra.Command{
		Use:         "read STEP|GUIDE",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "go tool workshop read"},
		Short:       "Read a lesson or a guide in the terminal",
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := page(args[0], styleOf(os.Stdout, plain), all)
			if err != nil {
				return err
			}
			if _, rows, err := term.GetSize(int(os.Stdout.Fd())); err == nil && !plain && strings.Count(text, "\n") > rows {
				return show(cmd.Context(), text)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show what is folded, too")
	cmd.Flags().BoolVar(&plain, "plain", false, "no colours, no pager")
	cli.Explain(cmd)
	cmd.Args = cobra.ExactArgs(1)
	return cmd
}

// styleOf writes for a file: coloured where that is a terminal and nothing asks for plain text.
func styleOf(out *os.File, plain bool) terminal.Style {
	style := terminal.Style{Plain: plain, Width: 80}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
		style.Width = width
		style.Colour = !plain && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return style
}

// page is the text of a lesson, or of a guide.
func page(name string, style terminal.Style, all bool) (string, error) {
	dir, err := cli.WorkingFolder()
	if err != nil {
		return "", err
	}
	c, err := cli.OpenCourse(dir)
	if err != nil {
		return "", err
	}
	state, _ := progress.Load(c.Root) // without it, no step is done
	r := &reading.Reader{Course: c, Style: style, All: all, Done: func(s *course.Step) bool {
		standing, _ := learner.StandingOf(state, s)
		return standing == learner.Done
	}}
	text, err := r.Guide(name)
	if errors.Is(err, fs.ErrNotExist) {
		var step *course.Step
		if step, err = c.Find(name, dir); err != nil {
			return "", cli.Usage(fmt.Errorf("%w; guides are named %s", err, strings.Join(reading.Guides(c.Root), ", ")), "go tool workshop list")
		}
		text, err = r.Lesson(step)
	}
	if err != nil {
		return "", &cli.Problem{What: "can't read the page", Why: err, Next: "git checkout -- site solutions"}
	}
	return text, nil
}

// show has a pager show a text: the one of PAGER, else less.
func show(ctx context.Context, text string) error {
	pager := os.Getenv("PAGER")
	if pager == "" {
		pager = "less"
	}
	command := exec.CommandContext(ctx, "/bin/sh", "-c", pager)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(text), os.Stdout, os.Stderr
	command.Env = append(os.Environ(), "LESS="+os.Getenv("LESS")+" -R")
	if _, err := exec.LookPath(strings.Fields(pager)[0]); err != nil {
		_, err := fmt.Print(text)
		return err
	}
	signal.Ignore(os.Interrupt) // it is the pager's
	_ = command.Run()           // whoever leaves a pager early has read enough
	return nil
}
