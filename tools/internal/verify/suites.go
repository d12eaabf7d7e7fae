package verify

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/runner"
)

// starters makes a job of each step's starter.
func starters(r *round) []job {
	var jobs []job
	for _, s := range r.steps {
		jobs = append(jobs, job{
			subject: s.Name, works: true, long: suiteSeconds(s), run: func(w *work) { starter(w, s) },
			reads: func(in *reads) {
				in.module(s.Dir)
				in.moduleFiles(s.SolutionDir)
				in.tasks(s)
			},
		})
	}
	return jobs
}

// suiteSeconds guesses how long the tests of a step take: later ones measure more.
func suiteSeconds(s *course.Step) int { return 10 + 2*s.Number }

// starter checks that the starter's tests are red exactly where the lesson's tasks say,
// each by what it measured.
func starter(w *work, s *course.Step) {
	result, ok := w.suite(s.Dir, runner.Options{Step: s})
	if !ok {
		return
	}
	for _, t := range result.Tests {
		task := s.TaskOf(t.Name)
		switch {
		case task == 0 && t.Status == runner.Failed:
			w.add(s.Dir, "%s is red, and belongs to no task\n%s", t.Name, t.Output)
		case task == 0 && t.Status == runner.Unfinished:
			w.add(s.Dir, "%s never ended\n%s", t.Name, t.Output)
		case task != 0 && t.Status != runner.Failed:
			w.add(s.Dir, "%s of task %d has %s, and should be red before the task is done", t.Name, task, t.Status)
		case task != 0:
			w.teaches(s, t)
		}
	}
	w.allRan(s, s.Dir, result)
}

// teaches checks that a red test says something of its own.
func (w *work) teaches(s *course.Step, t runner.Test) {
	if strings.TrimSpace(t.Output) == "" {
		w.add(s.Dir, "%s is red without a word", t.Name)
	}
	// The API's own log lines, which a finding may show, are indented.
	if strings.HasPrefix(t.Output, "panic: ") || strings.Contains(t.Output, "\npanic: ") {
		w.add(s.Dir, "%s is red by a panic, not by what it measured\n%s", t.Name, t.Output)
	}
}

// allRan checks that every test of the lesson ran, and told the lab the same task.
func (w *work) allRan(s *course.Step, dir string, result *runner.Result) {
	for _, task := range s.Tasks {
		for _, name := range task.Tests {
			i := slices.IndexFunc(result.Tests, func(t runner.Test) bool { return t.Name == name })
			if i < 0 {
				w.add(dir, "%s of task %d didn't run", name, task.Number)
			} else if got := result.Tests[i].Task; got != task.Number {
				w.add(dir, "%s told the lab task %d while it ran; the lesson says %d", name, got, task.Number)
			}
		}
	}
}

// suite runs tests. A suite that doesn't compile, that died or that ran nothing is a
// finding, and false.
func (w *work) suite(where string, o runner.Options) (*runner.Result, bool) {
	result, err := runner.Run(w.ctx, o, nil)
	if err == nil {
		w.cpu.Add(result.CPU)
	}
	switch {
	case err != nil:
		w.add(where, "%v", err)
	case result.Build != "":
		w.add(where, "doesn't compile\n%s", result.Build)
	case result.Panic != "":
		w.add(where, "the tests died\n%s", result.Panic)
	case len(result.Tests) == 0:
		w.add(where, "no test ran")
	default:
		return result, true
	}
	return nil, false
}

// green runs tests that must all pass. Tests may be skipped, unless a task stands on
// them.
func (w *work) green(where string, o runner.Options) *runner.Result {
	result, ok := w.suite(where, o)
	if !ok {
		return nil
	}
	for _, t := range result.Tests {
		w.passing = w.passing || t.Status == runner.Skipped
		switch {
		case t.Status == runner.Failed || t.Status == runner.Unfinished:
			w.add(where, "%s has %s\n%s", t.Name, t.Status, t.Output)
		case t.Status == runner.Skipped && o.Step.TaskOf(t.Name) != 0:
			w.add(where, "%s was skipped\n%s", t.Name, t.Output)
		}
	}
	return result
}

// scanLogs makes the lab look for secrets in the logs of each test.
const scanLogs = "BOXOFFICE_SCAN_LOGS=1"

// solutions makes the jobs that run the solutions' own tests, as often as asked for.
func solutions(race bool) func(*round) []job {
	return func(r *round) []job {
		if race && !r.Race {
			return nil
		}
		var jobs []job
		for _, s := range r.steps {
			o := runner.Options{Step: s, Solution: true, Race: race, Env: []string{scanLogs}}
			run := func(w *work) { w.solution(o) }
			if r.Repeat > 1 {
				run = func(w *work) { w.repeat(o) }
			}
			jobs = append(jobs, job{
				subject: s.Name, alone: r.Repeat > 1, works: true, long: suiteSeconds(s), run: run,
				reads: func(in *reads) {
					in.module(s.SolutionDir)
					in.tasks(s)
				},
			})
		}
		return jobs
	}
}

func (w *work) solution(o runner.Options) {
	if result := w.green(o.Step.SolutionDir, o); result != nil {
		w.allRan(o.Step, o.Step.SolutionDir, result)
		w.note = fmt.Sprintf("%d tests", len(result.Tests))
	}
}

// flake counts how a test failed over many runs.
type flake struct {
	times int
	run   int // the first in which it failed
	said  string
}

// repeat runs a solution's tests again and again, each time from the start, and reports
// what failed, how often, and what it said first.
func (w *work) repeat(o runner.Options) {
	flakes := map[string]*flake{}
	for n := 1; n <= w.Repeat && w.ctx.Err() == nil; n++ {
		one := &work{round: w.round, findings: &findings{root: w.root}, ctx: w.ctx}
		result := one.green(o.Step.SolutionDir, o)
		if result == nil {
			count(flakes, "(the whole suite)", n, strings.Join(one.list, "\n"))
			continue
		}
		for _, t := range result.Tests {
			if t.Status != runner.Passed && t.Status != runner.Skipped {
				count(flakes, t.Name, n, t.Output)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flakes)) {
		f := flakes[name]
		w.add(o.Step.SolutionDir, "%s failed in %d of %d runs, first in run %d\n%s", name, f.times, w.Repeat, f.run, f.said)
	}
	w.note = fmt.Sprintf("%d runs", w.Repeat)
}

func count(flakes map[string]*flake, name string, run int, said string) {
	if flakes[name] == nil {
		flakes[name] = &flake{run: run, said: said}
	}
	flakes[name].times++
}

// past makes a job of each earlier step's tests on the newest solution. A round about
// some steps has their tests there, and earlier ones on theirs; a thorough one has every
// pair.
func past(r *round) []job {
	var jobs []job
	for i, later := range r.Course.Steps {
		newest := i == len(r.Course.Steps)-1
		for _, earlier := range r.Course.Steps[:i] {
			own := r.partial && !r.Named && slices.Contains(r.steps, later)
			if !own && !(slices.Contains(r.steps, earlier) && (newest || r.Thorough)) {
				continue
			}
			jobs = append(jobs, job{
				subject: fmt.Sprintf("%s on %s", earlier.Name, later.Name),
				works:   true,
				long:    suiteSeconds(earlier),
				run:     func(w *work) { holds(w, earlier, later) },
				reads: func(in *reads) {
					in.module(earlier.SolutionDir)
					in.module(later.SolutionDir)
					in.tasks(earlier)
				},
			})
		}
	}
	return jobs
}

// holds runs an earlier step's tests against a later solution, except those that are the
// later step's own, too.
func holds(w *work, earlier, later *course.Step) {
	overlay, err := transplant(earlier, later)
	if err != nil {
		w.add(later.SolutionDir, "%v", err)
		return
	}
	theirs, err := promises(earlier.SolutionDir)
	own, err2 := promises(later.SolutionDir)
	if err := errors.Join(err, err2); err != nil {
		w.add(later.SolutionDir, "%v", err)
		return
	}
	w.green(later.SolutionDir, runner.Options{
		Step: earlier, Dir: later.SolutionDir, Overlay: overlay, Skip: exactly(madeAgain(theirs, own)),
	})
}

// mainTest is the test file that says what the lab starts, such as a worker: it belongs to
// the code, not to the tests.
const mainTest = "main_test.go"

// transplant is the overlay that puts the tests of one step in the place of another's.
// Only those at the root of the module know nothing of its insides: tests in packages
// below are taken away and none put there. The other step's main_test.go stays.
func transplant(from, to *course.Step) (map[string]string, error) {
	own, err := to.TestFiles()
	theirs, err2 := from.TestFiles()
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	overlay := map[string]string{}
	for _, rel := range own {
		if rel != mainTest {
			overlay[filepath.Join(to.SolutionDir, rel)] = ""
		}
	}
	for _, rel := range theirs {
		if !strings.Contains(rel, "/") && (rel != mainTest || !slices.Contains(own, mainTest)) {
			overlay[filepath.Join(to.SolutionDir, rel)] = filepath.Join(from.SolutionDir, rel)
		}
	}
	return overlay, nil
}

// moved runs a test binary in the patched copy of its package's folder, for go test
// -exec: there the tests read files that are not built in.
const moved = `sh -c 'here=$(pwd -P); cd "$VERIFY_COPY${here#"$VERIFY_MODULE"}" && exec "$0" "$@"'`

// realPath is a path without links, or the path itself where there is no such file.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// right checks that the tests accept an answer of another kind: where the round doesn't run
// whole suites, those that the step doesn't share with all others. What these say is proven
// by each solution.
func right(w *work, a *answers.Answer, o runner.Options) {
	if !w.wholeSuites() {
		shared, err := promises(o.Step.SolutionDir)
		if err != nil {
			w.add(a.Path, "%v", err)
			return
		}
		o.Skip = exactly(shared)
	}
	w.green(a.Path, o)
}

// wrong checks that a wrong answer turns the test that it names red, with the message
// that it quotes. Where the round runs whole suites, nothing else of another task may be
// red that the answer doesn't own up to.
func wrong(w *work, a *answers.Answer, o runner.Options) {
	if a.CaughtBy == "" {
		w.add(a.Path, "there is no Caught-by: line with the test that turns red")
		return
	}
	s := o.Step
	if !w.wholeSuites() {
		o.Run = "^" + a.CaughtBy + "$"
	}
	result, ok := w.suite(a.Path, o)
	if !ok {
		return
	}
	caught := false
	for _, t := range result.Tests {
		switch {
		case t.Status == runner.Passed || t.Status == runner.Skipped:
		case t.Name == a.CaughtBy:
			caught = true
			w.says(a, t)
		case s.TaskOf(t.Name) != a.Task && !slices.Contains(a.AlsoRed, t.Name):
			w.add(a.Path, "%s is red too, and belongs to %s; if that is right, add \"Also-red: %[1]s because …\"\n%s",
				t.Name, taskName(s, t.Name), t.Output)
		}
	}
	if !caught {
		w.add(a.Path, "%s didn't turn red", a.CaughtBy)
	}
}

// says checks the message of the test that caught a wrong answer.
func (w *work) says(a *answers.Answer, t runner.Test) {
	switch {
	case t.Status == runner.Unfinished:
		w.add(a.Path, "%s never ended\n%s", t.Name, t.Output)
	case a.Says == "":
		w.add(a.Path, "there is no Says: line; the test says\n%s", t.Output)
	case !strings.Contains(plain(t.Output), plain(a.Says)):
		w.add(a.Path, "%s is red, but doesn't say %q\n%s", t.Name, a.Says, t.Output)
	}
}

// plain is a text without its line breaks and indentation.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

func taskName(s *course.Step, test string) string {
	if n := s.TaskOf(test); n != 0 {
		return fmt.Sprintf("task %d", n)
	}
	return "no task"
}
