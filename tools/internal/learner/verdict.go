package learner

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/machine"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// Verdict is what one run of a step's tests says to the learner.
type Verdict struct {
	Step       *course.Step
	Result     *runner.Result
	Solution   bool          // the solution was tested, not the learner's code
	Tasks      []TaskVerdict // the guards, when there are any, come first as task 0
	Remembered bool          // the code doesn't compile: some states are those of the last run that did
	Failures   []Failure     // of the course's tests: guards first, then task by task. The first is shown whole
	Gone       []string      // test files of the course that the learner deleted: the course's own ran
	Differ     []string      // test files of the course that the learner changed: the course's own ran
	NotRun     []string      // tests of the course that didn't run
	Gap        *course.Gap   // where the work of the first task that isn't done waits; nil without such a place
}

// TaskVerdict is the state of one task.
type TaskVerdict struct {
	Task  course.Task
	State runner.State
}

// Failure is a test of the course that didn't pass.
type Failure struct {
	Task   int // 0 for a guard
	Test   string
	Output string // never empty
	Same   string // the first test that failed with the same words, such as those of one panic; "" when none did before
}

// NewVerdict sorts a result. The state is what is remembered of the step's tasks.
func NewVerdict(s *course.Step, state *progress.State, r *runner.Result, solution bool) *Verdict {
	v := &Verdict{Step: s, Result: r, Solution: solution, Remembered: r.Build != "" && !solution && EverRan(state, s)}
	for _, t := range r.Tasks(s) {
		verdict := TaskVerdict{Task: t.Task, State: t.State}
		if t.State == runner.NotRun && v.Remembered {
			verdict.State = RememberedState(state, s, t.Task.Number)
		}
		v.Tasks = append(v.Tasks, verdict)
		v.Failures = append(v.Failures, failuresOf(t)...)
		v.NotRun = append(v.NotRun, t.Missing...)
	}
	markSame(v.Failures)
	for _, name := range r.Changed {
		if _, err := os.Stat(filepath.Join(s.Dir, filepath.FromSlash(name))); err != nil {
			v.Gone = append(v.Gone, name)
		} else {
			v.Differ = append(v.Differ, name)
		}
	}
	v.Gap = v.gap()
	return v
}

func failuresOf(t runner.TaskResult) []Failure {
	var list []Failure
	for _, test := range t.Tests {
		if test.Status == runner.Passed {
			continue
		}
		output := test.Output
		if output == "" || test.Status != runner.Failed {
			output = strings.TrimSpace(output + "\n(" + ended(test.Status) + ")")
		}
		list = append(list, Failure{Task: t.Task.Number, Test: test.Name, Output: output})
	}
	return list
}

// incidental is what differs between two tests that fail for one reason: where the test
// stands, and what a panic says of memory and goroutines.
var incidental = regexp.MustCompile(`(?m)^\S+\.go:\d+:|\b0x[0-9a-f]+\b|\bgoroutine \d+\b`)

// markSame names in each failure the first one that says the same.
func markSame(failures []Failure) {
	first := map[string]string{}
	for i := range failures {
		f := &failures[i]
		words := incidental.ReplaceAllString(f.Output, "")
		if same, ok := first[words]; ok {
			f.Same = same
		} else {
			first[words] = f.Test
		}
	}
}

func ended(s runner.Status) string {
	switch s {
	case runner.Skipped:
		return "the test was skipped, which doesn't count as passed"
	case runner.Unfinished:
		return "the test didn't come to its end"
	}
	return "the test failed without a word"
}

// gap is where the work of the first task that isn't done begins. When the learner has removed
// its comments, there is none: the next task's would lead away. What worked before has none either;
// when it is red, that is most likely since a task is half done.
func (v *Verdict) gap() *course.Gap {
	if v.Result.Build != "" || v.Solution || v.Result.Green() {
		return nil
	}
	gaps, err := course.Gaps(v.Step.Dir)
	if err != nil {
		return nil
	}
	for _, t := range v.Tasks {
		if t.Task.Number != 0 && t.State != runner.Green && t.State != runner.Running {
			return beginAt(v.Step, t.Task.Number, v.firstRed(t.Task), gaps)
		}
	}
	return nil
}

// firstRed is the first test of a task that failed; when none of them ran, the first of all.
func (v *Verdict) firstRed(t course.Task) string {
	for _, f := range v.Failures {
		if f.Task == t.Number {
			return f.Test
		}
	}
	if len(t.Tests) > 0 {
		return t.Tests[0]
	}
	return ""
}

// Going reports whether the run goes on: the verdict is of the tests that have ended.
func (v *Verdict) Going() bool { return len(v.Result.Coming) > 0 }

// Counts says how many tests passed and failed, and how many are still to come.
func (v *Verdict) Counts() string {
	passed := 0
	for _, t := range v.Result.Tests {
		if t.Status == runner.Passed {
			passed++
		}
	}
	return fmt.Sprintf("%d passed, %d failed, %d to come", passed, len(v.Result.Tests)-passed, len(v.Result.Coming))
}

// Dir is the folder of the code that was tested.
func (v *Verdict) Dir() string {
	if v.Solution {
		return v.Step.SolutionDir
	}
	return v.Step.Dir
}

// Located puts a prefix before the positions that the compiler names, which are relative
// to the folder that was tested.
func (v *Verdict) Located(rename func(path string) string) string {
	var lines []string
	for line := range strings.Lines(v.Result.Build) {
		file, _, ok := strings.Cut(line, ":")
		if ok && strings.HasSuffix(file, ".go") && !strings.ContainsAny(file, " \t") && !filepath.IsAbs(file) {
			line = rename(filepath.Join(v.Dir(), file)) + line[len(file):]
		}
		lines = append(lines, line)
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}

// compilerPosition is how the compiler begins a line about a place in the code.
var compilerPosition = regexp.MustCompile(`(?m)^\S+\.go:\d+`)

// NotBuilt says in a heading why nothing could run: the code doesn't compile, or go didn't come as
// far as that; "" when all was built.
func (v *Verdict) NotBuilt() string {
	switch {
	case v.Result.Build == "":
		return ""
	case compilerPosition.MatchString(v.Result.Build):
		return "It doesn't compile"
	}
	return GoFailed
}

// GoFailed is the heading of what the go command said of a module, and not the compiler of its code.
const GoFailed = "Go can't build it"

// Mend is the command that takes back what keeps go from loading the module of the step;
// "" when go can. path is how the place of a file is shown.
func (v *Verdict) Mend(path func(string) string) string {
	if !strings.Contains(v.Result.Build, "cannot load module . ") {
		return ""
	}
	return "git checkout -- " + path(filepath.Join(v.Dir(), "go.mod"))
}

// panicLines is how much of a panic is shown at first: as far as the first goroutine
// tells about it.
const panicLines = 24

// Panic is how the tests ended when they ended early: at most its first lines, unless
// all are wanted, and how many more there are.
func (v *Verdict) Panic(all bool) (text string, more int) {
	lines := strings.Split(strings.TrimSpace(v.Result.Panic), "\n")
	if all || len(lines) <= panicLines {
		return strings.Join(lines, "\n"), 0
	}
	return strings.Join(lines[:panicLines], "\n"), len(lines) - panicLines
}

// NothingRan says why a step without a failure isn't green.
func (v *Verdict) NothingRan() string {
	return fmt.Sprintf("These tests of the course didn't run, so the step isn't done: %s. Does something end the program early?",
		strings.Join(v.NotRun, ", "))
}

// Busy says that tests may have failed since this machine has too much else to do; "" when
// none did, or when that is unlikely.
func (v *Verdict) Busy() string {
	if len(v.Failures) == 0 {
		return ""
	}
	return machine.TooBusyToTest(v.Result.Load)
}

// ChangedTests says which test files aren't the course's, and which are gone; path is
// how the place of a file is shown.
func (v *Verdict) ChangedTests(path func(string) string) []string {
	var notes []string
	if len(v.Gone) > 0 {
		notes = append(notes, fmt.Sprintf("missing here, so the course's own ran: %s. To bring the tests back: git checkout -- %s",
			strings.Join(v.Gone, ", "), path(filepath.Join(v.Step.Dir, v.Gone[0]))))
	}
	if len(v.Differ) > 0 {
		notes = append(notes, fmt.Sprintf("not as the course has it, so the course's own ran: %s. A test file of yours beside it is fine.",
			strings.Join(v.Differ, ", ")))
	}
	return notes
}

// OwnTests says how the learner's own tests went; "" when there are none.
func (v *Verdict) OwnTests() string {
	extra := v.Result.Extra()
	if len(extra) == 0 {
		return ""
	}
	var red []string
	for _, t := range extra {
		if t.Status == runner.Failed || t.Status == runner.Unfinished {
			red = append(red, t.Name)
		}
	}
	if len(red) > 0 {
		return fmt.Sprintf("%d of %d tests of your own failed (%s). They don't count for the step.", len(red), len(extra), strings.Join(red, ", "))
	}
	if len(extra) == 1 {
		return "1 test of your own passed. They don't count for the step."
	}
	return fmt.Sprintf("%d tests of your own passed. They don't count for the step.", len(extra))
}
