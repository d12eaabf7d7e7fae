package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
)

// siteTool renders and serves the site. It is a program apart, so that a learner's first
// `go tool workshop` needn't compile what draws pages.
const siteTool = "example.com/boxoffice/tools/cmd/site"

func newStartCmd(e *env) *cobra.Command {
	var addr string
	var open bool
	cmd := &cobra.Command{
		Use:   "start [STEP]",
		Short: "Read the lessons in a browser, where tasks turn green as you save",
		Long: `Serve the lessons on this machine, and run the tests of a step whenever you save one of
its files, as "watch" does: tasks change in the page, a failure unfolds under its task, and
hints open one by one. The address is printed. Ctrl-C ends it. The STEP becomes the current
one, as with "next"; without one it is the step of the folder, else the current one.

It is at 127.0.0.1:8090, or at the next port that is free. WORKSHOP_POLL=1 looks for saved
files instead of waiting for events.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeStep,
		RunE: func(cmd *cobra.Command, args []string) error {
			step, err := e.Step(strings.Join(args, ""))
			if err != nil {
				return err
			}
			handed := []string{"start", step.Name}
			if addr != "" {
				handed = append(handed, "--addr="+addr)
			}
			if open {
				handed = append(handed, "--open")
			}
			return e.handOver(cmd.Context(), handed)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "`HOST:PORT` of this machine to listen on")
	cmd.Flags().BoolVar(&open, "open", false, "open a browser, too")
	return cmd
}

func newSiteCmd(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "site build|check|serve",
		Short: "Render the lessons and guides as a site of static files",
		Long: `Render the lessons and guides:

  build   write static files that work from a folder
  check   say what is wrong with them, by file and line
  serve   show them while you write

"go tool workshop site build --help" tells the options of each.`,
		DisableFlagParsing: true, // they are the site's
		RunE: func(cmd *cobra.Command, args []string) error {
			args = slices.DeleteFunc(args, func(arg string) bool { return arg == "--plain" })
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			return e.handOver(cmd.Context(), args)
		},
	}
}

// handOver makes the site's program of this process: it has the terminal, the signals and
// the exit code to itself, and nothing is left in between.
func (e *env) handOver(ctx context.Context, args []string) error {
	path, err := e.buildSite(ctx)
	if err != nil {
		return err
	}
	if err := e.become(path, append([]string{"site"}, args...), os.Environ()); err != nil {
		return &cli.Problem{What: "can't run the site's tools", Why: err, Next: "go tool workshop doctor"}
	}
	return nil
}

// compilesLong is how long the site's tools may compile before somebody wonders.
const compilesLong = 3 * time.Second

// buildSite compiles the site's program, unless that was done before, and is its path.
func (e *env) buildSite(ctx context.Context) (path string, err error) {
	c, err := e.Course()
	if err != nil {
		return "", err
	}
	told := time.AfterFunc(compilesLong, func() {
		fmt.Fprintln(e.stderr, "Compiling the site's tools; the first time takes half a minute.")
	})
	defer told.Stop()
	output, err := e.compileTool(ctx, c.Root, siteTool)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", &cli.Problem{What: "can't compile the site's tools", Why: err,
			Next: "go tool workshop doctor     (with a network, it gets all that is missing)"}
	}
	return strings.TrimSpace(output), nil
}

// compileTool has go compile a tool of the course, and is the path of the program.
func compileTool(ctx context.Context, root, tool string) (path string, err error) {
	command := exec.CommandContext(ctx, "go", "tool", "-n", tool)
	command.Dir = root
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		return "", errors.New(strings.TrimSpace(err.Error() + "\n" + complaints(said.String())))
	}
	return string(output), nil
}

// become replaces this process by another program.
func become(path string, args, environment []string) error {
	return syscall.Exec(path, args, environment)
}
