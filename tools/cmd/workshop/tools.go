package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/doctor"
)

// tool is a program apart, so that a learner's first `go tool workshop` needn't compile what
// it needs.
type tool struct {
	path string // of its package
	name string
	what string // what is compiled, told to people
}

// tools are all of them.
var tools = []tool{siteTool, readTool, measureTool}

// handOver makes a tool's program of this process: it has the terminal, the signals and
// the exit code to itself, and nothing is left in between.
func (e *env) handOver(ctx context.Context, t tool, args []string) error {
	path, err := e.buildTool(ctx, t)
	if err != nil {
		return err
	}
	if err := e.become(path, append([]string{t.name}, args...), os.Environ()); err != nil {
		return &cli.Problem{What: "can't run " + t.what, Why: err, Next: "go tool workshop doctor"}
	}
	return nil
}

// compilesLong is how long a tool may compile before somebody wonders.
const compilesLong = 3 * time.Second

// buildTool compiles a tool's program, unless that was done before, and is its path.
func (e *env) buildTool(ctx context.Context, t tool) (path string, err error) {
	c, err := e.Course()
	if err != nil {
		return "", err
	}
	told := time.AfterFunc(compilesLong, func() {
		fmt.Fprintf(e.stderr, "Compiling %s; the first time takes half a minute.\n", t.what)
	})
	defer told.Stop()
	output, err := e.compileTool(ctx, c.Root, t.path)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", &cli.Problem{What: "can't compile " + t.what, Why: err,
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
		return "", errors.New(strings.TrimSpace(err.Error() + "\n" + doctor.Complaints(said.String())))
	}
	return string(output), nil
}

// become replaces this process by another program.
func become(path string, args, environment []string) error {
	return syscall.Exec(path, args, environment)
}
