package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
)

// board shows one run of a step: its tasks, the first failure, and what to do next.
type board struct {
	style   style
	course  *course.Course
	verdict *learner.Verdict
	cwd     string
	all     bool // every failure whole
	keys    bool // somebody can press keys: name those instead of commands
}

// String is the board, ending in a line end.
func (b *board) String() string {
	parts := []string{b.heading(), b.tasks()}
	if b.verdict.Result.Green() {
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
	step := b.verdict.Step
	title := b.style.paint(bold, fmt.Sprintf("Step %02d  %s", step.Number, step.Title))
	shown := b.path(b.verdict.Dir())
	if shown == "." {
		shown = "this folder"
	}
	where := fmt.Sprintf("%s %s estimated %d min", shown, b.style.dash(), step.Minutes)
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
	for _, t := range b.verdict.Tasks {
		lines = append(lines, b.taskLine(t.Task, wordOf(t.State)))
	}
	if b.verdict.Remembered {
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

func wordOf(state runner.State) string {
	switch state {
	case runner.Green:
		return "PASS"
	case runner.Red:
		return "FAIL"
	}
	return "TODO"
}

// changed says which test files aren't the course's, and which are gone.
func (b *board) changed() string {
	var notes []string
	for _, note := range b.verdict.ChangedTests(b.path) {
		notes = append(notes, b.style.labelled("Note", note))
	}
	return strings.Join(notes, "\n")
}

// failures are the first failure whole, and a line for each other one.
func (b *board) failures() string {
	result, failed := b.verdict.Result, b.verdict.Failures
	switch {
	case result.Build != "":
		return b.style.paint(bold+";"+red, "It doesn't compile") + "\n\n" + b.style.reflow(b.verdict.Located(b.path), 2)
	case len(failed) == 0 && result.Panic == "":
		return b.style.wrap(b.verdict.NothingRan(), 0)
	}
	var parts []string
	if result.Panic != "" {
		parts = append(parts, b.style.paint(bold+";"+red, "The tests ended early")+"\n\n"+b.style.reflow(b.panicText(), 2))
	}
	for i, f := range failed {
		if i > 0 && !b.all {
			parts = append(parts, b.folded(failed[i:]))
			break
		}
		parts = append(parts, b.failure(f))
	}
	return strings.Join(parts, "\n\n")
}

func (b *board) failure(f learner.Failure) string {
	head := b.style.paint(bold+";"+red, f.Test) + b.style.paint(dim, "   "+taskName(f.Task))
	if f.Same != "" {
		return head + "\n\n  The same as " + f.Same + "."
	}
	return head + "\n\n" + b.style.reflow(f.Output, 2)
}

func taskName(number int) string {
	if number == 0 {
		return "before"
	}
	return fmt.Sprintf("task %d", number)
}

// folded names the failures that aren't shown, a line for each task.
func (b *board) folded(failed []learner.Failure) string {
	how := fmt.Sprintf("go tool workshop test %02d --all", b.verdict.Step.Number)
	if b.keys {
		how = "press a"
	}
	lines := []string{b.style.paint(bold, "Also red") + b.style.paint(dim, "   to see them whole: "+how)}
	for len(failed) > 0 {
		task := failed[0].Task
		var names []string
		for len(failed) > 0 && failed[0].Task == task {
			names = append(names, strings.TrimPrefix(failed[0].Test, "Test"))
			failed = failed[1:]
		}
		lines = append(lines, b.style.labelledPlain(2, taskName(task), strings.Join(names, ", ")))
	}
	return strings.Join(lines, "\n")
}

// panicText is a panic as far as the first goroutine tells about it.
func (b *board) panicText() string {
	text, more := b.verdict.Panic(b.all)
	if more == 0 {
		return text
	}
	return text + fmt.Sprintf("\n(%d more lines: %s shows them)", more, b.allKey())
}

// extras tells about the learner's own tests.
func (b *board) extras() string {
	if text := b.verdict.OwnTests(); text != "" {
		return b.style.labelled("Yours", text)
	}
	return ""
}

// next is where to go from a red step.
func (b *board) next() string {
	var lines []string
	if command := b.verdict.Mend(b.path); command != "" {
		lines = append(lines, b.style.labelled("Mend", command))
	}
	if g := b.verdict.Gap; g != nil {
		lines = append(lines, b.style.labelled("Open", fmt.Sprintf("%s:%d  TODO(task %d): %s",
			b.path(filepath.Join(b.verdict.Step.Dir, g.File)), g.Line, g.Task, g.Text)))
	}
	lines = append(lines, b.style.labelled("Lesson", b.path(b.verdict.Step.LessonPath)))
	if !b.keys {
		lines = append(lines, b.style.labelled("Stuck?", fmt.Sprintf("go tool workshop hint %02d", b.verdict.Step.Number)))
	}
	return strings.Join(lines, "\n")
}

// done is what to say once the step is green.
func (b *board) done() string {
	if b.verdict.Solution {
		return b.style.paint(bold+";"+green, fmt.Sprintf("The solution of step %02d passes.", b.verdict.Step.Number))
	}
	lines := []string{b.style.paint(bold+";"+green, fmt.Sprintf("Step %02d is done.", b.verdict.Step.Number)), ""}
	for i, l := range b.verdict.Step.Learned {
		label := ""
		if i == 0 {
			label = "Learned"
		}
		lines = append(lines, b.style.labelled(label, l))
	}
	lines = append(lines,
		b.style.labelled("Lesson", b.path(b.verdict.Step.LessonPath)),
		b.style.labelled("Compare", fmt.Sprintf("go tool workshop diff %02d", b.verdict.Step.Number)),
		b.style.labelled("Go on", b.goOn()))
	return strings.Join(lines, "\n")
}

func (b *board) goOn() string {
	next := b.course.Next(b.verdict.Step)
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
