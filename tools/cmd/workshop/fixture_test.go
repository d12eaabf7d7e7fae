package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/runner"
)

// desk is the command at work on a fixture course, with buffers for a terminal.
type desk struct {
	t        *testing.T
	course   *course.Course
	cwd      string
	out, err bytes.Buffer
	env      map[string]string
	in       bytes.Buffer
	runTests func(context.Context, runner.Options, func(runner.Test)) (*runner.Result, error)
}

func newDesk(t *testing.T) *desk {
	c := coursetest.New(t)
	return &desk{t: t, course: c, cwd: c.Root, env: map[string]string{}, runTests: runTests}
}

// runTests runs them as if the machine had nothing else to do.
func runTests(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
	result, err := runner.Run(ctx, o, onTest)
	if err == nil {
		result.Load = 0
	}
	return result, err
}

func (b *desk) newEnv() *env {
	b.out.Reset()
	b.err.Reset()
	return &env{
		stdin: &b.in, stdout: &b.out, stderr: &b.err, cwd: b.cwd,
		getenv:      func(name string) string { return b.env[name] },
		runTests:    b.runTests,
		startNeeds:  func(context.Context, func(string)) (func(), error) { return func() {}, nil },
		compileTool: func(context.Context, string, string) (string, error) { return "/cache/tool", nil },
	}
}

// run is the exit code of the command; out and err hold what it printed.
func (b *desk) run(args ...string) int {
	b.t.Helper()
	root := newRootCmd(b.newEnv())
	root.SetArgs(args)
	err := root.ExecuteContext(b.t.Context())
	cli.Print(&b.err, err)
	return cli.ExitCode(err)
}

// succeeds runs the command and is what it printed.
func (b *desk) succeeds(args ...string) string {
	b.t.Helper()
	require.Zero(b.t, b.run(args...), "%v\n%s%s", args, &b.out, &b.err)
	return b.out.String()
}

// fails runs the command, which has to end with that code, and is what it complained of.
func (b *desk) fails(code int, args ...string) string {
	b.t.Helper()
	require.Equal(b.t, code, b.run(args...), "%v\n%s%s", args, &b.out, &b.err)
	return b.err.String()
}

func (b *desk) step(number int) *course.Step { return b.course.Step(number) }

func (b *desk) read(path string) string {
	b.t.Helper()
	src, err := os.ReadFile(path)
	require.NoError(b.t, err)
	return string(src)
}

// mine is a file of the learner's in step 1.
func (b *desk) mine(name string) string { return filepath.Join(b.step(1).Dir, name) }

func (b *desk) write(name, content string) { coursetest.Write(b.t, b.mine(name), content) }

var errOnPurpose = errors.New("on purpose")

// sh runs a line as the learner would paste it.
func sh(t *testing.T, dir, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}
