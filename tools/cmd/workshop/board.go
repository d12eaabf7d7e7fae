package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// board shows one run of a step: its tasks, the first failure, and what to do next.
type board struct {
	style    style
	course   *course.Course
	step     *course.Step
	state    *progress.State // where the task list comes from when the code doesn't compile
	result   *runner.Result
	cwd      string
	solution bool // the solution was tested, not the learner's code
	all      bool // every failure whole
	keys     bool // somebody can press keys: name those instead of commands
}

// String is the board, ending in a line end.
func (b *board) String() string {
	parts := []string{b.heading(), b.tasks()}
	if b.result.Green() {
		parts = append(parts, b.extras(), b.done())
	} else {
		parts = append(parts, b.changed(), b.failures(), b.extras(), b.next())
	}
	var kept []string
	for _, p := range parts {
		if p = strings.Trim(p, "\n"); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}

func (b *board) heading() string {
	title := b.style.paint(bold, fmt.Sprintf("Step %02d  %s", b.step.Number, b.step.Title))
	dir := b.step.Dir
	if b.solution {
		dir = b.step.SolutionDir
	}
	shown := b.path(dir)
	if shown == "." {
		shown = "this folder"
	}
	where := fmt.Sprintf("%s %s estimated %d min", shown, b.style.dash(), b.step.Minutes)
	return title + "\n" + b.style.paint(dim, where)
}

// path names a file as seen from where the learner stands.
func (b *board) path(path string) string { return relative(b.cwd, path) }

func relative(cwd, path string) string {
	real, err := filepath.EvalSymlinks(cwd)
	if err != nil {
		real = cwd
	}
	rel, err := filepath.Rel(real, path)
	if err != nil {
		return path
	}
	return rel
}

// tasks is a line for each task. Those of a run that tested nothing show how they were.
func (b *board) tasks() string {
	var lines []string
	for _, t := range b.result.Tasks(b.step) {
		lines = append(lines, b.taskLine(t.Task, b.word(t)))
	}
	if b.remembered() {
		lines = append(lines, b.style.paint(dim, "  (as of the last run that compiled)"))
	}
	return strings.Join(lines, "\n")
}

func (b *board) taskLine(t course.Task, word string) string {
	label := fmt.Sprintf("task %d", t.Number)
	if t.Number == 0 {
		label = "before"
	}
	const indent = 18
	title := strings.TrimLeft(b.style.wrap(t.Title, indent), " ")
	return fmt.Sprintf("  %s  %s  %s", b.style.mark(word), label, title)
}

// word is PASS, FAIL or TODO.
func (b *board) word(t runner.TaskResult) string {
	if t.State == runner.NotRun && b.result.Build != "" && !b.solution {
		return wordOf(b.state.Tasks[progress.TaskID{Step: b.step.Number, Task: t.Task.Number}])
	}
	return wordOf(t.State.String())
}

func wordOf(state string) string {
	switch state {
	case runner.Green.String():
		return "PASS"
	case runner.Red.String():
		return "FAIL"
	}
	return "TODO"
}

func (b *board) remembered() bool {
	if b.result.Build == "" || b.solution {
		return false
	}
	for _, t := range b.step.Tasks {
		if b.state.Tasks[progress.TaskID{Step: b.step.Number, Task: t.Number}] != "" {
			return true
		}
	}
	return false
}

// changed says which test files aren't the course's, and which are gone.
func (b *board) changed() string {
	var gone, differ []string
	for _, name := range b.result.Changed {
		if _, err := os.Stat(filepath.Join(b.step.Dir, name)); err != nil {
			gone = append(gone, name)
		} else {
			differ = append(differ, name)
		}
	}
	var notes []string
	if len(gone) > 0 {
		notes = append(notes, b.style.labelled("Note", fmt.Sprintf("missing here, so the course's own ran: %s. To bring the tests back: git checkout -- %s",
			strings.Join(gone, ", "), relative(b.cwd, filepath.Join(b.step.Dir, gone[0])))))
	}
	if len(differ) > 0 {
		notes = append(notes, b.style.labelled("Note", fmt.Sprintf("not as the course has it, so the course's own ran: %s. A test file of yours beside it is fine.",
			strings.Join(differ, ", "))))
	}
	return strings.Join(notes, "\n")
}

// failures are the first failure whole, and a line for each other one.
func (b *board) failures() string {
	switch {
	case b.result.Build != "":
		return b.style.paint(bold+";"+red, "It doesn't compile") + "\n\n" + b.style.reflow(strings.TrimSpace(b.located(b.result.Build)), 2)
	case len(b.failed()) == 0 && b.result.Panic == "":
		return b.style.wrap(b.nothingRan(), 0)
	}
	var parts []string
	if b.result.Panic != "" {
		parts = append(parts, b.style.paint(bold+";"+red, "The tests ended early")+"\n\n"+b.style.reflow(b.panicText(), 2))
	}
	failed := b.failed()
	for i, f := range failed {
		if i > 0 && !b.all {
			parts = append(parts, b.folded(failed[i:]))
			break
		}
		parts = append(parts, b.failure(f))
	}
	return strings.Join(parts, "\n\n")
}

// failed are the course's tests that didn't pass: guards first, then task by task.
func (b *board) failed() []runner.Test {
	var list []runner.Test
	for _, t := range b.result.Tasks(b.step) {
		for _, test := range t.Tests {
			if test.Status != runner.Passed {
				test.Task = t.Task.Number
				list = append(list, test)
			}
		}
	}
	return list
}

func (b *board) failure(t runner.Test) string {
	output := t.Output
	if output == "" || t.Status != runner.Failed {
		output = strings.TrimSpace(output + "\n(" + ended(t.Status) + ")")
	}
	return b.style.paint(bold+";"+red, t.Name) + b.style.paint(dim, "   "+taskName(t.Task)) + "\n\n" + b.style.reflow(output, 2)
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

func taskName(number int) string {
	if number == 0 {
		return "before"
	}
	return fmt.Sprintf("task %d", number)
}

// folded names the failures that aren't shown, a line for each task.
func (b *board) folded(tests []runner.Test) string {
	how := fmt.Sprintf("go tool workshop test %02d --all", b.step.Number)
	if b.keys {
		how = "press a"
	}
	lines := []string{b.style.paint(bold, "Also red") + b.style.paint(dim, "   to see them whole: "+how)}
	for len(tests) > 0 {
		task := tests[0].Task
		var names []string
		for len(tests) > 0 && tests[0].Task == task {
			names = append(names, strings.TrimPrefix(tests[0].Name, "Test"))
			tests = tests[1:]
		}
		lines = append(lines, b.style.labelledPlain(2, taskName(task), strings.Join(names, ", ")))
	}
	return strings.Join(lines, "\n")
}

// located puts the step's folder before the positions that the compiler names, so that
// they can be clicked from where the learner stands.
func (b *board) located(text string) string {
	dir := b.step.Dir
	if b.solution {
		dir = b.step.SolutionDir
	}
	var lines []string
	for line := range strings.Lines(text) {
		file, _, ok := strings.Cut(line, ":")
		if ok && strings.HasSuffix(file, ".go") && !strings.ContainsAny(file, " \t") && !filepath.IsAbs(file) {
			line = b.path(filepath.Join(dir, file)) + line[len(file):]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// panicText is a panic as far as the first goroutine tells about it.
func (b *board) panicText() string {
	const most = 24
	lines := strings.Split(strings.TrimSpace(b.result.Panic), "\n")
	if b.all || len(lines) <= most {
		return strings.Join(lines, "\n")
	}
	return strings.Join(lines[:most], "\n") + fmt.Sprintf("\n(%d more lines: %s shows them)", len(lines)-most, b.allKey())
}

func (b *board) nothingRan() string {
	var missing []string
	for _, t := range b.result.Tasks(b.step) {
		missing = append(missing, t.Missing...)
	}
	return fmt.Sprintf("These tests of the course didn't run, so the step isn't done: %s. Does something end the program early?",
		strings.Join(missing, ", "))
}

// extras tells about the learner's own tests.
func (b *board) extras() string {
	extra := b.result.Extra()
	if len(extra) == 0 {
		return ""
	}
	var red []string
	for _, t := range extra {
		if t.Status == runner.Failed || t.Status == runner.Unfinished {
			red = append(red, t.Name)
		}
	}
	text := fmt.Sprintf("%s passed. They don't count for the step.", count(len(extra), "test of your own", "tests of your own"))
	if len(red) > 0 {
		text = fmt.Sprintf("%d of %d tests of your own failed (%s). They don't count for the step.", len(red), len(extra), strings.Join(red, ", "))
	}
	return b.style.labelled("Yours", text)
}

// next is where to go from a red step.
func (b *board) next() string {
	var lines []string
	if place := b.place(); place != "" {
		lines = append(lines, b.style.labelled("Open", place))
	}
	lines = append(lines, b.style.labelled("Lesson", b.path(b.step.LessonPath)))
	if !b.keys {
		lines = append(lines, b.style.labelled("Stuck?", fmt.Sprintf("go tool workshop hint %02d", b.step.Number)))
	}
	return strings.Join(lines, "\n")
}

// place is the first gap of the first task that isn't done. When the learner has
// removed its comments, there is none: the next task's would lead away.
func (b *board) place() string {
	if b.result.Build != "" || b.solution {
		return ""
	}
	gaps, err := course.Gaps(b.step.Dir)
	if err != nil {
		return ""
	}
	for _, t := range b.result.Tasks(b.step) {
		if t.State == runner.Green {
			continue
		}
		for _, g := range gaps {
			if g.Task == t.Task.Number {
				return fmt.Sprintf("%s:%d  TODO(task %d): %s", b.path(filepath.Join(b.step.Dir, g.File)), g.Line, g.Task, g.Text)
			}
		}
		break
	}
	return ""
}

// done is what to say once the step is green.
func (b *board) done() string {
	if b.solution {
		return b.style.paint(bold+";"+green, fmt.Sprintf("The solution of step %02d passes.", b.step.Number))
	}
	lines := []string{b.style.paint(bold+";"+green, fmt.Sprintf("Step %02d is done.", b.step.Number)), ""}
	for i, l := range b.step.Learned {
		label := ""
		if i == 0 {
			label = "Learned"
		}
		lines = append(lines, b.style.labelled(label, l))
	}
	lines = append(lines,
		b.style.labelled("Lesson", b.path(b.step.LessonPath)),
		b.style.labelled("Compare", fmt.Sprintf("go tool workshop diff %02d", b.step.Number)),
		b.style.labelled("Go on", b.goOn()))
	return strings.Join(lines, "\n")
}

func (b *board) goOn() string {
	next := b.course.Next(b.step)
	if next == nil {
		return "this was the last step. Well done!"
	}
	how := "go tool workshop next"
	if b.keys {
		how = "press n"
	}
	return fmt.Sprintf("%s   to %s: %s", how, next.Name, next.Title)
}

// allKey is what shows every failure whole.
func (b *board) allKey() string {
	if b.keys {
		return "a"
	}
	return "--all"
}
