package runner

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// Result is what one run of a step's tests said.
type Result struct {
	Build   string   // the compiler's words, or go's on a broken module; "" when all was built
	Panic   string   // the last words of a test process that ended by itself; "" when none did
	Tests   []Test   // the top-level ones, in the order in which they began
	Changed []string // the course's test files that the learner changed or deleted: the pristine ones ran
	Coming  []string // the course's tests that are still to come, while the run goes on
	Elapsed time.Duration
	CPU     time.Duration // of go, what it built, the tests and the API; not of PostgreSQL
	Load    float64       // of this machine at the end: see internal/machine

	step *course.Step
}

// SoFar is what a run that goes on has said: these tests have ended.
func SoFar(s *course.Step, ended []Test) (*Result, error) {
	ours, err := courseTests(s)
	if err != nil {
		return nil, err
	}
	r := &Result{Tests: ended, step: s}
	for at := range ours {
		if !slices.ContainsFunc(ended, func(t Test) bool { return t.Name == at.name }) {
			r.Coming = append(r.Coming, at.name)
		}
	}
	slices.Sort(r.Coming)
	return r, nil
}

// Test is one top-level test.
type Test struct {
	Name    string
	Package string
	Task    int // as the test tells the lab; 0 for a guard
	Status  Status
	Output  string // what it said, and its failed subtests, without go test's frames
	Elapsed time.Duration
	Extra   bool // not the course's: it runs, but doesn't count
}

// Status is how a test ended.
type Status int

// The ways in which a test ends. The zero value is a test that didn't.
const (
	Unfinished Status = iota
	Passed
	Failed
	Skipped
)

var statusWords = []string{"unfinished", "passed", "failed", "skipped"}

func (s Status) String() string { return statusWords[s] }

// MarshalText writes the word, for JSON.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// State is how far a task is.
type State int

// The states of a task.
const (
	NotRun  State = iota // none of its tests ran, or none is declared
	Red                  // a test failed, was skipped, or didn't run
	Green                // every declared test ran and passed
	Running              // none has failed so far, and one at least is still to come
)

var stateWords = []string{"not run", "red", "green", "running"}

func (s State) String() string { return stateWords[s] }

// MarshalText writes the word, for JSON.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// TaskResult is what a run says about one task; the guards are task 0.
type TaskResult struct {
	Task    course.Task
	State   State
	Tests   []Test
	Missing []string // declared tests that didn't run
	Coming  []string // tests that are still to come, while the run goes on
}

// FirstFailure is the first test of the task that didn't pass, nil when all did.
func (t TaskResult) FirstFailure() *Test {
	i := slices.IndexFunc(t.Tests, func(t Test) bool { return t.Status != Passed })
	if i < 0 {
		return nil
	}
	return &t.Tests[i]
}

// Tasks are the results of the step's tasks in their order. Guards, the course's tests
// that declare no task, come first as task 0, when there are any.
func (r *Result) Tasks(s *course.Step) []TaskResult {
	var list []TaskResult
	guards := TaskResult{Task: course.Task{Title: "what worked before still works"}}
	for _, t := range r.Tests {
		if !t.Extra && TaskOf(s, t) == 0 {
			guards.Tests = append(guards.Tests, t)
		}
	}
	for _, name := range r.Coming {
		if TaskOf(s, Test{Name: name}) == 0 {
			guards.Coming = append(guards.Coming, name)
		}
	}
	if len(guards.Tests)+len(guards.Coming) > 0 {
		guards.State = stateOf(guards)
		list = append(list, guards)
	}
	for _, task := range s.Tasks {
		list = append(list, r.task(s, task))
	}
	return list
}

func (r *Result) task(s *course.Step, task course.Task) TaskResult {
	result := TaskResult{Task: task}
	for _, t := range r.Tests {
		if !t.Extra && TaskOf(s, t) == task.Number {
			result.Tests = append(result.Tests, t)
		}
	}
	for _, name := range task.Tests {
		switch {
		case slices.ContainsFunc(result.Tests, func(t Test) bool { return t.Name == name }):
		case slices.Contains(r.Coming, name):
			result.Coming = append(result.Coming, name)
		default:
			result.Missing = append(result.Missing, name)
		}
	}
	result.State = stateOf(result)
	return result
}

// TaskOf is the task that the lesson declares the test for, else the one that the test
// itself declares: a test that ended before it could tell still has its task.
func TaskOf(s *course.Step, t Test) int {
	return cmp.Or(s.TaskOf(t.Name), t.Task)
}

func stateOf(t TaskResult) State {
	switch {
	case t.FirstFailure() != nil:
		return Red
	case len(t.Coming) > 0:
		return Running
	case len(t.Tests) == 0:
		return NotRun
	case len(t.Missing) > 0:
		return Red
	}
	return Green
}

// Green reports whether the step is done: all was built, no process died, every declared
// test ran and passed, and so did the guards. A run without tests is never green.
func (r *Result) Green() bool {
	if r.Build != "" || r.Panic != "" || len(r.Coming) > 0 || len(r.step.Tasks) == 0 {
		return false
	}
	for _, t := range r.Tasks(r.step) {
		if t.State != Green {
			return false
		}
	}
	return true
}

// Extra are the learner's own tests.
func (r *Result) Extra() []Test {
	var list []Test
	for _, t := range r.Tests {
		if t.Extra {
			list = append(list, t)
		}
	}
	return list
}

// String is a short line for logs.
func (r *Result) String() string {
	return fmt.Sprintf("%d tests, build %q, panic %q", len(r.Tests), r.Build, r.Panic)
}
