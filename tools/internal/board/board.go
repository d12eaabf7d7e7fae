// Package board draws what a run of a step's tests came to, or has come to so far: its tasks, the
// first failure, and what to do next.
package board

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

// Board shows one run of a step: its tasks, the first failure, and what to do next.
type Board struct {
	Style   terminal.Style
	Course  *course.Course
	Verdict *learner.Verdict
	Cwd     string
	All     bool // every failure whole
	Keys    bool // somebody can press keys: name those instead of commands
	tight   bool // a line for each task and for each place to go
}

// String is the board, ending in a line end.
func (b *Board) String() string {
	return terminal.Paragraphs(b.heading(), b.tasks(), b.middle(), b.end())
}

// middle is what a run said, and the longest part.
func (b *Board) middle() string {
	if b.Verdict.Result.Green() {
		return strings.Trim(terminal.Paragraphs(b.notes(), b.extras()), "\n")
	}
	return strings.Trim(terminal.Paragraphs(b.notes(), b.failures(), b.extras()), "\n")
}

// end is where to go on.
func (b *Board) end() string {
	if b.Verdict.Result.Green() {
		return b.done()
	}
	return b.next()
}

// leastMiddle is how many rows of the middle are shown on the smallest terminal.
const leastMiddle = 4

// Fit is the board in so many rows: what doesn't fit is folded from the middle's end, so that
// the tasks, the first failure's name and where to go on stay in sight.
func (b *Board) Fit(rows int) string {
	if whole := b.String(); b.Style.Rows(whole) <= rows {
		return whole
	}
	title, _, _ := strings.Cut(b.heading(), "\n")
	tight := *b
	tight.tight = true
	top := title + "\n" + tight.tasks() + "\n\n"
	end := "\n\n" + tight.end() + "\n"
	rest := max(rows-b.Style.Rows(top)-b.Style.Rows(strings.TrimPrefix(end, "\n")), leastMiddle)
	middle, left := b.Style.First(tight.middle(), rest)
	if left > 0 {
		middle, _ = b.Style.First(middle, rest-1)
		more := strings.Count(tight.middle(), "\n") - strings.Count(middle, "\n")
		middle += "\n" + b.Style.Paint(terminal.Dim, fmt.Sprintf("  (%d more lines: %s shows them)", more, b.allKey()))
	}
	return top + middle + end
}

func (b *Board) heading() string {
	step := b.Verdict.Step
	title := b.Style.Paint(terminal.Bold, fmt.Sprintf("Step %02d  %s", step.Number, step.Title))
	shown := b.path(b.Verdict.Dir())
	if shown == "." {
		shown = "this folder"
	}
	where := fmt.Sprintf("%s %s estimated %d min", shown, b.Style.Dash(), step.Minutes)
	return title + "\n" + b.Style.Paint(terminal.Dim, where)
}

// path names a file as seen from where the learner stands.
func (b *Board) path(path string) string { return cli.Relative(b.Cwd, path) }

// tasks is a line for each task. Those of a run that tested nothing show how they were.
func (b *Board) tasks() string {
	var lines []string
	for _, t := range b.Verdict.Tasks {
		lines = append(lines, b.taskLine(t.Task, wordOf(t.State)))
	}
	if b.Verdict.Remembered {
		lines = append(lines, b.Style.Paint(terminal.Dim, "  (as of the last run that compiled)"))
	}
	return strings.Join(lines, "\n")
}

func (b *Board) taskLine(t course.Task, word string) string {
	label := fmt.Sprintf("task %d", t.Number)
	if t.Number == 0 {
		label = "before"
	}
	const indent = 18
	title := strings.TrimLeft(b.Style.Wrap(t.Title, indent), " ")
	if b.tight {
		title = terminal.Clip(t.Title, b.Style.Width-indent)
	}
	return fmt.Sprintf("  %s  %s  %s", b.Style.Mark(word), label, title)
}

func wordOf(state runner.State) string {
	switch state {
	case runner.Green:
		return "PASS"
	case runner.Red:
		return "FAIL"
	case runner.Running:
		return "RUNS"
	}
	return "TODO"
}

// notes are what to know of a verdict: which test files aren't the course's, and that the machine
// is busy.
func (b *Board) notes() string {
	var notes []string
	for _, note := range b.Verdict.ChangedTests(b.path) {
		notes = append(notes, b.Style.Labelled("Note", note))
	}
	if busy := b.Verdict.Busy(); busy != "" {
		notes = append(notes, b.Style.Labelled("Note", busy))
	}
	return strings.Join(notes, "\n")
}

// failures are the first failure whole, and a line for each other one.
func (b *Board) failures() string {
	result, failed := b.Verdict.Result, b.Verdict.Failures
	switch {
	case result.Build != "":
		return b.Style.Paint(terminal.Bold+";"+terminal.Red, b.Verdict.NotBuilt()) + "\n\n" + b.Style.Reflow(b.Verdict.Located(b.path), 2)
	case len(failed) == 0 && b.Verdict.Going():
		return ""
	case len(failed) == 0 && result.Panic == "":
		return b.Style.Wrap(b.Verdict.NothingRan(), 0)
	}
	var parts []string
	if result.Panic != "" {
		parts = append(parts, b.Style.Paint(terminal.Bold+";"+terminal.Red, "The tests ended early")+"\n\n"+b.Style.Reflow(b.panicText(), 2))
	}
	for i, f := range failed {
		if i > 0 && !b.All {
			parts = append(parts, b.folded(failed[i:]))
			break
		}
		parts = append(parts, b.failure(f))
	}
	return strings.Join(parts, "\n\n")
}

func (b *Board) failure(f learner.Failure) string {
	head := b.Style.Paint(terminal.Bold+";"+terminal.Red, f.Test) + b.Style.Paint(terminal.Dim, "   "+taskName(f.Task))
	if f.Same != "" {
		return head + "\n\n  The same as " + f.Same + "."
	}
	return head + "\n\n" + b.Style.Reflow(b.shortened(f.Output), 2)
}

const (
	// longFailure is how many lines of a failure are shown: findings of the lab are shorter.
	longFailure = 60
	// failureEnd is how many of these are the last ones.
	failureEnd = 12
)

// shortened leaves out the middle of what a test said that doesn't stop talking, unless every
// failure is wanted whole.
func (b *Board) shortened(text string) string {
	lines := strings.Split(text, "\n")
	if b.All || len(lines) <= longFailure {
		return text
	}
	begin, end := longFailure-failureEnd, len(lines)-failureEnd
	gap := fmt.Sprintf("(%d more lines: %s shows them)", end-begin, b.allKey())
	return strings.Join(slices.Concat(lines[:begin], []string{gap}, lines[end:]), "\n")
}

// TestLine tells of one test that ended.
func TestLine(s terminal.Style, step *course.Step, t runner.Test) string {
	word := "FAIL"
	if t.Status == runner.Passed {
		word = "PASS"
	}
	return fmt.Sprintf("  %s  %s%s", s.Mark(word), t.Name, s.Paint(terminal.Dim, fmt.Sprintf("  %s, %.1f s", taskName(runner.TaskOf(step, t)), t.Elapsed.Seconds())))
}

func taskName(number int) string {
	if number == 0 {
		return "before"
	}
	return fmt.Sprintf("task %d", number)
}

// folded names the failures that aren't shown, a line for each task.
func (b *Board) folded(failed []learner.Failure) string {
	how := fmt.Sprintf("go tool workshop test %02d --all", b.Verdict.Step.Number)
	if b.Keys {
		how = "press a"
	}
	lines := []string{b.Style.Paint(terminal.Bold, "Also red") + b.Style.Paint(terminal.Dim, "   to see them whole: "+how)}
	for len(failed) > 0 {
		task := failed[0].Task
		var names []string
		for len(failed) > 0 && failed[0].Task == task {
			names = append(names, strings.TrimPrefix(failed[0].Test, "Test"))
			failed = failed[1:]
		}
		lines = append(lines, b.Style.LabelledPlain(2, taskName(task), strings.Join(names, ", ")))
	}
	return strings.Join(lines, "\n")
}

// panicText is a panic as far as the first goroutine tells about it.
func (b *Board) panicText() string {
	text, more := b.Verdict.Panic(b.All)
	if more == 0 {
		return text
	}
	return text + fmt.Sprintf("\n(%d more lines: %s shows them)", more, b.allKey())
}

// extras tells about the learner's own tests.
func (b *Board) extras() string {
	if text := b.Verdict.OwnTests(); text != "" {
		return b.Style.Labelled("Yours", text)
	}
	return ""
}

// next is where to go from a red step.
func (b *Board) next() string {
	var lines []string
	if command := b.Verdict.Mend(b.path); command != "" {
		lines = append(lines, b.Style.Labelled("Mend", command))
	}
	if b.Verdict.NotBuilt() == learner.GoFailed && len(lines) == 0 {
		lines = append(lines, b.Style.Labelled("Ask", "go tool workshop doctor"))
	}
	if g := b.Verdict.Gap; g != nil {
		place := fmt.Sprintf("%s:%d  TODO(task %d): %s", b.path(filepath.Join(b.Verdict.Step.Dir, g.File)), g.Line, g.Task, g.Text)
		if b.tight {
			place = terminal.Clip(place, min(b.Style.Width, b.Style.TextWidth())-terminal.LabelColumn)
		}
		lines = append(lines, b.Style.Labelled("Open", place))
	}
	lines = append(lines, b.lesson())
	if !b.Keys {
		lines = append(lines, b.Style.Labelled("Stuck?", fmt.Sprintf("go tool workshop hint %02d", b.Verdict.Step.Number)))
	}
	return strings.Join(lines, "\n")
}

// lesson is how to read it: the file itself has gaps.
func (b *Board) lesson() string {
	return b.Style.Labelled("Lesson", fmt.Sprintf("go tool workshop read %02d", b.Verdict.Step.Number))
}

// done is what to say once the step is green.
func (b *Board) done() string {
	if b.Verdict.Solution {
		return b.Style.Paint(terminal.Bold+";"+terminal.Green, fmt.Sprintf("The solution of step %02d passes.", b.Verdict.Step.Number))
	}
	lines := []string{b.Style.Paint(terminal.Bold+";"+terminal.Green, fmt.Sprintf("Step %02d is done.", b.Verdict.Step.Number)), ""}
	for i, l := range b.Verdict.Step.Learned {
		label := ""
		if i == 0 {
			label = "Learned"
		}
		lines = append(lines, b.Style.Labelled(label, l))
	}
	lines = append(lines,
		b.lesson(),
		b.Style.Labelled("Compare", fmt.Sprintf("go tool workshop diff %02d", b.Verdict.Step.Number)),
		b.goOn())
	return strings.Join(lines, "\n")
}

// goOn leads to the next step. A command stands in a line of its own, to be copied.
func (b *Board) goOn() string {
	next := b.Course.Next(b.Verdict.Step)
	switch {
	case next == nil:
		return b.Style.Labelled("Go on", "this was the last step. Well done!")
	case b.Keys:
		return b.Style.Labelled("Go on", fmt.Sprintf("press n for %s: %s", next.Name, next.Title))
	}
	return b.Style.Labelled("Go on", "go tool workshop next") + "\n" + b.Style.LabelledPlain(0, "", fmt.Sprintf("to %s: %s", next.Name, next.Title))
}

// allKey is what shows every failure whole.
func (b *Board) allKey() string {
	if b.Keys {
		return "a"
	}
	return "--all"
}
