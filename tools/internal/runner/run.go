// Package runner runs the tests of a step and ties what they say to the step's tasks.
package runner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// DefaultTimeout is how long the tests of one package may take; then go ends them.
const DefaultTimeout = 3 * time.Minute

// Options say what to run and how.
type Options struct {
	Step     *course.Step
	Solution bool              // test the solution instead of the learner's code
	Dir      string            // test the module in this folder instead; nothing is laid over it but Overlay
	Run      string            // go test -run
	Race     bool              // go test -race
	Count    int               // go test -count; 1 when zero, so that nothing comes from go's cache
	Timeout  time.Duration     // go test -timeout; DefaultTimeout when zero
	Overlay  map[string]string // absolute path → the file to read in its place, "" for none
	Env      []string          // "NAME=value", added to this process's environment
	Exec     string            // go test -exec
	Progress func(line string) // told what go says on the way, such as "go: downloading …"; may be nil
}

// Run tests a step with `go test -json -vet=off ./...` and waits for the end. The
// course's test files are laid over the learner's where those differ or are gone. onTest,
// which may be nil, is told of each top-level test that ends. When ctx ends, the whole
// process group of go test is stopped, and Run returns the cause of ctx. Code that
// doesn't compile and tests that fail are results, not errors.
func Run(ctx context.Context, o Options, onTest func(Test)) (*Result, error) {
	started := time.Now()
	collector, overlay, err := prepare(o, onTest)
	if err != nil {
		return nil, err
	}
	stderr, err := o.goTest(ctx, overlay, collector)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("run go test in %s: %w", o.dir(), err)
	}
	r := collector.result(err != nil, stderr)
	r.Build = o.nameOriginals(r.Build, overlay)
	r.Elapsed = time.Since(started)
	return r, nil
}

// prepare finds out which tests count and what has to be laid over the learner's files.
func prepare(o Options, onTest func(Test)) (*collector, map[string]string, error) {
	names, err := o.Step.TestFiles()
	if err != nil {
		return nil, nil, err
	}
	c := newCollector(o.Step, onTest)
	if err := c.learnNames(names); err != nil {
		return nil, nil, err
	}
	overlay := map[string]string{}
	if !o.Solution && o.Dir == "" {
		if c.changed, err = Changed(o.Step); err != nil {
			return nil, nil, err
		}
		for _, name := range c.changed {
			overlay[filepath.Join(o.Step.Dir, filepath.FromSlash(name))] =
				filepath.Join(o.Step.SolutionDir, filepath.FromSlash(name))
		}
	}
	for path, replacement := range o.Overlay {
		overlay[path] = replacement
	}
	return c, overlay, nil
}

// Changed are the test files of the course that the learner changed or deleted, relative
// to the step.
func Changed(s *course.Step) ([]string, error) {
	names, err := s.TestFiles()
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(s.SolutionDir, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("read a test of the course: %w", err)
		}
		got, err := os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			changed = append(changed, name)
		}
	}
	return changed, nil
}

func (o Options) dir() string {
	switch {
	case o.Dir != "":
		return o.Dir
	case o.Solution:
		return o.Step.SolutionDir
	}
	return o.Step.Dir
}

func (o Options) arguments() []string {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	args := []string{"test", "-json", "-vet=off", "-count=" + strconv.Itoa(max(o.Count, 1)), "-timeout=" + timeout.String()}
	if o.Race {
		args = append(args, "-race")
	}
	if o.Run != "" {
		args = append(args, "-run="+o.Run)
	}
	if o.Exec != "" {
		args = append(args, "-exec="+o.Exec)
	}
	return args
}

// goTest runs go and feeds its events to c. It returns what go wrote to stderr.
func (o Options) goTest(ctx context.Context, overlay map[string]string, c *collector) (stderr string, err error) {
	temp, removeTemp, err := scratch()
	if err != nil {
		return "", err
	}
	defer removeTemp()
	cmd := exec.Command("go")
	cmd.Args = append(cmd.Args, o.arguments()...)
	cmd.Dir = o.dir()
	cmd.Env = append(os.Environ(), "PWD="+cmd.Dir, "GOTMPDIR="+temp, "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, o.Env...)
	closeOverlay, err := passOverlay(cmd, overlay)
	if err != nil {
		return "", err
	}
	defer closeOverlay()
	cmd.Args = append(cmd.Args, "./...")
	said := &lineWriter{tell: o.Progress}
	err = runGroup(ctx, cmd, c.read, said.read)
	return said.text.String(), err
}

// passOverlay gives an overlay to go on a pipe, as /dev/fd/3: no file is left behind,
// whatever ends this process.
func passOverlay(cmd *exec.Cmd, overlay map[string]string) (cleanUp func(), err error) {
	if len(overlay) == 0 {
		return func() {}, nil
	}
	config, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return nil, fmt.Errorf("write the overlay: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe for the overlay: %w", err)
	}
	cmd.ExtraFiles = []*os.File{r}
	cmd.Args = append(cmd.Args, "-overlay=/dev/fd/3")
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = w.Write(config) // go reports what it couldn't read
		_ = w.Close()
	})
	return func() {
		_ = r.Close() // a writer that go never read from ends with EPIPE
		writing.Wait()
	}, nil
}

// nameOriginals puts the names of the files that were laid over in the place of those
// that the compiler read.
func (o Options) nameOriginals(build string, overlay map[string]string) string {
	for path, replacement := range overlay {
		name, err := filepath.Rel(o.dir(), path)
		if err != nil || replacement == "" {
			continue
		}
		if rel, err := filepath.Rel(o.dir(), replacement); err == nil {
			build = strings.ReplaceAll(build, rel, name)
		}
		build = strings.ReplaceAll(build, replacement, name)
	}
	return build
}

// lineWriter keeps what a stream said and tells each line.
type lineWriter struct {
	tell func(string)
	text strings.Builder
}

func (w *lineWriter) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		w.text.WriteString(line)
		if w.tell != nil && strings.TrimSpace(line) != "" {
			w.tell(strings.TrimSpace(line))
		}
		if err != nil {
			return
		}
	}
}
