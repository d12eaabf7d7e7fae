package companion

import (
	"encoding/json"
	"path/filepath"
	"slices"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
)

// State is all that a page shows of the learner's place, as JSON.
type State struct {
	Server  string      `json:"server"`            // another one than before: the companion was started anew
	Step    string      `json:"step"`              // the name of the step that is watched
	Running bool        `json:"running"`           // its tests run now
	Doing   string      `json:"doing,omitempty"`   // what the run does before its tests: downloads, starts
	Passed  int         `json:"passed"`            // tests of the run that goes on
	Failed  int         `json:"failed"`            // tests of the run that goes on
	Trouble string      `json:"trouble,omitempty"` // why tests can't be run, and what to do
	Notices []string    `json:"notices,omitempty"` // what else the learner should know
	Steps   []StepState `json:"steps"`
	Verdict *Verdict    `json:"verdict,omitempty"` // of the last run of the step that is watched
}

// StepState is how far the learner is with a step.
type StepState struct {
	Name   string           `json:"name"`
	Number int              `json:"number"`
	Title  string           `json:"title"`
	State  learner.Standing `json:"state"`
	Green  int              `json:"green_tasks"`
	Tasks  []TaskState      `json:"tasks"`
}

// TaskState is how a task is.
type TaskState struct {
	Number int    `json:"number"`
	State  string `json:"state"` // unknown, red, green or running
	Hints  int    `json:"hints"` // how many there are
	Opened int    `json:"opened"`
}

// Verdict is what the last run said.
type Verdict struct {
	Green    bool      `json:"green"`
	Seconds  float64   `json:"seconds"`
	Build    string    `json:"build,omitempty"`    // why it doesn't compile
	Panic    string    `json:"panic,omitempty"`    // how the tests ended early
	Failures []Failure `json:"failures,omitempty"` // the first is shown unfolded
	Missing  string    `json:"missing,omitempty"`  // why a step without a failure isn't green
	Notes    []string  `json:"notes,omitempty"`    // on test files that aren't the course's
	Own      string    `json:"own,omitempty"`      // how the learner's own tests went
	Place    *Gap      `json:"place,omitempty"`    // where to work
	Next     *Next     `json:"next,omitempty"`     // the step after a green one
}

// Failure is a test that didn't pass.
type Failure struct {
	Task   int             `json:"task"` // 0 for what worked before
	Test   string          `json:"test"`
	Blocks []learner.Block `json:"blocks"`
}

// Gap is where work waits.
type Gap struct {
	File string `json:"file"` // from the root of the clone
	Line int    `json:"line"`
	Task int    `json:"task"`
	Text string `json:"text"`
}

// Next is the step to go on to.
type Next struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// state is what pages show now. Only the loop calls it.
func (c *Companion) state() State {
	p := &c.place
	s := State{Server: p.server, Step: p.step.Name, Running: p.runs.Going(), Trouble: p.trouble}
	for _, step := range c.Course.Steps {
		s.Steps = append(s.Steps, c.stepState(step))
	}
	if s.Running {
		s.Doing = p.doing
		for _, status := range p.tested {
			if status == runner.Passed {
				s.Passed++
			} else {
				s.Failed++
			}
		}
	}
	if p.notice != "" {
		s.Notices = append(s.Notices, p.notice)
	}
	if p.forgetful != "" {
		s.Notices = append(s.Notices, "Your place isn't remembered: "+p.forgetful)
	}
	if p.verdict != nil {
		s.Verdict = c.verdict(p.verdict)
	}
	return s
}

func (c *Companion) stepState(step *course.Step) StepState {
	s := StepState{Name: step.Name, Number: step.Number, Title: step.Title}
	s.State, s.Green = learner.StandingOf(c.Progress, step)
	for i := range step.Tasks {
		t := &step.Tasks[i]
		s.Tasks = append(s.Tasks, TaskState{
			Number: t.Number, State: c.taskWord(step, t), Hints: len(t.Hints), Opened: learner.OpenedHints(c.Progress, step, t),
		})
	}
	return s
}

// taskWord is a task's state: as far as the run that goes on has come, else as its tests
// ended when they last ran, here or in a terminal.
func (c *Companion) taskWord(step *course.Step, t *course.Task) string {
	if step == c.place.step && c.place.runs.Going() {
		return soFar(t, c.place.tested)
	}
	switch learner.RememberedState(c.Progress, step, t.Number) {
	case runner.Green:
		return "green"
	case runner.Red:
		return "red"
	}
	return "unknown"
}

func soFar(t *course.Task, tested map[string]runner.Status) string {
	word := "green"
	for _, name := range t.Tests {
		switch status, ended := tested[name]; {
		case !ended:
			word = "running"
		case status != runner.Passed:
			return "red"
		}
	}
	return word
}

func (c *Companion) verdict(v *learner.Verdict) *Verdict {
	w := &Verdict{
		Green: v.Result.Green(), Seconds: v.Result.Elapsed.Seconds(),
		Build: v.Located(c.path), Notes: v.ChangedTests(c.path), Own: v.OwnTests(),
	}
	if v.Result.Panic != "" {
		w.Panic, _ = v.Panic(true)
	}
	for _, f := range v.Failures {
		if w.Build != "" {
			break // tests of the packages that do compile say little now
		}
		w.Failures = append(w.Failures, Failure{Task: f.Task, Test: f.Test, Blocks: learner.Blocks(f.Output)})
	}
	if !w.Green && v.Result.Build == "" && v.Result.Panic == "" && len(v.Failures) == 0 {
		w.Missing = v.NothingRan()
	}
	if g := v.Gap; g != nil {
		w.Place = &Gap{File: c.path(filepath.Join(v.Step.Dir, g.File)), Line: g.Line, Task: g.Task, Text: g.Text}
	}
	if next := c.Course.Next(v.Step); w.Green && next != nil {
		w.Next = &Next{Name: next.Name, Title: next.Title}
	}
	return w
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
