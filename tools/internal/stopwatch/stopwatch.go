// Package stopwatch measures how long a learner waits after a save: until the test that they
// are on has spoken, its task, and all tests. It does what watch does, with a copy of the clone.
package stopwatch

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/filewatch"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// copied is what tests of a step need of a clone.
var copied = []string{"go.work", "go.work.sum", "site/content", "solutions", "steps", "tools", "deploy"}

// Copy makes a copy of the course in an empty folder and opens it.
func Copy(c *course.Course, dir string) (*course.Course, error) {
	for _, name := range copied {
		from, to := filepath.Join(c.Root, name), filepath.Join(dir, name)
		info, err := os.Stat(from)
		if os.IsNotExist(err) {
			continue
		}
		if err == nil && info.IsDir() {
			err = os.CopyFS(to, os.DirFS(from))
		} else if err == nil {
			err = copyFile(from, to)
		}
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return course.Open(dir)
}

func copyFile(from, to string) error {
	src, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, src, 0o644)
}

// Broken is a step that is solved but for one mistake.
type Broken struct {
	Step *course.Step
	Test string // that the mistake turns red
	File string // that holds it, absolute: what the learner edits
}

// Break puts the solution of a copied step into the learner's folder, with a mistake that turns
// a test of the first task red: one that people really make, of the step's wrong answers.
func Break(ctx context.Context, s *course.Step) (*Broken, error) {
	wrong, file, err := mistake(s)
	if err != nil {
		return nil, err
	}
	apply := exec.CommandContext(ctx, "git", "apply", wrong.Path)
	apply.Dir = s.SolutionDir
	apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(s.SolutionDir))
	if said, err := apply.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("apply %s: %w\n%s", wrong.Path, err, said)
	}
	files, err := s.Solved()
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		return nil, fmt.Errorf("solve %s: %w", s.Name, err)
	}
	for name, src := range files {
		path := filepath.Join(s.Dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, src, 0o644)
		}
		if err != nil {
			return nil, fmt.Errorf("solve %s: %w", s.Name, err)
		}
	}
	return &Broken{Step: s, Test: wrong.CaughtBy, File: filepath.Join(s.Dir, filepath.FromSlash(file))}, nil
}

// mistake is the first wrong answer to the first task that changes Go files alone; one that its
// first test catches comes before others.
func mistake(s *course.Step) (wrong *answers.Answer, file string, err error) {
	paths, err := filepath.Glob(filepath.Join(s.SolutionDir, "wrong-answers", "*.patch"))
	if err != nil {
		return nil, "", err
	}
	for _, path := range paths {
		a, err := answers.Read(path)
		if err != nil {
			return nil, "", fmt.Errorf("read %s: %w", path, err)
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, "", err
		}
		changed := changedFiles(string(src))
		if a.Task != 1 || len(changed) == 0 || slices.ContainsFunc(changed, func(f string) bool { return !strings.HasSuffix(f, ".go") }) {
			continue
		}
		if wrong == nil || wrong.CaughtBy != s.Tasks[0].Tests[0] && a.CaughtBy == s.Tasks[0].Tests[0] {
			wrong, file = a, changed[0]
		}
	}
	if wrong == nil {
		return nil, "", fmt.Errorf("no wrong answer to task 1 of %s changes Go files alone", s.Name)
	}
	return wrong, file, nil
}

// changedFiles are the files that a patch leaves changed.
func changedFiles(patch string) []string {
	var files []string
	for line := range strings.Lines(patch) {
		if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
			files = append(files, strings.TrimSpace(name))
		}
	}
	return files
}

// Times is how long after a save something was known.
type Times struct{ First, Task, All time.Duration }

// Round is what the saves of one step came to.
type Round struct {
	Broken *Broken
	First  string // the test that spoke first
	Saves  []Times
}

// Measure saves so often, each time with another line of code, and waits for all tests in
// between. Before the first one, everything is compiled and the tests have run.
func Measure(ctx context.Context, b *Broken, often int, run learner.Tester) (*Round, error) {
	state, err := progress.Load(filepath.Dir(filepath.Dir(b.Step.Dir)))
	if err != nil {
		return nil, err
	}
	last, err := run(ctx, runner.Options{Step: b.Step}, nil)
	if err != nil {
		return nil, err
	}
	if last.Build != "" {
		return nil, fmt.Errorf("%s doesn't compile: %s", b.Step.Name, last.Build)
	}
	src, err := os.ReadFile(b.File)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watched{broken: b, state: state, last: last, saved: filewatch.Watch(ctx, b.Step.Dir, filewatch.Options{}), runs: learner.NewRuns(run)}
	defer w.runs.Stop()
	r := &Round{Broken: b}
	for n := range often + 1 {
		times, err := w.save(ctx, fmt.Appendf(slices.Clone(src), "\n// Saved tells the saves apart.\nvar Saved = %d\n", n+int(time.Now().Unix())))
		if err != nil {
			return nil, err
		}
		if n > 0 { // the first one warms up
			r.Saves = append(r.Saves, times)
		}
	}
	r.First = w.first
	return r, nil
}

// watched is a step whose saves are waited for, as watch does.
type watched struct {
	broken *Broken
	state  *progress.State
	last   *runner.Result
	saved  <-chan struct{}
	runs   *learner.Runs
	first  string
}

func (w *watched) save(ctx context.Context, src []byte) (times Times, err error) {
	step := w.broken.Step
	waits := map[string]bool{} // for the task's other tests
	for _, name := range step.Tasks[0].Tests {
		waits[name] = true
	}
	start := time.Now()
	if err := os.WriteFile(w.broken.File, src, 0o644); err != nil {
		return times, err
	}
	for {
		select {
		case <-ctx.Done():
			return times, context.Cause(ctx)
		case <-w.saved:
			w.runs.Start(ctx, runner.Options{Step: step, First: learner.First(step, w.state, w.last)})
		case <-w.runs.Said():
		case t := <-w.runs.Heard():
			if times.First == 0 {
				times.First, w.first = time.Since(start), t.Name
			}
			if delete(waits, t.Name); len(waits) == 0 && times.Task == 0 {
				times.Task = time.Since(start)
			}
		case end := <-w.runs.Ended():
			if !w.runs.Finish(end) {
				continue
			}
			times.All = time.Since(start)
			if end.Err == nil && end.Result.Build != "" {
				end.Err = fmt.Errorf("%s doesn't compile: %s", step.Name, end.Result.Build)
			}
			w.last = end.Result
			return times, end.Err
		}
	}
}

// Median is that of a part of the times.
func (r *Round) Median(of func(Times) time.Duration) time.Duration {
	return median(r.Saves, of)
}

// Medians is the median over the rounds of each round's median time to the first verdict, and
// the longest of them.
func Medians(rounds []*Round) (middle, slowest time.Duration) {
	first := func(r *Round) time.Duration { return r.Median(func(t Times) time.Duration { return t.First }) }
	for _, r := range rounds {
		slowest = max(slowest, first(r))
	}
	return median(rounds, first), slowest
}

// median is the middle one, or the mean of the two in the middle; 0 of none.
func median[T any](list []T, of func(T) time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.SortedFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(of(a), of(b)) })
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return of(sorted[half])
	}
	return (of(sorted[half-1]) + of(sorted[half])) / 2
}
