package verify

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/services"
)

// Options choose what is checked, and how.
type Options struct {
	Course *course.Course
	Steps  []*course.Step // all of them when empty; with some, checks of the whole course are left out
	Only   []string       // names of checks; all of them when empty
	Race   bool           // run the solutions with the race detector too
	Repeat int            // runs of each solution's suite; 1 when less
	Busy   bool           // keep every core busy meanwhile
	Jobs   int            // jobs at a time; twice the number of cores when less than 1
	Watch  Watcher        // told of each job; nil is silent

	// Thorough runs all tests of a step against each wrong answer, where otherwise the
	// one runs that the answer names, and earlier steps' tests on every later solution.
	// Some Steps are always checked with all tests.
	Thorough bool
}

// Watcher is told how a run goes on, from one goroutine at a time.
type Watcher interface {
	Started(total int, check, subject string)
	Finished(total int, v Verdict)
}

// job is one look at one thing.
type job struct {
	check, subject string
	alone          bool // measures time or load: nothing may run beside it
	compiles       bool // fills go's cache with what all others after it would compile besides
	run            func(*work)
}

// round is what the jobs of one run share.
type round struct {
	Options
	steps   []*course.Step
	partial bool // some steps only
	scratch *scratch
}

// work is a job while it runs.
type work struct {
	*round
	*findings
	ctx context.Context
}

// Run runs the chosen checks and returns their verdicts. It fails when it is called
// wrongly or can't work at all; what the checks find is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := Known(o.Only); err != nil {
		return nil, err
	}
	r := &round{Options: o, steps: o.Steps, partial: len(o.Steps) > 0}
	if !r.partial {
		r.steps = o.Course.Steps
	}
	var err error
	if r.scratch, err = newScratch(o.Course.Root); err != nil {
		return nil, err
	}
	defer r.scratch.remove()
	if o.Busy {
		defer spin()()
	}
	jobs := r.plan(choose(o.Only))
	report := r.runAll(ctx, jobs)
	if slices.ContainsFunc(jobs, job.usesLab) {
		report.Redis, report.Nginx = redis(ctx), nginx()
	}
	if slices.ContainsFunc(jobs, func(j job) bool { return j.check == "wrong-answers" }) {
		report.AgainstWrong = against[r.wholeSuites()]
	}
	return report, ctx.Err()
}

// wholeSuites reports whether all tests of a step run against each of its wrong answers.
func (r *round) wholeSuites() bool { return r.Thorough || r.partial }

// against says what wrong answers met, by whether it was whole suites.
var against = map[bool]string{true: "all tests of the step", false: "the test that each names"}

// usesLab reports whether a job runs tests that start the API.
func (j job) usesLab() bool {
	return slices.Contains([]string{"starter", "solution", "race", "wrong-answers", "right-answers", "past"}, j.check)
}

// redis tells which Redis the lab takes on this machine.
func redis(ctx context.Context) string {
	status, err := services.NewRedis().Status(ctx)
	if err != nil {
		return err.Error()
	}
	return status.String()
}

// nginx tells which nginx the tests of proxies take on this machine.
func nginx() string {
	found, err := services.FindNginx()
	if err != nil {
		return "the stand-in alone; tests with nginx itself are skipped, since " + err.Error()
	}
	return found.Version + " (" + found.Path + ")"
}

// plan makes the jobs of the checks.
func (r *round) plan(chosen []check) []job {
	var jobs []job
	for _, c := range chosen {
		for _, j := range c.jobs(r) {
			j.check = c.name
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// runAll runs the jobs side by side, then those that must run alone. One that compiles
// for the others holds them up: go commands don't wait for each other, and with an empty
// cache each would compile the same.
func (r *round) runAll(ctx context.Context, jobs []job) *Report {
	began := time.Now()
	t := &tally{round: r, total: len(jobs), verdicts: make([]Verdict, len(jobs))}
	slots := make(chan struct{}, r.slots())
	var running sync.WaitGroup
	for i, j := range jobs {
		if j.alone {
			continue
		}
		if j.compiles {
			running.Wait()
			t.run(ctx, i, j)
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			t.run(ctx, i, j)
			<-slots
		})
	}
	running.Wait()
	for i, j := range jobs {
		if j.alone {
			t.run(ctx, i, j)
		}
	}
	return newReport(t.verdicts, time.Since(began))
}

func (r *round) slots() int {
	if r.Jobs > 0 {
		return r.Jobs
	}
	return 2 * runtime.NumCPU()
}

// tally collects verdicts, and tells the watcher.
type tally struct {
	*round
	mu       sync.Mutex
	total    int
	verdicts []Verdict
}

func (t *tally) run(ctx context.Context, i int, j job) {
	if ctx.Err() != nil {
		return
	}
	t.tell(func(w Watcher) { w.Started(t.total, j.check, j.subject) })
	began := time.Now()
	f := &findings{root: t.Course.Root}
	j.run(&work{round: t.round, findings: f, ctx: ctx})
	if ctx.Err() != nil {
		return
	}
	v := f.verdict(j.check, j.subject, time.Since(began))
	t.verdicts[i] = v
	t.tell(func(w Watcher) { w.Finished(t.total, v) })
}

func (t *tally) tell(say func(Watcher)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Watch != nil {
		say(t.Watch)
	}
}

// modules lists the folders of the modules in the round: of its steps, and tools when
// the round is about the whole course.
func (r *round) modules() []string {
	var dirs []string
	for _, s := range r.steps {
		dirs = append(dirs, s.Dir, s.SolutionDir)
	}
	if !r.partial {
		dirs = append(dirs, r.tools())
	}
	return dirs
}

func (r *round) tools() string { return filepath.Join(r.Course.Root, "tools") }

// rel is path as seen from the course's root.
func (r *round) rel(path string) string { return relative(r.Course.Root, path) }

func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// spin keeps every core busy until the returned function is called.
func spin() (stop func()) {
	var stopped atomic.Bool
	for range runtime.NumCPU() {
		go func() {
			for !stopped.Load() {
			}
		}()
	}
	return func() { stopped.Store(true) }
}
