package companion

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
)

// State is all that a page shows of the learner's place, as JSON: in words, so that pages
// have nothing to decide.
type State struct {
	Step     string           `json:"step"`  // the name of the step that is watched
	State    Light            `json:"state"` // of that step
	Says     string           `json:"says"`  // how things stand, in one line
	Doing    string           `json:"doing"` // what the run that goes on does
	Steps    []StepState      `json:"steps"`
	Tests    map[string]Light `json:"tests"`    // of the step that is watched: how each ended in the run that goes on, else in the last one
	Rows     []Row            `json:"rows"`     // what there is to say on the step that is watched, beside its failures
	Failures []Failure        `json:"failures"` // of the last run of that step; the first is shown unfolded
}

// Light is a state that a page shows by a colour and a sign beside the word.
type Light string

// The lights.
const (
	Unknown Light = "unknown"
	Begun   Light = "begun" // of a step that isn't green yet
	Red     Light = "red"
	Green   Light = "green"
	Running Light = "running"
)

// StepState is how far the learner is with a step.
type StepState struct {
	Name  string      `json:"name"`
	State Light       `json:"state"` // green once it was done, begun since its tests ran first, running while they do
	Word  string      `json:"word"`
	Tasks []TaskState `json:"tasks"`
}

// TaskState is how a task is.
type TaskState struct {
	Number int    `json:"number"`
	State  Light  `json:"state"`
	Word   string `json:"word"`
	Opened int    `json:"opened"` // hints
}

// Row is something to say: a line with its label, or a text that is folded below it.
type Row struct {
	Label string `json:"label"`
	Code  string `json:"code,omitempty"` // before the text, to be copied: a place in a file, or a command
	Text  string `json:"text"`
	Fold  bool   `json:"fold,omitempty"` // long: such as the compiler's words
	Page  string `json:"page,omitempty"` // that the text leads to, from the root of the site
	Step  string `json:"step,omitempty"` // that the page is about and that is watched once somebody goes there
}

// Failure is a test that didn't pass.
type Failure struct {
	Task   int             `json:"task"` // 0 for what worked before
	Test   string          `json:"test"`
	Same   string          `json:"same,omitempty"` // the test that failed before with the same words, which aren't repeated
	Blocks []learner.Block `json:"blocks,omitempty"`
}

// state is what pages show now. Only the loop calls it.
func (c *Companion) state() State {
	p := &c.place
	s := State{Step: p.step.Name, State: c.light(), Doing: c.doing(), Rows: c.rows(), Failures: []Failure{}}
	s.Says = fmt.Sprintf("Step %02d: %s", p.step.Number, c.says())
	for _, step := range c.Course.Steps {
		s.Steps = append(s.Steps, c.stepState(step))
	}
	s.Tests = c.tests()
	if v := p.verdict; v != nil && v.Result.Build == "" { // tests of the packages that do compile say little
		for _, f := range v.Failures {
			failure := Failure{Task: f.Task, Test: f.Test, Same: f.Same}
			if f.Same == "" {
				failure.Blocks = learner.Blocks(f.Output)
			}
			s.Failures = append(s.Failures, failure)
		}
	}
	return s
}

// tests is how the tests ended that did.
func (c *Companion) tests() map[string]Light {
	p := &c.place
	lights := map[string]Light{}
	note := func(name string, status runner.Status) {
		lights[name] = Red
		if status == runner.Passed {
			lights[name] = Green
		}
	}
	switch {
	case p.runs.Going():
		for _, t := range p.tested {
			note(t.Name, t.Status)
		}
	case p.verdict != nil && p.verdict.Result.Build == "":
		for _, t := range p.verdict.Result.Tests {
			note(t.Name, t.Status)
		}
	}
	return lights
}

func (c *Companion) light() Light {
	p := &c.place
	switch {
	case p.runs.Going():
		return Running
	case p.trouble != "":
		return Red
	case p.verdict == nil:
		return Unknown
	case p.verdict.Result.Green():
		return Green
	}
	return Red
}

func (c *Companion) says() string {
	p := &c.place
	switch {
	case p.runs.Going():
		return "testing…"
	case p.trouble != "":
		return "the tests can't be run"
	case p.verdict == nil:
		return "not tested yet"
	case p.verdict.Result.Build != "":
		return lowered(p.verdict.NotBuilt())
	case p.verdict.Result.Green():
		return "done, every test passes"
	}
	_, green := learner.StandingOf(c.Progress, p.step)
	text := fmt.Sprintf("%d of %d tasks done", green, len(p.step.Tasks))
	if len(p.verdict.Failures) > 0 {
		text += ". First failure: " + p.verdict.Failures[0].Test
	}
	return text
}

// lowered begins a heading as a part of a sentence does.
func lowered(heading string) string { return strings.ToLower(heading[:1]) + heading[1:] }

// doing is what the run that goes on does: it gets ready, and then it counts, unless it says
// what it waits for.
func (c *Companion) doing() string {
	p := &c.place
	if !p.runs.Going() {
		return ""
	}
	if len(p.tested) == 0 {
		return p.doing
	}
	text := p.verdict.Counts()
	if p.doing != "" {
		text += ". " + p.doing
	}
	return text
}

func (c *Companion) stepState(step *course.Step) StepState {
	standing, green := learner.StandingOf(c.Progress, step)
	s := StepState{Name: step.Name, State: Unknown, Word: "to do"}
	switch {
	case standing == learner.Done:
		s.State, s.Word = Green, "done"
	case standing == learner.Begun:
		s.State, s.Word = Begun, fmt.Sprintf("%d of %d", green, len(step.Tasks))
	}
	if step == c.place.step {
		s.Word = strings.TrimSuffix("you are here, "+s.Word, ", to do")
	}
	if c.runs(step) {
		s.State = Running
	}
	for i := range step.Tasks {
		t := &step.Tasks[i]
		light := c.taskLight(step, t)
		s.Tasks = append(s.Tasks, TaskState{
			Number: t.Number, State: light, Word: taskWords[light], Opened: learner.OpenedHints(c.Progress, step, t),
		})
	}
	return s
}

var taskWords = map[Light]string{Unknown: "not tested yet", Red: "not there yet", Green: "done", Running: "testing…"}

// runs reports whether the step's tests run now.
func (c *Companion) runs(step *course.Step) bool {
	return step == c.place.step && c.place.runs.Going()
}

// taskLight is a task's state: as far as the run that goes on has come, else as its tests
// ended when they last ran, here or in a terminal.
func (c *Companion) taskLight(step *course.Step, t *course.Task) Light {
	if c.runs(step) {
		return c.soFar(t.Number)
	}
	switch learner.RememberedState(c.Progress, step, t.Number) {
	case runner.Green:
		return Green
	case runner.Red:
		return Red
	}
	return Unknown
}

// soFar is a task's state in the run that goes on.
func (c *Companion) soFar(number int) Light {
	if v := c.place.verdict; v != nil && len(c.place.tested) > 0 {
		for _, t := range v.Tasks {
			switch {
			case t.Task.Number == number && t.State == runner.Green:
				return Green
			case t.Task.Number == number && t.State == runner.Red:
				return Red
			}
		}
	}
	return Running
}

// rows are what the command's board says beside tasks and failures.
func (c *Companion) rows() []Row {
	p := &c.place
	rows := []Row{{Label: "Save", Text: fmt.Sprintf("This page runs the tests whenever you save a file of steps/%s.", p.step.Name)}}
	if p.trouble != "" {
		rows = append(rows, Row{Label: "The tests can't be run", Text: p.trouble, Fold: true})
	}
	if p.verdict != nil {
		rows = append(rows, c.verdictRows(p.verdict)...)
	}
	for _, note := range []string{p.notice, p.forgetful} {
		if note != "" {
			rows = append(rows, Row{Label: "Note", Text: note})
		}
	}
	return rows
}

func (c *Companion) verdictRows(v *learner.Verdict) []Row {
	var rows []Row
	add := func(label, text string, fold bool) {
		if text != "" {
			rows = append(rows, Row{Label: label, Text: text, Fold: fold})
		}
	}
	green := v.Result.Green()
	add(v.NotBuilt(), v.Located(c.path), true)
	if command := v.Mend(c.path); command != "" {
		rows = append(rows, Row{Label: "Mend", Code: command, Text: "What this is about", Page: "guides/troubleshooting.html#cannot-load-module"})
	}
	if v.Remembered {
		add("Note", "The tasks are as of the last run that compiled.", false)
	}
	if v.Result.Panic != "" {
		text, _ := v.Panic(true)
		add("The tests ended early", text, true)
	}
	if !green && !v.Going() && v.Result.Build == "" && v.Result.Panic == "" && len(v.Failures) == 0 {
		add("Not done", v.NothingRan(), false)
	}
	if g := v.Gap; g != nil {
		rows = append(rows, Row{Label: "Open", Code: fmt.Sprintf("%s:%d", c.path(filepath.Join(v.Step.Dir, g.File)), g.Line), Text: fmt.Sprintf("TODO(task %d): %s", g.Task, g.Text)})
	}
	add("Note", strings.Join(v.ChangedTests(c.path), "\n"), false)
	add("Note", v.Busy(), false)
	add("Yours", v.OwnTests(), false)
	if next := c.Course.Next(v.Step); green && next != nil {
		rows = append(rows, Row{Label: "Go on", Text: fmt.Sprintf("Step %02d: %s", next.Number, next.Title), Page: "steps/" + next.Name + ".html", Step: next.Name})
	} else if green {
		add("Done", "This was the last step. Well done!", false)
	}
	if v.Result.Build == "" && len(v.Failures) > 0 && v.Failures[0].Task == 0 {
		add("Before", "What worked before you began fails now. It comes first:", false)
	}
	return rows
}

// path names a file from the root of the clone.
func (c *Companion) path(path string) string {
	rel, err := filepath.Rel(c.Course.Root, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

// show sends the state to all pages, if it changed.
func (c *Companion) show() {
	text, err := json.Marshal(c.state())
	if err == nil {
		c.pages.tell(text)
	}
}

// find is the step with that name.
func (c *Companion) find(name string) *course.Step {
	i := slices.IndexFunc(c.Course.Steps, func(s *course.Step) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return c.Course.Steps[i]
}
