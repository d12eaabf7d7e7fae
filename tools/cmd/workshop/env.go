package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

// env is what a command sees of the world. Commands read and print through it alone,
// so that tests can put buffers in the place of a terminal.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	cwd    string
	getenv func(name string) string
	plain  bool // --plain: no colours, no decoration, no keys

	runTests   learner.Tester
	startNeeds func(ctx context.Context, say func(string)) (stop func(), err error)

	compileTool func(ctx context.Context, root, tool string) (path string, err error)
	become      func(path string, args, environment []string) error

	course     *course.Course
	state      *progress.State
	saveFailed bool
}

// newEnv is the env of this process.
func newEnv() *env {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "."
	}
	return &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, cwd: cwd, getenv: os.Getenv,
		runTests: runner.Run, startNeeds: startPostgres, compileTool: compileTool, become: become,
	}
}

// Interactive reports whether somebody is there to press keys: stdin and stdout are
// a terminal that can be drawn on, and --plain wasn't asked for.
func (e *env) Interactive() bool {
	_, in := terminal.Descriptor(e.stdin)
	_, out := terminal.Descriptor(e.stdout)
	return in && out && !e.plain && e.getenv("TERM") != "dumb"
}

// Colour reports whether output may be coloured: stdout is a terminal, and neither
// --plain nor NO_COLOR (https://no-color.org) nor TERM=dumb asks for plain text.
func (e *env) Colour() bool {
	_, ok := terminal.Descriptor(e.stdout)
	return ok && !e.plain && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}

// Size is the terminal's columns and rows, 80 by 24 where there is none.
func (e *env) Size() (columns, rows int) {
	if fd, ok := terminal.Descriptor(e.stdout); ok {
		if w, h, err := term.GetSize(fd); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// style writes for stdout.
func (e *env) style() terminal.Style {
	columns, _ := e.Size()
	return terminal.Style{Colour: e.Colour(), Plain: e.plain, Width: columns}
}

// newTicker shows on stderr that something goes on.
func (e *env) newTicker() *terminal.Ticker {
	_, moving := terminal.Descriptor(e.stderr)
	moving = moving && !e.plain && e.getenv("TERM") != "dumb"
	return terminal.NewTicker(e.stderr, moving, func() int { columns, _ := e.Size(); return columns })
}

// Course is the course around the working directory, opened once.
func (e *env) Course() (*course.Course, error) {
	if e.course != nil {
		return e.course, nil
	}
	c, err := cli.OpenCourse(e.cwd)
	if err != nil {
		return nil, err
	}
	e.course = c
	return c, nil
}

// Progress is the learner's place, read once. A file that is damaged or can't be read is
// told on stderr, not returned: the course goes on without it.
func (e *env) Progress() (*progress.State, error) {
	if e.state != nil {
		return e.state, nil
	}
	c, err := e.Course()
	if err != nil {
		return nil, err
	}
	s, err := progress.Load(c.Root)
	var damaged *progress.DamagedError
	switch {
	case errors.As(err, &damaged):
		fmt.Fprintf(e.stderr, "workshop: %v\n", damaged)
	case err != nil:
		e.saveFailed = true // this says it for save too
		fmt.Fprintf(e.stderr, "workshop: can't read where you stand, so it isn't remembered: %v\n  next: go tool workshop doctor\n", err)
	}
	e.state = s
	return s, nil
}

// Step is the step that the learner names by number, name or number and name. Without
// an argument it is the step whose folder they stand in, else the current one.
func (e *env) Step(arg string) (*course.Step, error) {
	c, err := e.Course()
	if err != nil {
		return nil, err
	}
	s, err := c.Find(arg, e.cwd)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, course.ErrNoStep) {
		return nil, cli.Usage(err, "go tool workshop list")
	}
	return e.CurrentStep()
}

// CurrentStep is the step that the learner's progress points to: the first when there
// is no progress yet, or when the course has no such step any more.
func (e *env) CurrentStep() (*course.Step, error) {
	c, err := e.Course()
	if err != nil {
		return nil, err
	}
	state, err := e.Progress()
	if err != nil {
		return nil, err
	}
	if s := learner.CurrentStep(c, state); s != nil {
		return s, nil
	}
	return nil, &cli.Problem{What: "the course has no steps", Next: "git status"}
}

// relative names a file as seen from where the learner stands.
func relative(cwd, path string) string { return cli.Relative(cwd, path) }
