package runner

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	step   *course.Step
	onTest func(Test)
	ours   map[place]bool // the course's tests

	mu       sync.Mutex // guards what follows: one goroutine reads events, another asks what is waited for
	tests    map[place]*record
	order    []place
	packages map[string]*packageRecord
	build    transcript
	setup    string // what the lab does before a test that runs can begin; "" once one has ended
}

// place is where a test is: its package, relative to the module, and its name.
type place struct{ dir, name string }

// record is what is known of a top-level test or a subtest.
type record struct {
	status   Status
	ended    bool
	since    time.Time // when it began to run, or went on; zero while it waits for its turn
	task     int
	said     transcript
	elapsed  time.Duration
	pkg      string
	subtests []place
}

type packageRecord struct {
	output transcript
	failed bool
}

func newCollector(s *course.Step, ours map[place]bool, onTest func(Test)) *collector {
	return &collector{
		step: s, onTest: onTest, ours: ours,
		tests: map[place]*record{}, packages: map[string]*packageRecord{},
	}
}

// courseTests are the top-level tests of a step that are the course's.
func courseTests(s *course.Step) (map[place]bool, error) {
	tests, err := course.Tests(s.SolutionDir)
	if err != nil {
		return nil, err
	}
	ours := map[place]bool{}
	for _, t := range tests {
		dir, _ := path.Split(t.File)
		ours[place{strings.TrimSuffix(dir, "/"), t.Name}] = true
	}
	return ours, nil
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
			c.take(event{Action: "build-output", Output: string(line)})
		}
		if err != nil {
			return
		}
	}
}

func (c *collector) take(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.Action == "build-output":
		c.build.add(e.Output)
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
		p.output.add(e.Output)
	case "fail":
		p.failed = true
	}
}

func (c *collector) takeTest(e event) {
	at := place{c.folderOf(e.Package), e.Test}
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
	case "run", "cont":
		r.since = time.Now()
	case "pause":
		r.since = time.Time{}
	case "output":
		r.said.add(e.Output)
	case "pass", "fail", "skip":
		r.status = map[string]Status{"pass": Passed, "fail": Failed, "skip": Skipped}[e.Action]
		c.setup = ""
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

// folderOf is a package's folder, relative to its module.
func (c *collector) folderOf(pkg string) string {
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
	lines := r.said.lines()
	for _, sub := range r.subtests {
		if s := c.tests[sub]; s.ended && s.status != Failed {
			continue
		}
		lines = append(lines, c.lines(sub)...)
	}
	return lines
}

// goFailed stands for what go didn't say.
const goFailed = "go test failed without a word"

// result is what the events come to. failed says that go test failed, and stderr what it
// wrote there.
func (c *collector) result(failed bool, stderr string) *Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Result{step: c.step}
	for _, at := range c.order {
		if !strings.Contains(at.name, "/") {
			r.Tests = append(r.Tests, c.test(at))
		}
	}
	r.Build = cleanBuild(c.build.String())
	if failed && r.Build == "" && len(c.packages) == 0 {
		r.Build = cleanBuild(stderr)
		if r.Build == "" {
			r.Build = goFailed
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
		if crashed || (!c.hasFailure(pkg) && len(c.build.parts) == 0) {
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
		if trace := r.said.crash(); trace != nil {
			return strings.Join(trace, ""), true
		}
	}
	output := c.packages[pkg].output
	return output.String(), output.crash() != nil
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
