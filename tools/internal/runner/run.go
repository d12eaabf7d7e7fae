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
	"example.com/boxoffice/tools/internal/machine"
)

// DefaultTimeout is how long the tests of one package may take; then go ends them.
const DefaultTimeout = 3 * time.Minute

// Options say what to run and how.
type Options struct {
	Step     *course.Step
	Solution bool              // test the solution instead of the learner's code
	Dir      string            // test the module in this folder instead; nothing is laid over it but Overlay
	First    [][]string        // tests of the course to hear of before the others, group by group; see Run
	Run      string            // go test -run
	Skip     string            // go test -skip; without effect on First
	Race     bool              // go test -race
	Count    int               // go test -count; 1 when zero, so that nothing comes from go's cache
	Timeout  time.Duration     // go test -timeout; DefaultTimeout when zero
	Overlay  map[string]string // absolute path → the file to read in its place, "" for none
	Env      []string          // "NAME=value", added to this process's environment
	Exec     string            // go test -exec; without effect on First
	Binary   string            // run these compiled tests instead of `go test`; not with First
	Folder   string            // of the package whose tests are in Binary, "" for the module's root
	FailFast bool              // start no more tests after the first that failed; with Binary
	Progress func(line string) // told what go and the lab say on the way, such as "go: downloading …"; may be nil
	Waiting  func(line string) // told each second what a run waits for that takes longer, and "" once it goes on; may be nil
}

// Run tests a step and waits for the end. The course's test files are laid over the
// learner's where those differ or are gone. onTest, which may be nil, is told of each
// top-level test that ends. When ctx ends, all processes of the run are killed, and Run
// returns the cause of ctx. Code that doesn't compile and tests that fail are results,
// not errors.
//
// It is `go test -json -vet=off ./...`, unless First names tests. Then their package is
// compiled at once and alone, each group runs in a process of its own, and the rest
// follows: the result is that of all tests.
func Run(ctx context.Context, o Options, onTest func(Test)) (*Result, error) {
	if len(o.First) == 0 {
		return o.runAll(ctx, onTest)
	}
	suite, err := NewSuite(o)
	if err != nil {
		return nil, err
	}
	defer suite.Close()
	return suite.runInOrder(ctx, o.First, onTest)
}

// runAll leaves everything to one `go test`.
func (o Options) runAll(ctx context.Context, onTest func(Test)) (*Result, error) {
	p, err := o.prepare()
	if err != nil {
		return nil, err
	}
	return p.run(ctx, onTest, func(ctx context.Context, r *run) error {
		temp, remove, err := scratch()
		if err != nil {
			return err
		}
		defer remove()
		if o.Binary != "" {
			return r.execute(ctx, o.Binary, o.Folder, temp, o.chosen("-test."))
		}
		args := p.testArguments()
		args = append(args, o.chosen("-")...)
		_, err = r.goTest(ctx, temp, append(args, "./..."))
		return err
	})
}

// chosen are the flags that choose tests, none when all are to run: with the prefix "-" for
// go test, "-test." for compiled tests.
func (o Options) chosen(prefix string) []string {
	var flags []string
	if o.Run != "" {
		flags = append(flags, prefix+"run="+o.Run)
	}
	if o.Skip != "" {
		flags = append(flags, prefix+"skip="+o.Skip)
	}
	if o.FailFast {
		flags = append(flags, "-test.failfast")
	}
	return flags
}

// prepared are options, and what they mean for the files of the step.
type prepared struct {
	Options
	ours    map[place]bool // the course's tests
	changed []string
	overlay map[string]string
}

// prepare finds out which tests count and what has to be laid over the learner's files.
func (o Options) prepare() (*prepared, error) {
	ours, err := courseTests(o.Step)
	if err != nil {
		return nil, err
	}
	p := &prepared{Options: o, ours: ours, overlay: map[string]string{}}
	if !o.Solution && o.Dir == "" {
		if p.changed, err = Changed(o.Step); err != nil {
			return nil, err
		}
		for _, name := range p.changed {
			p.overlay[filepath.Join(o.Step.Dir, filepath.FromSlash(name))] =
				filepath.Join(o.Step.SolutionDir, filepath.FromSlash(name))
		}
	}
	for path, replacement := range o.Overlay {
		p.overlay[path] = replacement
	}
	return p, nil
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

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// buildFlags are what decides what is compiled and linked. Nobody debugs the program, and
// linking it without what a debugger reads takes a third less.
func (o Options) buildFlags() []string {
	flags := []string{"-json", "-vet=off", "-ldflags=-w"}
	if o.Race {
		flags = append(flags, "-race")
	}
	return flags
}

// testArguments are those of `go test`, but for what to run.
func (o Options) testArguments() []string {
	args := append([]string{"test"}, o.buildFlags()...)
	args = append(args, "-count="+strconv.Itoa(max(o.Count, 1)), "-timeout="+o.timeout().String())
	if o.Exec != "" {
		args = append(args, "-exec="+o.Exec)
	}
	return args
}

// run is one run that goes on: what its processes say comes together in its collector.
type run struct {
	*prepared
	*collector
	waits *waits

	stderr string // of the last `go test`
	failed bool   // a process of the run failed
	cpu    time.Duration
}

// run has tests run and makes a result of what they say.
func (p *prepared) run(ctx context.Context, onTest func(Test), tests func(context.Context, *run) error) (*Result, error) {
	started := time.Now()
	r := &run{prepared: p, collector: newCollector(p.Step, p.ours, onTest)}
	r.waits = tellWaits(p.Waiting, r.collector)
	defer r.waits.end()
	err := tests(ctx, r)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("run the tests in %s: %w", p.dir(), err)
	}
	result := r.result(r.failed, r.stderr)
	result.Changed = p.changed
	result.Build = p.nameOriginals(result.Build)
	result.Elapsed, result.CPU, result.Load = time.Since(started), r.cpu, machine.Load()
	return result, nil
}

// goTest runs `go test` with arguments in the step's folder and collects its events. That it
// fails is no error.
func (r *run) goTest(ctx context.Context, temp string, arguments []string) (failed bool, err error) {
	cmd := exec.Command("go", arguments...)
	cmd.Dir = r.dir()
	cmd.Env = r.environment(cmd.Dir, temp)
	closeOverlay, err := passOverlay(cmd, r.overlay)
	if err != nil {
		return false, err
	}
	defer closeOverlay()
	var said transcript
	err = r.note(cmd, runGroup(ctx, cmd, r.read, lineReader{keep: said.add, tell: r.Progress}.read, r.waits.forGroup))
	r.stderr = said.String()
	return err != nil, ended(ctx, err)
}

// note remembers what processor time a process of the run took, and that it failed.
func (r *run) note(cmd *exec.Cmd, err error) error {
	if ended := cmd.ProcessState; ended != nil {
		r.cpu += ended.UserTime() + ended.SystemTime()
	}
	r.failed = r.failed || err != nil
	return err
}

// environment is that of go, and of a test program in a folder.
func (o Options) environment(dir, temp string) []string {
	environment := append(os.Environ(), "PWD="+dir, "GOTMPDIR="+temp, "GORACE=atexit_sleep_ms=0")
	return append(environment, o.Env...)
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
	// The flag stands before the packages, behind "go test".
	cmd.Args = append(cmd.Args[:2:2], append([]string{"-overlay=/dev/fd/3"}, cmd.Args[2:]...)...)
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
func (p *prepared) nameOriginals(build string) string {
	for path, replacement := range p.overlay {
		name, err := filepath.Rel(p.dir(), path)
		if err != nil || replacement == "" {
			continue
		}
		if rel, err := filepath.Rel(p.dir(), replacement); err == nil {
			build = strings.ReplaceAll(build, rel, name)
		}
		build = strings.ReplaceAll(build, replacement, name)
	}
	return build
}

// lineReader passes each line of a stream on: as it came to be kept, and trimmed to be told, unless
// it is blank. Either may be nil.
type lineReader struct{ keep, tell func(line string) }

func (l lineReader) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if l.keep != nil {
			l.keep(line)
		}
		if l.tell != nil && strings.TrimSpace(line) != "" {
			l.tell(strings.TrimSpace(line))
		}
		if err != nil {
			return
		}
	}
}

// ended is why a command couldn't run or was stopped. That it failed is no reason.
func ended(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
