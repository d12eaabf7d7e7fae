package verify

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/machine"
	"example.com/boxoffice/tools/internal/proof"
	"example.com/boxoffice/tools/internal/services/nginx"
	"example.com/boxoffice/tools/internal/services/redis"
)

// Options choose what is checked, and how.
type Options struct {
	Course *course.Course
	Steps  []*course.Step // all of them when empty; with some, checks of the whole course are left out
	Only   []string       // names of checks; all of them when empty
	Race   bool           // run the solutions with the race detector too
	Repeat int            // runs of each solution's suite; 1 when less
	Busy   bool           // keep every core busy meanwhile
	Jobs   int            // jobs at a time; when less than 1, two a core, and more while the cores are idle
	Watch  Watcher        // told of each job; nil is silent

	// Mutants tries the mutants of each step, which takes minutes, where otherwise what came
	// of it the last time is read.
	Mutants bool

	// Memory holds what was green before, and gets what is green now; nil for none. Fresh
	// asks it for nothing.
	Memory *proof.Memory
	Fresh  bool

	// Alone builds each answer by itself, where otherwise many are built into one binary.
	// It asks the memory for nothing.
	Alone bool
	// Compare judges each answer that is built with others once more alone, and finds fault
	// when the results differ. It asks the memory for nothing.
	Compare bool
	// Answers are the names of the only answers to look at, without .patch; all when empty.
	Answers []string

	// Thorough runs all tests of a step against each wrong answer, where otherwise the
	// one runs that the answer names; and against each right one, where otherwise those of
	// the contract are left out; and earlier steps' tests on every later solution.
	// Some Steps are always checked with all tests, unless Named asks for what is run for
	// the whole course.
	Thorough, Named bool
}

// Watcher is told how a run goes on, from one goroutine at a time.
type Watcher interface {
	Started(total int, check, subject string)
	Progressed(total int, how string)
	Finished(total int, v Result)
}

// job is one look at one thing.
type job struct {
	check, subject string
	alone          bool // measures time or load: nothing may run beside it
	compiles       bool // fills go's cache with what all others after it would compile besides
	works          bool // computes more than it waits, as whole suites do
	long           int  // roughly its seconds; 0 for what is over at once
	run            func(*work)
	reads          func(*reads) // tells all that its verdict depends on; nil for what isn't worth remembering
	trial          *trial       // the answer that it looks at, nil for none
}

// weight is how many places a job takes.
func (j job) weight() int {
	if j.works {
		return 2
	}
	return 1
}

// round is what the jobs of one run share.
type round struct {
	Options
	steps   []*course.Step
	partial bool // some steps only
	scratch *scratch
	ground  *ground // nil when nothing is remembered
}

// work is a job while it runs.
type work struct {
	*round
	*findings
	ctx context.Context
	cpu command.CPU // that it took, and its children

	progress func(how string) // tells how far it is
}

// Run runs the chosen checks and returns their results. It fails when it is called
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
	if o.Memory != nil && o.Repeat <= 1 && !o.Busy {
		if r.ground, err = newGround(ctx, r); err != nil {
			return nil, err
		}
		defer func() { _ = o.Memory.Tidy() }()
	}
	jobs := r.plan(choose(o.Only))
	report := r.runAll(ctx, jobs)
	if slices.ContainsFunc(jobs, job.usesLab) {
		report.Redis, report.Nginx = redisUsed(ctx), nginxUsed()
	}
	looksAt := func(check string) bool {
		return slices.ContainsFunc(jobs, func(j job) bool { return j.check == check })
	}
	if looksAt("wrong-answers") {
		report.AgainstWrong = againstWrong[r.wholeSuites()]
	}
	if looksAt("right-answers") {
		report.AgainstRight = againstRight[r.wholeSuites()]
	}
	if r.ground != nil {
		report.ThrownAway = o.Memory.ThrownAway()
	}
	return report, ctx.Err()
}

// wholeSuites reports whether all tests of a step run against each of its wrong answers.
func (r *round) wholeSuites() bool { return r.Thorough || r.partial && !r.Named }

// What answers met, by whether it was whole suites.
var (
	againstWrong = map[bool]string{true: "all tests of the step", false: "the test that each names"}
	againstRight = map[bool]string{true: "all tests of the step", false: "all tests of the step but those of tools/lab/contract"}
)

// usesLab reports whether a job runs tests that start the API.
func (j job) usesLab() bool {
	return slices.Contains([]string{"starter", "solution", "race", "wrong-answers", "right-answers", "past"}, j.check) || j.check == "mutants" && j.alone
}

// redisUsed tells which Redis the lab takes on this machine.
func redisUsed(ctx context.Context) string {
	status, err := redis.New().Status(ctx)
	if err != nil {
		return err.Error()
	}
	return status.String()
}

// nginxUsed tells which nginx the tests of proxies take on this machine.
func nginxUsed() string {
	found, err := nginx.Find()
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

// runAll gives each job its verdict: from memory, or by running it. They run side by side,
// then those that must run alone. One that compiles for the others holds them up: go
// commands don't wait for each other, and with an empty cache each would compile the same.
func (r *round) runAll(ctx context.Context, jobs []job) *Report {
	t := &tally{round: r, began: time.Now(), jobs: jobs, results: make([]Result, len(jobs))}
	left := t.recall()
	q := newQueue(r.places(), r.idle())
	trials := map[*course.Step][]int{} // indexes of jobs
	for _, i := range left {
		j := jobs[i]
		switch {
		case j.alone:
		case j.compiles:
			t.run(ctx, i, j.run)
		case j.trial != nil && !r.Alone:
			trials[j.trial.step] = append(trials[j.trial.step], i)
		default:
			q.add(task{j.weight(), j.long, func() { t.run(ctx, i, j.run) }})
		}
	}
	for _, s := range r.steps {
		t.bundle(ctx, q, trials[s])
	}
	q.drain()
	for _, i := range left {
		if jobs[i].alone {
			t.run(ctx, i, jobs[i].run)
		}
	}
	return t.report()
}

// places is how many there always are for jobs that run side by side; one that computes
// takes two. With three places a core, tests of deadlines failed on machines where starting
// a process is slow: there, none is lent beside them.
func (r *round) places() int {
	if r.Jobs > 0 {
		return r.Jobs
	}
	return 2 * runtime.NumCPU()
}

// idle looks at the processors, unless somebody said how many jobs there are to be at a
// time, or wants them busy.
func (r *round) idle() func() float64 {
	if r.Jobs > 0 || r.Busy {
		return nil
	}
	return machine.IdleProcessors()
}

// tally collects results, and tells the watcher.
type tally struct {
	*round
	began time.Time
	jobs  []job
	keys  []string // by which their results are remembered

	mu      sync.Mutex
	results []Result
	bundled command.CPU // what building bundles took
	bundles int
	forgot  error // why a proof couldn't be kept
}

// recall gives results to the jobs that are remembered, and returns the others.
func (t *tally) recall() (left []int) {
	t.keys = make([]string, len(t.jobs))
	for i, j := range t.jobs {
		if t.ground != nil {
			t.keys[i] = t.ground.key(j, false)
		}
		if t.keys[i] != "" && !t.Fresh && !t.Alone && !t.Compare {
			if p := t.Memory.Recall(t.keys[i], j.name()); p != nil {
				t.results[i] = Result{Check: j.check, Subject: j.subject, Outcome: Passed, Note: p.Note, Remembered: true}
				t.tell(func(w Watcher) { w.Finished(len(t.jobs), t.results[i]) })
				continue
			}
		}
		left = append(left, i)
	}
	return left
}

func (j job) name() string { return Result{Check: j.check, Subject: j.subject}.Name() }

// run runs a job and notes its verdict.
func (t *tally) run(ctx context.Context, i int, run func(*work)) {
	if ctx.Err() != nil {
		return
	}
	j := t.jobs[i]
	t.tell(func(w Watcher) { w.Started(len(t.jobs), j.check, j.subject) })
	began := time.Now()
	f := &findings{root: t.Course.Root}
	w := &work{round: t.round, findings: f, ctx: ctx, progress: func(how string) {
		t.tell(func(w Watcher) { w.Progressed(len(t.jobs), how) })
	}}
	run(w)
	if ctx.Err() != nil {
		return
	}
	v := f.result(j.check, j.subject, time.Since(began))
	v.CPU = w.cpu.Time().Seconds()
	if j.trial != nil && v.Outcome == Failed {
		v.Again = t.again(j.trial)
	}
	t.results[i] = v
	t.remember(i, v, f)
	t.tell(func(w Watcher) { w.Finished(len(t.jobs), v) })
}

// remember keeps a green verdict for which nothing was left out, if what it depends on is
// still what it was before the job began.
func (t *tally) remember(i int, v Result, f *findings) {
	if t.keys[i] == "" || v.Outcome != Passed || len(v.Unchecked) > 0 || f.passing {
		return
	}
	if t.jobs[i].usesLab() && foreign() != "" {
		return
	}
	if t.ground.key(t.jobs[i], true) != t.keys[i] {
		return
	}
	if err := t.Memory.Keep(t.keys[i], v.Name(), v.Note); err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.forgot = err
	}
}

// report counts, and says where the time went.
func (t *tally) report() *Report {
	r := newReport(t.results, time.Since(t.began))
	r.Bundles, r.BundlesCPU = t.bundles, t.bundled.Time().Seconds()
	if t.forgot != nil {
		r.Forgot = t.forgot.Error()
	}
	return r
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
