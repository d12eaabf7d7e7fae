package runner

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// event is a line of `go test -json` (see `go doc test2json` and `go help buildjson`).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Key     string // of an attribute
	Value   string
	Elapsed float64 // seconds

	ImportPath  string // of what is built
	FailedBuild string
}

// collector makes a Result of events.
type collector struct {
	step    *course.Step
	onTest  func(Test)
	ours    map[place]bool // the course's tests
	changed []string

	tests    map[place]*record
	order    []place
	packages map[string]*packageRecord
	build    strings.Builder
}

// place is where a test is: its package, relative to the module, and its name.
type place struct{ dir, name string }

// record is what is known of a top-level test or a subtest.
type record struct {
	status   Status
	ended    bool
	task     int
	lines    []string
	elapsed  time.Duration
	pkg      string
	subtests []place
}

type packageRecord struct {
	output strings.Builder
	failed bool
}

func newCollector(s *course.Step, onTest func(Test)) *collector {
	return &collector{
		step: s, onTest: onTest, ours: map[place]bool{},
		tests: map[place]*record{}, packages: map[string]*packageRecord{},
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w*)\(`)

// learnNames notes which tests are the course's.
func (c *collector) learnNames(files []string) error {
	for _, f := range files {
		src, err := os.ReadFile(filepath.Join(c.step.SolutionDir, filepath.FromSlash(f)))
		if err != nil {
			return fmt.Errorf("read a test of the course: %w", err)
		}
		dir, _ := filepath.Split(f)
		for _, m := range testFunction.FindAllSubmatch(src, -1) {
			c.ours[place{strings.TrimSuffix(dir, "/"), string(m[1])}] = true
		}
	}
	return nil
}

// read takes events until the stream ends. A line that is none is what go says of a
// broken module, and counts as a failed build.
func (c *collector) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) > 0 && json.Unmarshal(line, &e) == nil:
			c.take(e)
		case len(line) > 0:
			c.build.Write(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *collector) take(e event) {
	switch {
	case e.Action == "build-output":
		c.build.WriteString(e.Output)
	case e.Test != "":
		c.takeTest(e)
	case e.Package != "":
		c.takePackage(e)
	}
}

func (c *collector) takePackage(e event) {
	p := c.packages[e.Package]
	if p == nil {
		p = &packageRecord{}
		c.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
	case "fail":
		p.failed = true
	}
}

func (c *collector) takeTest(e event) {
	at := place{c.dir(e.Package), e.Test}
	r := c.tests[at]
	if r == nil {
		r = &record{pkg: e.Package}
		c.tests[at] = r
		c.order = append(c.order, at)
		c.adopt(at)
	}
	switch e.Action {
	case "attr":
		if e.Key == "task" {
			r.task, _ = strconv.Atoi(e.Value)
		}
	case "output":
		r.lines = append(r.lines, e.Output)
	case "pass", "fail", "skip":
		r.status = map[string]Status{"pass": Passed, "fail": Failed, "skip": Skipped}[e.Action]
		r.ended, r.elapsed = true, time.Duration(e.Elapsed*float64(time.Second))
		if c.onTest != nil && !strings.Contains(at.name, "/") {
			c.onTest(c.test(at))
		}
	}
}

// adopt hangs a subtest below the nearest test above it: a slash may be part of the
// name that t.Run was given.
func (c *collector) adopt(at place) {
	for name := at.name; ; {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return
		}
		name = name[:i]
		if parent := c.tests[place{at.dir, name}]; parent != nil {
			parent.subtests = append(parent.subtests, at)
			return
		}
	}
}

// dir is a package's folder, relative to its module.
func (c *collector) dir(pkg string) string {
	for _, solution := range []bool{false, true} {
		if rest, ok := strings.CutPrefix(pkg, c.step.ModulePath(solution)); ok {
			return strings.TrimPrefix(rest, "/")
		}
	}
	return pkg
}

func (c *collector) test(at place) Test {
	r := c.tests[at]
	t := Test{Name: at.name, Package: r.pkg, Task: r.task, Status: r.status, Elapsed: r.elapsed, Extra: !c.ours[at]}
	if !r.ended {
		t.Status = Unfinished
	}
	t.Output = clean(c.lines(at))
	return t
}

// lines are what a test said, and what its subtests said that didn't pass.
func (c *collector) lines(at place) []string {
	r := c.tests[at]
	lines := slices.Clone(r.lines)
	for _, sub := range r.subtests {
		if s := c.tests[sub]; s.ended && s.status != Failed {
			continue
		}
		lines = append(lines, c.lines(sub)...)
	}
	return lines
}

// result is what the events come to. exited says that go test failed, and stderr what it
// wrote there.
func (c *collector) result(failed bool, stderr string) *Result {
	r := &Result{step: c.step, Changed: c.changed}
	for _, at := range c.order {
		if !strings.Contains(at.name, "/") {
			r.Tests = append(r.Tests, c.test(at))
		}
	}
	r.Build = cleanBuild(c.build.String())
	if failed && r.Build == "" && len(c.packages) == 0 {
		r.Build = cleanBuild(stderr)
		if r.Build == "" {
			r.Build = "go test failed without a word"
		}
	}
	r.Panic = c.panics()
	return r
}

// panics is what the test processes said that ended by themselves: of packages that
// failed although no test of theirs did, and of tests that panicked.
func (c *collector) panics() string {
	var said []string
	for _, pkg := range slices.Sorted(maps.Keys(c.packages)) {
		p := c.packages[pkg]
		if !p.failed {
			continue
		}
		text, crashed := c.crash(pkg)
		if crashed || (!c.hasFailure(pkg) && c.build.Len() == 0) {
			said = append(said, strings.TrimSpace(text))
		}
	}
	return strings.Join(said, "\n")
}

// crash is the end of what a package's tests said, from a panic on, or else all that the
// package itself said.
func (c *collector) crash(pkg string) (text string, crashed bool) {
	for _, at := range c.order {
		r := c.tests[at]
		if r.pkg != pkg {
			continue
		}
		for i, line := range r.lines {
			if isCrash(line) {
				return strings.Join(r.lines[i:], ""), true
			}
		}
	}
	output := c.packages[pkg].output.String()
	for _, line := range strings.SplitAfter(output, "\n") {
		if isCrash(line) {
			return output, true
		}
	}
	return output, false
}

func isCrash(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

func (c *collector) hasFailure(pkg string) bool {
	for _, r := range c.tests {
		if r.pkg == pkg && (r.status == Failed || !r.ended) {
			return true
		}
	}
	return false
}

var (
	frame    = regexp.MustCompile(`^\s*(===|---) +(RUN|PAUSE|CONT|NAME|ATTR|PASS|FAIL|SKIP|BENCH)\b`)
	position = regexp.MustCompile(`^ {4,}\S+\.go:\d+:( |$)`)
)

// clean takes go test's own frames and indentation away from what a test said.
func clean(lines []string) string {
	var kept []string
	for line := range strings.Lines(strings.Join(lines, "")) {
		if !frame.MatchString(line) {
			kept = append(kept, strings.TrimRight(line, " \t\n"))
		}
	}
	return strings.Trim(strings.Join(dedent(kept), "\n"), "\n")
}

// dedent moves each thing that a test logged to the left: the line with its position,
// and, as a block, the lines below that belong to it.
func dedent(lines []string) []string {
	for start := 0; start < len(lines); {
		end := start + 1
		if position.MatchString(lines[start]) {
			lines[start] = strings.TrimLeft(lines[start], " ")
		} else {
			for end < len(lines) && !position.MatchString(lines[end]) {
				end++
			}
			dedentBlock(lines[start:end])
		}
		start = end
	}
	return lines
}

// dedentBlock takes away the indentation that all lines share.
func dedentBlock(lines []string) {
	shared := -1
	for _, line := range lines {
		width := len(line) - len(strings.TrimLeft(line, " "))
		if line != "" && (shared < 0 || width < shared) {
			shared = width
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(shared, 0), len(line)):]
	}
}

// cleanBuild takes away the lines that only name a package, and the leading "./".
func cleanBuild(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "# ") || line == "" || slices.Contains(kept, line) {
			continue
		}
		kept = append(kept, strings.TrimPrefix(line, "./"))
	}
	return strings.Join(kept, "\n")
}
