package site

import (
	"html/template"

	"example.com/boxoffice/tools/internal/mutation/score"
	"example.com/boxoffice/tools/internal/site/draw"
)

// Page is what each template is given. Its fields are plain: templates decide how
// things look, Go decides what is there.
type Page struct {
	Path     string // from the root of the site, with slashes: "steps/06-pooling.html"
	Root     string // from the page to the root of the site: "", "../"
	Kind     string // home, step, mistakes, changes, guide or notes: the name of the template
	Title    string
	Summary  string // one line
	Guides   []Link // the guides, for the menu of every page
	Steps    []Link // the steps, for the menu of every page
	Contents []Heading
	Prev     *Link
	Next     *Link
	Body     template.HTML // of a guide, and of home's text
	Step     *StepView     // of step, mistakes and changes
	Home     *HomeView     // of home
	Notes    []NotesView   // of notes: what the instructor says, step by step
	Tracks   []TrackView   // of the instructor's guide
	Live     bool          // the companion serves the page
	Measured template.HTML // of live steps: what this machine measured
	Token    string        // of the companion's actions; "" in static pages
}

// Link leads to a page or to another site.
type Link struct {
	Href   string // relative to the page that holds the link
	Title  string
	Name   string // of a step: "06-pooling"
	Number string // of a step: "06"; "" for others
	Here   bool   // the link leads to the page that holds it
}

// Heading is a line of a table of contents.
type Heading struct {
	Level int // 2 or 3
	ID    string
	Text  string
}

// StepView is one step.
type StepView struct {
	Number   string // "06"
	Name     string // "06-pooling"
	Title    string
	Summary  string
	Measures string // the claim that its tests measure, in half a line
	Minutes  int
	BuildsOn []Link
	Learned  []template.HTML
	Tasks    []TaskView
	Sections []Section // of the lesson, in its order; the tasks stand in "your-tasks"
	Lesson   Link      // the step's page, for mistakes and changes
	Mistakes Link
	Changes  Link
	Wrong    []MistakeGroup // of mistakes
	Right    []AnswerView   // of mistakes: other right answers
	Mutants  *score.Score   // of mistakes: what came of small changes made by program; nil for none
	Diff     *draw.Diff     // of changes
}

// Section is a part of a lesson, between two headings of level 2.
type Section struct {
	ID       string // "the-story"
	Title    string
	Body     template.HTML // without its heading; of "your-tasks" what stands before the first task
	After    template.HTML // of "your-tasks": what stands after the last task
	Tasks    bool          // the section is "your-tasks"
	Folded   bool          // shown folded: speaker notes, and what shows the solution
	Solution bool          // the section shows the solution
}

// TaskView is a task with the words that the lesson has for it.
type TaskView struct {
	Number int
	Title  string        // as in the front matter
	Body   template.HTML // from the lesson, without "Task 1."
	Tests  []string
	Hints  []template.HTML
}

// MistakeGroup is what people get wrong at one task.
type MistakeGroup struct {
	Task    int
	Title   string
	Answers []AnswerView
}

// AnswerView is a wrong answer, or another right one.
type AnswerView struct {
	ID       string // the patch's name: "idle-left-at-two"
	Title    string // its first line
	Why      template.HTML
	CaughtBy string // the test that turns red; "" for right answers
	Says     string // what the learner reads then; "" for right answers
	Diff     *draw.Diff
}

// HomeView is what home shows beside its text.
type HomeView struct {
	Start   template.HTML // the section "Start" of home's text, without its heading; the rest is in Page.Body
	Parts   []PartView
	Journey template.HTML // the chart of the whole workshop; "" until it is measured
}

// PartView is a part of the workshop, as a stretch of the map.
type PartView struct {
	Title string
	Text  string
	Steps []StopView
}

// StopView is a step on the map.
type StopView struct {
	Number   string
	Name     string
	Title    string
	Measures string
	Minutes  int    // 0 for a planned one
	Href     string // "" for a planned one
}

// TrackView is a course for a room, with a timetable.
type TrackView struct {
	ID      string // "one-day"
	Title   string
	Summary string
	Minutes int // of work, without breaks
	Days    []DayView
}

// DayView is a day of a track.
type DayView struct {
	Title string
	Slots []SlotView
}

// SlotView is a line of a timetable.
type SlotView struct {
	From, To string // "09:00", local time
	Minutes  int
	Title    string
	Href     string // of the step's page; "" for breaks and talks
	Break    bool
}

// NotesView is what the instructor has in hand for one step.
type NotesView struct {
	Step Link
	Body template.HTML
}
