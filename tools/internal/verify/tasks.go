package verify

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/measurement"
)

const (
	minHints        = 2
	minWrongAnswers = 3  // a task
	maxMeasures     = 70 // characters: the map of the steps has half a line for it
)

// Tracks are the ways through the course that a lesson may belong to.
var Tracks = []string{"half-day", "one-day", "two-days"}

// frontMatter checks what a lesson says about its step, apart from the tests.
func frontMatter(w *work, s *course.Step) {
	say := func(format string, args ...any) { w.add(s.LessonPath, format, args...) }
	if !oneLine(s.Title) || !oneLine(s.Summary) {
		say("title and summary must be one line each")
	}
	if n := utf8.RuneCountInString(s.Measures); !oneLine(s.Measures) || n > maxMeasures {
		say("measures must say in one line of at most %d characters what the tests measure; it has %d", maxMeasures, n)
	}
	if s.Scenario == nil {
		say("there is no scenario, so `workshop measure` has nothing to measure")
	} else if err := s.Scenario.Check(measurement.Columns()); err != nil {
		say("%v", err)
	}
	if s.Minutes < 1 {
		say("minutes must be a number above 0, is %d", s.Minutes)
	}
	if n := len(s.Learned); n < 2 || n > 3 {
		say("learned has %d lines; two or three are shown after green", n)
	}
	if len(s.Tasks) == 0 {
		say("there are no tasks")
	}
	for _, t := range s.Tasks {
		if strings.TrimSpace(t.Title) == "" {
			say("task %d has no title", t.Number)
		}
	}
	for _, track := range s.Tracks {
		if !slices.Contains(Tracks, track) {
			say("unknown track %q; the tracks are %s", track, strings.Join(Tracks, ", "))
		}
	}
	for _, n := range s.BuildsOn {
		if n >= s.Number || w.Course.Step(n) == nil {
			say("builds_on names step %d, which is no earlier step", n)
		}
	}
}

func oneLine(text string) bool {
	return strings.TrimSpace(text) != "" && !strings.Contains(strings.TrimSpace(text), "\n")
}

// tasks checks that tasks, tests, gaps and wrong answers fit one another.
func tasks(w *work, s *course.Step) {
	tests, err := declarations(s.SolutionDir)
	if err != nil {
		w.add(s.SolutionDir, "%v", err)
		return
	}
	for _, t := range s.Tasks {
		if len(t.Tests) == 0 {
			w.add(s.LessonPath, "task %d has no tests", t.Number)
		}
		if n := len(t.Hints); n < minHints {
			w.add(s.HintsPath, "task %d has %d of at least %d hints", t.Number, n, minHints)
		}
		for _, name := range t.Tests {
			declares(w, s, t, name, tests)
		}
	}
	claimed(w, s, tests)
	gaps(w, s)
	mistakes(w, s, tests)
}

// declares checks that a test named by the lesson exists and tells the lab its task.
func declares(w *work, s *course.Step, t course.Task, name string, tests map[string]declaration) {
	d, ok := tests[name]
	switch {
	case !ok:
		w.add(s.LessonPath, "task %d names %s, which no test file has", t.Number, name)
	case d.Task == 0:
		w.add(d.File, "%s doesn't call lab.Task(t, %d), though the lesson names it for task %d", name, t.Number, t.Number)
	case d.Task != t.Number:
		w.add(d.File, "%s calls lab.Task(t, %d), but the lesson names it for task %d", name, d.Task, t.Number)
	}
}

// claimed checks that each test with a task is named by the lesson.
func claimed(w *work, s *course.Step, tests map[string]declaration) {
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		d := tests[name]
		if d.Task != 0 && s.TaskOf(name) == 0 {
			w.add(s.LessonPath, "%s of task %d is missing from the task's tests", name, d.Task)
		}
	}
}

// gaps checks that the starter has a TODO for each task and no other, the solution none.
func gaps(w *work, s *course.Step) {
	marked := map[int]bool{}
	for _, g := range w.gaps(s.Dir) {
		marked[g.Task] = true
		if s.Task(g.Task) == nil {
			w.add(filepath.Join(s.Dir, g.File), "line %d: TODO(task %d) belongs to no task", g.Line, g.Task)
		}
	}
	for _, t := range s.Tasks {
		if !marked[t.Number] {
			w.add(s.Dir, "no file has a TODO(task %d)", t.Number)
		}
	}
	for _, g := range w.gaps(s.SolutionDir) {
		w.add(filepath.Join(s.SolutionDir, g.File), "line %d: TODO(task %d) is left in the solution", g.Line, g.Task)
	}
}

// gaps finds the gaps of a module.
func (w *work) gaps(dir string) []course.Gap {
	list, err := course.Gaps(dir)
	if err != nil {
		w.add(dir, "%v", err)
	}
	return list
}

// answers reads the patches of one folder of a solution, "wrong-answers" or
// "right-answers", in the order of their names. A patch that can't be read is a
// finding.
func readAnswers(s *course.Step, folder string, f *findings) []*answers.Answer {
	paths, _ := filepath.Glob(filepath.Join(s.SolutionDir, folder, "*.patch"))
	var list []*answers.Answer
	for _, path := range paths {
		a, err := answers.Read(path)
		if err != nil {
			f.add(path, "%v", err)
			continue
		}
		list = append(list, a)
	}
	return list
}

// mistakes checks that there are wrong answers enough, that each test of a task rejects
// one, and that the heads of all answers name tasks and tests that exist.
func mistakes(w *work, s *course.Step, tests map[string]declaration) {
	count := map[int]int{}
	named := map[string]bool{}
	for _, a := range readAnswers(s, "wrong-answers", w.findings) {
		count[a.Task]++
		named[a.CaughtBy] = true
		if s.Task(a.Task) == nil {
			w.add(a.Path, "Task: %d is no task of this step", a.Task)
		}
		if a.Says == "" {
			w.add(a.Path, "there is no Says: line with a piece of the message that the learner must see")
		}
		for _, name := range append([]string{cmp.Or(a.CaughtBy, "(no Caught-by: line)")}, a.AlsoRed...) {
			if _, ok := tests[name]; !ok {
				w.add(a.Path, "%s is no test of this step", name)
			}
		}
	}
	for _, t := range s.Tasks {
		if n := count[t.Number]; n < minWrongAnswers {
			w.add(filepath.Join(s.SolutionDir, "wrong-answers"), "task %d has %d of at least %d wrong answers", t.Number, n, minWrongAnswers)
		}
		for _, name := range t.Tests {
			if !named[name] {
				w.unproven(s, name)
			}
		}
	}
	for _, a := range readAnswers(s, "right-answers", w.findings) {
		if a.CaughtBy != "" || a.Task != 0 {
			w.add(a.Path, "a right answer has no Caught-by: and no Task: line")
		}
	}
}

// unproven reports a test of a task that no wrong answer names.
func (w *work) unproven(s *course.Step, test string) {
	w.add(s.LessonPath, "line %d: no wrong answer names %s, so all that it is known to reject is the starter; "+
		"put a mistake that it must reject into %s, with the line \"Caught-by: %[2]s\"",
		lineOf(s.LessonPath, test), test, relative(w.root, filepath.Join(s.SolutionDir, "wrong-answers")))
}

// lineOf is the first line of a file that has the word, counted from 1; 0 when none has.
func lineOf(path, word string) int {
	src, _ := os.ReadFile(path)
	at := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).FindIndex(src)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(src[:at[0]], []byte("\n"))
}
