package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// Suite is a step's tests, compiled when a package of them is first needed, to be run
// several times. It is of the files as they were then. Close removes it.
type Suite struct {
	*prepared
	temp     string
	remove   func()
	programs map[string]string // a package's folder, relative to the module → its compiled tests
}

// NewSuite makes a suite of the options' step. Nothing is compiled yet.
func NewSuite(o Options) (*Suite, error) {
	p, err := o.prepare()
	if err != nil {
		return nil, err
	}
	temp, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	return &Suite{prepared: p, temp: temp, remove: remove, programs: map[string]string{}}, nil
}

// Close removes the compiled tests.
func (s *Suite) Close() { s.remove() }

// RunTests runs these tests of the course, and what they need is compiled unless it is. env,
// as "NAME=value", is added to the environment of the options. Packages in which none of
// the tests is are neither compiled nor run. See Run for what it returns.
func (s *Suite) RunTests(ctx context.Context, names []string, env []string, onTest func(Test)) (*Result, error) {
	p := *s.prepared
	p.Env = append(slices.Clone(s.Env), env...)
	return p.run(ctx, onTest, func(ctx context.Context, r *run) error {
		return s.group(ctx, r, names)
	})
}

// runInOrder runs the groups one after the other, and then everything else.
func (s *Suite) runInOrder(ctx context.Context, groups [][]string, onTest func(Test)) (*Result, error) {
	return s.run(ctx, onTest, func(ctx context.Context, r *run) error {
		for _, names := range groups {
			if err := s.group(ctx, r, names); err != nil || r.broken() {
				return err
			}
		}
		return s.rest(ctx, r, slices.Concat(groups...))
	})
}

// group runs tests of the course, in a process for each package.
func (s *Suite) group(ctx context.Context, r *run, names []string) error {
	for _, dir := range s.packagesOf(names) {
		ran, err := s.program(ctx, r, dir, "-test.run="+exactly(s.testsIn(dir, names)))
		if err != nil || !ran {
			return err
		}
	}
	return nil
}

// rest runs all tests but those that ran: of the module's first package in its program, and those
// of the others, which no step needs but one, by `go test`.
func (s *Suite) rest(ctx context.Context, r *run, ran []string) error {
	inRoot := s.testsIn("", ran)
	arguments := []string{}
	if len(inRoot) > 0 {
		arguments = append(arguments, "-test.skip="+exactly(inRoot))
	}
	if _, err := s.program(ctx, r, "", arguments...); err != nil || r.broken() {
		return err
	}
	folders, err := foldersWithCode(s.dir())
	if err != nil || len(folders) == 0 {
		return err
	}
	args := s.testArguments()
	if below := slices.DeleteFunc(slices.Clone(ran), func(name string) bool { return s.ours[place{"", name}] }); len(below) > 0 {
		args = append(args, "-skip="+exactly(below))
	}
	for _, folder := range folders {
		args = append(args, "./"+folder+"/...")
	}
	_, err = r.goTest(ctx, s.temp, args)
	return err
}

// program runs the compiled tests of a package, and compiles them first if need be. It
// reports whether they ran: they don't when they can't be compiled, or when there are none.
func (s *Suite) program(ctx context.Context, r *run, dir string, arguments ...string) (ran bool, err error) {
	path, compiled := s.programs[dir]
	if !compiled {
		path = filepath.Join(s.temp, strconv.Itoa(len(s.programs))+".test")
		arguments := append([]string{"test", "-c", "-o", path}, s.buildFlags()...)
		failed, err := r.goTest(ctx, s.temp, append(arguments, "./"+dir))
		if failed && !r.broken() {
			r.take(event{Action: "build-output", Output: cmp.Or(r.stderr, goFailed)})
		}
		if err != nil || failed {
			return false, err
		}
		s.programs[dir] = path
	}
	if _, err := os.Stat(path); err != nil {
		return false, nil // a package without tests
	}
	return true, r.execute(ctx, path, dir, s.temp, arguments)
}

// overtime is how much longer than its timeout a test program may take: it ends itself
// then, unless it can't.
const overtime = 10 * time.Second

// execute runs the compiled tests of the package in dir, as go test does.
func (r *run) execute(ctx context.Context, path, dir, temp string, arguments []string) error {
	cmd := exec.Command(path, "-test.paniconexit0", "-test.v=test2json", "-test.timeout="+r.timeout().String(),
		"-test.count="+strconv.Itoa(max(r.Count, 1)))
	cmd.Args = append(cmd.Args, arguments...)
	cmd.Dir = filepath.Join(r.dir(), filepath.FromSlash(dir))
	cmd.Env = r.environment(cmd.Dir, temp)
	limited, cancel := context.WithTimeout(ctx, r.timeout()+overtime)
	defer cancel()
	frames := &framing{pkg: r.importPath(dir), take: r.heard}
	err := r.note(cmd, runGroup(limited, cmd, frames.read, nil, r.waits.forGroup))
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			r.take(event{Action: "output", Package: frames.pkg, Output: fmt.Sprintf("The tests didn't end within %v and were killed.\n", r.timeout()+overtime)})
			err = nil
		}
		r.take(event{Action: "output", Package: frames.pkg, Output: "FAIL\n"})
		r.take(event{Action: "fail", Package: frames.pkg})
	}
	return ended(ctx, err)
}

// heard takes an event of a test program. What the lab says of a slow start is progress, too.
func (r *run) heard(e event) {
	text, ok := strings.CutPrefix(strings.TrimSpace(e.Output), "workshop: ")
	if ok {
		r.mu.Lock()
		r.setup = text
		r.mu.Unlock()
	}
	if ok && r.Progress != nil {
		r.Progress(text)
	}
	r.take(e)
}

// broken reports whether something couldn't be compiled.
func (r *run) broken() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.build.parts) > 0
}

// importPath names the package in a folder of the module.
func (r *run) importPath(dir string) string {
	module := r.Step.ModulePath(r.Solution)
	if dir == "" {
		return module
	}
	return module + "/" + dir
}

// packagesOf are the folders of the packages in which tests of the course are.
func (s *Suite) packagesOf(names []string) []string {
	dirs := map[string]bool{}
	for at := range s.ours {
		if slices.Contains(names, at.name) {
			dirs[at.dir] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}

// testsIn are those of the names that are the course's tests in a package.
func (s *Suite) testsIn(dir string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !s.ours[place{dir, name}] })
}

// exactly matches these top-level tests with all their subtests, and no others.
func exactly(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}

// foldersWithCode are the folders of a module, below its root, in or below which Go files are.
func foldersWithCode(dir string) ([]string, error) {
	files, err := course.Files(dir)
	if err != nil {
		return nil, err
	}
	folders := map[string]bool{}
	for _, f := range files {
		folder, _, below := strings.Cut(f, "/")
		if below && strings.HasSuffix(f, ".go") && folder != "testdata" && folder != "vendor" && !strings.HasPrefix(folder, "_") {
			folders[folder] = true
		}
	}
	return slices.Sorted(maps.Keys(folders)), nil
}
