package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/mutation"
	"example.com/boxoffice/tools/internal/mutation/score"
)

// mutants makes a job of each step: to try its mutants where the round asks for that, else
// to read what came of it the last time.
func mutants(r *round) []job {
	var jobs []job
	for _, s := range r.steps {
		if !r.Mutants {
			jobs = append(jobs, job{subject: s.Name, run: func(w *work) { scored(w, s) }})
			continue
		}
		jobs = append(jobs, job{
			subject: s.Name, alone: true, run: func(w *work) { tryMutants(w, s) },
			reads: func(in *reads) {
				in.module(s.SolutionDir)
				in.moduleFiles(s.Dir)
				explained := filepath.Join(s.SolutionDir, score.Explained)
				in.File(in.rel(explained), explained)
				if !exists(filepath.Join(s.SolutionDir, score.File)) {
					in.Value("the score has to be written", true)
				}
				in.tasks(s)
			},
		})
	}
	return jobs
}

// scored reads a step's score, and says of which files it is.
func scored(w *work, s *course.Step) {
	came, err := score.Read(s.SolutionDir)
	of, err2 := score.Hash(s)
	path := filepath.Join(s.SolutionDir, score.File)
	again := fmt.Sprintf("go tool workshop verify --mutants --step %02d", s.Number)
	switch {
	case err != nil:
		w.add(path, "%v", err)
	case err2 != nil:
		w.add(path, "%v", err2)
	case came == nil:
		w.skipped("its mutants were never tried: %s", again)
	case came.Share() < score.Least:
		w.add(path, "%v; %.0f %% are the least. %s", came, 100*score.Least, again)
	case came.Of != of && w.Thorough:
		w.add(path, "is of the files as they were on %s. %s", came.Made, again)
	case came.Of != of:
		w.note = fmt.Sprintf("%v, on %s; the files have changed since: %s", came, came.Made, again)
	default:
		w.note = came.String()
	}
}

// tryMutants tries the mutants of a step, writes the score into its solution's folder, and
// the list of what survived into the workshop's.
func tryMutants(w *work, s *course.Step) {
	dir, remove, err := w.scratch.folder(s.Name)
	if err != nil {
		w.add(s.SolutionDir, "%v", err)
		return
	}
	defer remove()
	list, outcomes, err := w.outcomes(s, dir)
	if w.ctx.Err() != nil {
		return
	}
	if err != nil {
		w.add(s.SolutionDir, "%v", err)
		return
	}
	explained, err := mutation.ReadExplained(filepath.Join(s.SolutionDir, score.Explained))
	if err != nil {
		w.add(filepath.Join(s.SolutionDir, score.Explained), "%v", err)
		return
	}
	came, left, unused := mutation.Count(outcomes, explained)
	came.Of, err = score.Hash(s)
	if err == nil {
		err = came.Write(s.SolutionDir, time.Now())
	}
	if err == nil {
		err = w.keepSurvivors(s, outcomes, left)
	}
	if err != nil {
		w.add(s.SolutionDir, "%v", err)
	}
	w.note = came.String()
	if len(left) > 0 {
		w.note += fmt.Sprintf("; %d survived: %s", len(left), w.rel(w.survivors(s)))
	}
	for _, entry := range unused {
		w.add(filepath.Join(s.SolutionDir, score.Explained), "explains what no mutant survives as; drop it:\n%s", entry)
	}
	if came.Share() < score.Least {
		w.add(s.SolutionDir, "%v; %.0f %% are the least. Give each of these a test and a wrong answer, or its reason in %s:\n%s",
			came, 100*score.Least, score.Explained, inDiffs(left))
	}
	if len(list) == 0 {
		w.note = "nothing differs from the starter"
	}
}

// outcomes are the mutants of a step, and what became of each.
func (w *work) outcomes(s *course.Step, dir string) ([]*mutation.Mutant, []mutation.Outcome, error) {
	m, err := mutation.Load(w.ctx, s.SolutionDir, s.ModulePath(true))
	if err != nil {
		return nil, nil, err
	}
	list, err := m.Mutants(s.Dir)
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	t := &mutation.Trial{Step: s, Module: m, Dir: dir, Jobs: w.trials(), CPU: &w.cpu, Tell: func(done, total int, _ mutation.Outcome) {
		w.progress(fmt.Sprintf("%d of %d changes", done, total))
	}}
	outcomes, err := t.Run(w.ctx, list)
	return list, outcomes, err
}

// trials is how many tests of mutants run at a time: more, and those miss deadlines that
// measure.
func (r *round) trials() int {
	if r.Jobs > 0 {
		return r.Jobs
	}
	return runtime.NumCPU() + 1
}

// survivors is the file that lists what came of a step's mutants.
func (r *round) survivors(s *course.Step) string {
	return filepath.Join(r.Course.Root, ".workshop", "mutants", s.Name+".txt")
}

// keepSurvivors writes what survived, as it has to stand in the list of the explained, with
// its diff, and below it what became of the others.
func (w *work) keepSurvivors(s *course.Step, outcomes, left []mutation.Outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# What survived of the changes to solutions/%s: %d\n\n%s\n# All of them\n\n", s.Name, len(left), inDiffs(left))
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%v (%.1f s)\n", o, o.Seconds)
	}
	path := w.survivors(s)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func inDiffs(list []mutation.Outcome) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "%s# line %d, %s\n%s\n", o.Identity(), o.Line, o.Fate(), o.Diff())
	}
	return b.String()
}
