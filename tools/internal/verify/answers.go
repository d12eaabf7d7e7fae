package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/bundle"
	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/seed"
)

// trial is a job's look at one answer.
type trial struct {
	step  *course.Step
	path  string // of the patch
	judge func(*work, *answers.Answer, runner.Options)
}

// name is the patch's file name without its ending.
func (a *trial) name() string { return strings.TrimSuffix(filepath.Base(a.path), ".patch") }

// inBundle is what it is called in a bundle: a wrong and a right answer may share a name.
func (a *trial) inBundle() string {
	if filepath.Base(filepath.Dir(a.path)) == rightFolder {
		return "right-" + a.name()
	}
	return "wrong-" + a.name()
}

const (
	wrongFolder = "wrong-answers"
	rightFolder = "right-answers"
)

// wrongAnswers makes a job of each patch in wrong-answers.
func wrongAnswers(r *round) []job { return r.eachPatch(wrongFolder, wrong) }

// rightAnswers makes a job of each patch in right-answers.
func rightAnswers(r *round) []job { return r.eachPatch(rightFolder, right) }

func (r *round) eachPatch(folder string, judge func(*work, *answers.Answer, runner.Options)) []job {
	var jobs []job
	for _, s := range r.steps {
		paths, _ := filepath.Glob(filepath.Join(s.SolutionDir, folder, "*.patch"))
		for _, path := range paths {
			a := &trial{step: s, path: path, judge: judge}
			if len(r.Answers) > 0 && !slices.Contains(r.Answers, a.name()) {
				continue
			}
			long, suite := wrongSeconds, folder == rightFolder || r.wholeSuites()
			if suite {
				long += suiteSeconds(s)
			}
			jobs = append(jobs, job{
				subject: s.Name + "/" + a.name(), works: suite, long: long, trial: a,
				run: func(w *work) { w.alone(a) },
				reads: func(in *reads) {
					in.module(s.SolutionDir)
					in.File(in.rel(path), path)
					in.tasks(s)
					in.Value("whole suites", r.wholeSuites())
				},
			})
		}
	}
	return jobs
}

// UnknownAnswers are those of the asked for that no chosen step has.
func (o Options) UnknownAnswers() []string {
	steps := o.Steps
	if len(steps) == 0 {
		steps = o.Course.Steps
	}
	return slices.DeleteFunc(slices.Clone(o.Answers), func(name string) bool {
		return slices.ContainsFunc(steps, func(s *course.Step) bool {
			return exists(filepath.Join(s.SolutionDir, wrongFolder, name+".patch")) || exists(filepath.Join(s.SolutionDir, rightFolder, name+".patch"))
		})
	})
}

// The tasks of answers, by how soon they start: to build a bundle before the suites, which
// are shorter, and to look at what is in it before the next is built, so that what waits
// overlaps with what computes.
const (
	bundleSeconds = 40
	wrongSeconds  = 41
)

// applied is an answer that is laid over a copy of its solution.
type applied struct {
	*answers.Answer
	dir     string // the copy
	overlay map[string]string
	inPlace bool // tests have to run in the copy
	env     []string
	remove  func()
}

// apply reads a patch and lays it over a copy of the solution.
func (r *round) apply(ctx context.Context, a *trial) (*applied, error) {
	read, err := answers.Read(a.path)
	if err != nil {
		return nil, err
	}
	dir, remove, err := r.scratch.folder(a.step.Name)
	if err != nil {
		return nil, err
	}
	done := &applied{Answer: read, dir: dir, remove: remove}
	if done.overlay, done.inPlace, err = answers.Overlay(ctx, read, a.step.SolutionDir, dir); err == nil {
		done.env, err = nestedOverlay(dir, done.overlay)
	}
	if err != nil {
		remove()
		return nil, err
	}
	return done, nil
}

// migrates matches files in which an answer could make another schema than its solution:
// migrations, what runs them, and the program with its configuration.
var migrates = regexp.MustCompile(`migrat|\.sql$|^(main|config)\.go$`)

// migratesAlike reports whether an answer leaves what makes the schema as it is.
func (a *applied) migratesAlike() bool {
	for name := range a.overlay {
		if dir, file := filepath.Split(name); migrates.MatchString(file) || migrates.MatchString(filepath.Base(dir)) {
			return false
		}
	}
	return true
}

// nestedOverlay makes go commands that a test runs itself, such as step 02's go list,
// see the overlay too: they read GOFLAGS.
func nestedOverlay(dir string, overlay map[string]string) (env []string, err error) {
	flag, _, err := command.OverlayFlag(dir, overlay) // the file goes with dir
	if err != nil {
		return nil, err
	}
	return []string{strings.TrimSpace("GOFLAGS=" + os.Getenv("GOFLAGS") + " " + flag)}, nil
}

// alone builds one answer by itself and judges it.
func (w *work) alone(a *trial) {
	done, err := w.apply(w.ctx, a)
	if err != nil {
		w.add(a.path, "%v", err)
		return
	}
	defer done.remove()
	w.judgeAlone(a, done)
}

func (w *work) judgeAlone(a *trial, done *applied) {
	o := runner.Options{Step: a.step, Solution: true, Overlay: done.overlay, Env: done.env}
	if done.inPlace {
		o.Exec = moved
		o.Env = append(o.Env, "VERIFY_COPY="+done.dir, "VERIFY_MODULE="+realPath(a.step.SolutionDir))
	}
	a.judge(w, done.Answer, o)
}

// mostInBundle is how many answers are built into one test binary: more link hardly longer,
// but need more memory for it.
const mostInBundle = 100

// bundle adds to the queue what looks at the answers to one step: those that can be are
// built together, many at a time.
func (t *tally) bundle(ctx context.Context, q *queue, group []int) {
	if len(group) == 0 {
		return
	}
	for part := range slices.Chunk(group, evenly(len(group), mostInBundle)) {
		q.add(task{weight: 2, long: bundleSeconds, run: func() { t.sortOut(ctx, q, part) }})
	}
}

// evenly is the size of the parts, none larger than most, that n things make.
func evenly(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / max(parts, 1)
}

// member is an answer that is to be built with others.
type member struct {
	job     int
	applied *applied
	variant bundle.Variant
}

// sortOut applies answers, builds a bundle of those that can be, and adds a task for each.
func (t *tally) sortOut(ctx context.Context, q *queue, part []int) {
	step := t.jobs[part[0]].trial.step
	module := &bundle.Module{Dir: realPath(step.SolutionDir), Path: step.ModulePath(true)}
	why := module.Suitable()
	if why == nil {
		why = module.Read()
	}
	var members []member
	for _, i := range part {
		a := t.jobs[i].trial
		done, err := t.apply(ctx, a)
		if err != nil {
			t.run(ctx, i, func(w *work) { w.add(a.path, "%v", err) })
			continue
		}
		m := member{i, done, bundle.Variant{Name: a.inBundle(), Copy: done.dir, Overlay: done.overlay}}
		if reason := t.whyAlone(module, why, m); reason != "" {
			t.addAlone(ctx, q, m, reason)
		} else {
			members = append(members, m)
		}
	}
	t.build(ctx, q, module, members)
}

// whyAlone is why an answer has to be built by itself, "" when it hasn't.
func (t *tally) whyAlone(module *bundle.Module, unsuitable error, m member) string {
	a := t.jobs[m.job].trial
	switch {
	case unsuitable != nil:
		return unsuitable.Error()
	case m.applied.Alone != "":
		return m.applied.Alone
	}
	tests, err := declarations(a.step.SolutionDir)
	if err != nil {
		return err.Error()
	}
	for _, d := range tests {
		below := filepath.Dir(d.File) != filepath.Clean(a.step.SolutionDir)
		if below && (t.wholeSuites() || m.applied.CaughtBy == "" || d.Name == m.applied.CaughtBy) {
			return d.Name + " is inside of a package"
		}
	}
	reason, err := module.Alone(m.variant)
	if err != nil {
		return err.Error()
	}
	return reason
}

// addAlone adds a task that builds one answer by itself.
func (t *tally) addAlone(ctx context.Context, q *queue, m member, reason string) {
	j := t.jobs[m.job]
	q.add(task{j.weight(), j.long + 3, func() {
		defer m.applied.remove()
		t.run(ctx, m.job, func(w *work) {
			w.findings.alone = reason
			w.judgeAlone(j.trial, m.applied)
		})
	}})
}

// build builds a bundle, and adds a task for each answer in it. What it can't hold is built
// alone.
func (t *tally) build(ctx context.Context, q *queue, module *bundle.Module, members []member) {
	if len(members) < 2 {
		for _, m := range members {
			t.addAlone(ctx, q, m, "there is no other to build it with")
		}
		return
	}
	dir, err := os.MkdirTemp(t.scratch.dir, "bundle-")
	var b *bundle.Bundle
	if err == nil {
		var variants []bundle.Variant
		for _, m := range members {
			variants = append(variants, m.variant)
		}
		place := command.Place{Env: []string{"GOTMPDIR=" + t.scratch.dir}, CPU: &t.bundled}
		b, err = module.Build(ctx, place, dir, variants)
	}
	var built []member
	for _, m := range members {
		if err != nil {
			t.addAlone(ctx, q, m, err.Error())
		} else if said := b.Refused(m.variant.Name); said != "" {
			t.addAlone(ctx, q, m, "it doesn't compile with others: "+said)
		} else {
			built = append(built, m)
		}
	}
	if len(built) == 0 {
		_ = os.RemoveAll(dir)
		return
	}
	t.mu.Lock()
	t.bundles++
	t.mu.Unlock()
	left := new(atomic.Int32)
	left.Store(int32(len(built)))
	for _, m := range built {
		t.addBundled(ctx, q, m, b, func() {
			if left.Add(-1) == 0 {
				_ = os.RemoveAll(dir)
			}
		})
	}
}

// addBundled adds a task that judges an answer in a bundle.
func (t *tally) addBundled(ctx context.Context, q *queue, m member, b *bundle.Bundle, done func()) {
	j := t.jobs[m.job]
	q.add(task{j.weight(), j.long, func() {
		defer done()
		defer m.applied.remove()
		t.run(ctx, m.job, func(w *work) {
			binary, err := b.Binary(m.variant.Name)
			if err != nil {
				w.add(j.trial.path, "%v", err)
				return
			}
			defer os.Remove(binary)
			o := runner.Options{Step: j.trial.step, Solution: true, Binary: binary, Env: m.applied.env}
			if m.applied.migratesAlike() {
				o.Env = append(o.Env, seed.KnownTemplate+"="+filepath.Join(t.scratch.dir, j.trial.step.Name+".template"))
			}
			if m.applied.inPlace {
				o.Dir = m.applied.dir
			}
			j.trial.judge(w, m.applied.Answer, o)
			if t.Compare {
				w.compare(j.trial, m.applied)
			}
		})
	}})
}

// compare judges an answer again, built by itself, and finds fault when the two results
// are different.
func (w *work) compare(a *trial, done *applied) {
	alone := &work{round: w.round, findings: &findings{root: w.root}, ctx: w.ctx}
	alone.judgeAlone(a, done)
	w.cpu.Add(alone.cpu.Time())
	w.note = "the same when it is built alone"
	if together := w.list; (len(together) == 0) != (len(alone.list) == 0) {
		w.note = ""
		w.add(a.path, "has another verdict when it is built alone:\n%s\nand when it is built with others:\n%s",
			inWords(alone.list), inWords(together))
	}
}

// inWords is what was found, or that nothing was.
func inWords(list []string) string {
	if len(list) == 0 {
		return "passed"
	}
	return strings.Join(list, "\n")
}

// again is the command that looks at this one answer once more, built by itself.
func (r *round) again(a *trial) string {
	s := fmt.Sprintf("go tool workshop verify --step %02d --only %s --answer %s --alone", a.step.Number, filepath.Base(filepath.Dir(a.path)), a.name())
	if !r.wholeSuites() {
		s += " --named"
	}
	return s
}
