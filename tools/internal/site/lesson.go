package site

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

const (
	tasksSection = "your-tasks"
	// changesSection shows the solution, directly below the tasks.
	changesSection = "what-changed"
	notesSection   = "speaker-notes"
)

// part is what stands between two headings of level 2.
type part struct {
	heading *ast.Heading // nil above the first
	nodes   []ast.Node
}

// parts splits a document at its headings of level 2. The title, a heading of level 1, is
// left out: the page has it already.
func (d *document) parts(want string) []part {
	list := []part{{}}
	for n := d.root.FirstChild(); n != nil; n = n.NextSibling() {
		h, ok := n.(*ast.Heading)
		switch {
		case ok && h.Level == 1:
			if title := d.text(h); straight.Replace(title) != straight.Replace(want) {
				d.add(n.Pos(), "the heading %q isn't the title of the front matter, %q", title, want)
			}
		case ok && h.Level == 2:
			list = append(list, part{heading: h})
		default:
			last := &list[len(list)-1]
			last.nodes = append(last.nodes, n)
		}
	}
	return list
}

// straight undoes what typography does to quotes.
var straight = strings.NewReplacer("’", "'", "‘", "'", "“", `"`, "”", `"`)

// id is the anchor of the part.
func (p part) id() string {
	id, _ := p.heading.AttributeString("id")
	return string(id.([]byte)) // set by parse
}

// lesson makes the page of a step.
func (s *Site) lesson(b *build, step *course.Step) {
	v := &b.view
	v.Title, v.Summary = draw.Curly(step.Title), draw.Curly(step.Summary)
	v.Step = s.stepView(v.Path, step)
	v.Prev, v.Next = s.neighbours(v.Path, step)
	d, err := s.lessonSource(step)
	if err != nil {
		b.findings = append(b.findings, content.Finding{File: content.Dir + "/steps/" + step.Name + ".md", What: err.Error()})
		return
	}
	for _, p := range d.parts(step.Title) {
		if p.heading == nil {
			d.checkNote(p.nodes, step)
			continue
		}
		b.section(d, p)
	}
	for _, t := range v.Step.Tasks {
		if t.Body == "" {
			d.add(0, "no paragraph of \"Your tasks\" begins with **Task %d.**", t.Number)
		}
	}
	s.checkTests(d, step)
	b.take(d)
}

// checkNote finds what stands above the first heading of level 2, where no page shows it: the note for
// whoever reads the file itself, and nothing else.
func (d *document) checkNote(nodes []ast.Node, step *course.Step) {
	if !strings.Contains(string(d.Body), "\n"+step.RawNote()) {
		d.add(0, "below the title must stand:\n%s", step.RawNote())
	}
	for _, n := range nodes {
		if n.Kind() != ast.KindBlockquote || !course.IsRawNote(d.text(n)) {
			d.add(n.Pos(), "text stands above the first heading of level 2, where no page shows it")
		}
	}
}

func (s *Site) lessonSource(step *course.Step) (*document, error) {
	file := content.Dir + "/steps/" + step.Name + ".md"
	src, err := content.ReadSource(s.course.Root, file, "steps/"+step.Name+".html")
	if err != nil {
		return nil, err
	}
	return s.parse(src), nil
}

// section adds a part of the lesson to the page, its table of contents and the search.
func (b *build) section(d *document, p part) {
	v := &b.view
	section := Section{ID: p.id(), Title: d.text(p.heading)}
	v.Contents = append(v.Contents, Heading{2, section.ID, section.Title})
	b.index(d, v.Step.Number+" "+v.Title, section.Title, section.ID, p.nodes)
	switch section.ID {
	case tasksSection:
		section.Tasks = true
		b.tasks(d, &section, p.nodes)
	case notesSection:
		section.Folded = true
		section.Body = d.html(unfolded(d, p.nodes)...)
	default:
		section.Body = d.html(p.nodes...)
		section.Solution = section.ID == changesSection
		section.Folded = section.Solution
		v.Contents = append(v.Contents, d.headings(p.nodes)...)
	}
	v.Step.Sections = append(v.Step.Sections, section)
}

// headings are the headings of level 3 among some blocks.
func (d *document) headings(nodes []ast.Node) []Heading {
	var list []Heading
	for _, n := range nodes {
		if h, ok := n.(*ast.Heading); ok && h.Level == 3 {
			list = append(list, Heading{3, part{heading: h}.id(), d.text(h)})
		}
	}
	return list
}

// taskLead matches the words that begin a task.
var taskLead = regexp.MustCompile(`^Task (\d+)\.$`)

// tasks gives each task of the page the blocks from its lead on. What stands below the
// list of the last task, as a paragraph of its own, is about all of them.
func (b *build) tasks(d *document, section *Section, nodes []ast.Node) {
	of := map[int][]ast.Node{}
	at := 0
	for _, n := range nodes {
		switch number := d.taskOf(n); {
		case number > len(b.view.Step.Tasks):
			d.add(n.Pos(), "the front matter has no task %d", number)
		case number > 0:
			at = number
		}
		of[at] = append(of[at], n)
	}
	if last := of[at]; at > 0 && at == len(b.view.Step.Tasks) {
		if end := len(last) - 1; last[end].Kind() == ast.KindParagraph && slices.ContainsFunc(last, isList) {
			section.After = d.html(last[end])
			of[at] = last[:end]
		}
	}
	section.Body = d.html(of[0]...)
	for i := range b.view.Step.Tasks {
		t := &b.view.Step.Tasks[i]
		t.Body = d.html(d.withoutTitle(of[t.Number], t.Title)...)
		b.view.Contents = append(b.view.Contents, Heading{3, fmt.Sprintf("task-%d", t.Number), fmt.Sprintf("Task %d: %s", t.Number, t.Title)})
	}
}

func isList(n ast.Node) bool { return n.Kind() == ast.KindList }

// taskOf is the number of the task that a paragraph begins, 0 for others. Its lead
// ("**Task 1.**") is taken away: the page has it as a heading.
func (d *document) taskOf(n ast.Node) int {
	lead, ok := n.FirstChild().(*ast.Emphasis)
	if !ok || n.Kind() != ast.KindParagraph || lead.Level != 2 {
		return 0
	}
	m := taskLead.FindStringSubmatch(d.text(lead))
	if m == nil {
		return 0
	}
	if after, ok := lead.NextSibling().(*ast.Text); ok {
		after.Segment = after.Segment.TrimLeftSpace(d.Body)
	}
	n.RemoveChild(n, lead)
	number, _ := strconv.Atoi(m[1]) // the pattern saw digits
	return number
}

// withoutTitle leaves out a first sentence that is the title again.
func (d *document) withoutTitle(nodes []ast.Node, title string) []ast.Node {
	if len(nodes) == 0 {
		return nil
	}
	title += "."
	switch text := d.text(nodes[0]); {
	case strings.TrimSpace(text) == title:
		return nodes[1:]
	case strings.HasPrefix(text, title+" "):
		if begin, ok := nodes[0].FirstChild().(*ast.Text); ok && begin.Segment.Len() >= len(title) {
			begin.Segment.Start += len(title)
			begin.Segment = begin.Segment.TrimLeftSpace(d.Body)
		}
	}
	return nodes
}

// unfolded leaves out the HTML that folds a text: <details>, its summary, its end.
func unfolded(d *document, nodes []ast.Node) []ast.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n ast.Node) bool {
		block, ok := n.(*ast.HTMLBlock)
		if !ok {
			return false
		}
		text := strings.TrimSpace(string(block.Lines().Value(d.Body)))
		return strings.HasPrefix(text, "<details") || strings.HasPrefix(text, "<summary") || strings.HasPrefix(text, "</details")
	})
}

// stepView is what all pages of a step know about it. Links lead from the page at path.
func (s *Site) stepView(path string, step *course.Step) *StepView {
	v := &StepView{
		Number: fmt.Sprintf("%02d", step.Number), Name: step.Name,
		Title: draw.Curly(step.Title), Summary: draw.Curly(step.Summary), Measures: draw.Curly(step.Measures), Minutes: step.Minutes,
		Lesson:   stepLink(path, step),
		Mistakes: pageLink(path, "mistakes/"+step.Name+".html", "Mistakes that these tests catch"),
		Changes:  pageLink(path, "changes/"+step.Name+".html", "What changed"),
	}
	for _, number := range step.BuildsOn {
		if before := s.course.Step(number); before != nil {
			v.BuildsOn = append(v.BuildsOn, stepLink(path, before))
		}
	}
	for _, line := range step.Learned {
		v.Learned = append(v.Learned, draw.Inline(line))
	}
	for _, t := range step.Tasks {
		task := TaskView{Number: t.Number, Title: draw.Curly(t.Title), Tests: t.Tests}
		for _, hint := range t.Hints {
			task.Hints = append(task.Hints, draw.Paragraphs(hint))
		}
		v.Tasks = append(v.Tasks, task)
	}
	return v
}

// neighbours are the pages before and after a step's: other steps, and before the first
// one the first guide.
func (s *Site) neighbours(path string, step *course.Step) (prev, next *Link) {
	i := slices.Index(s.course.Steps, step)
	switch {
	case i > 0:
		l := stepLink(path, s.course.Steps[i-1])
		prev = &l
	case len(s.guides) > 0:
		l := guideLink(path, s.guides[0])
		prev = &l
	}
	if after := s.course.Next(step); after != nil {
		l := stepLink(path, after)
		next = &l
	}
	return prev, next
}

// checkTests finds tests of the front matter that no test file has.
func (s *Site) checkTests(d *document, step *course.Step) {
	tests, err := course.Tests(step.SolutionDir)
	if err != nil {
		d.add(0, "%v", err)
		return
	}
	for _, t := range step.Tasks {
		for _, test := range t.Tests {
			if !slices.ContainsFunc(tests, func(known course.Test) bool { return known.Name == test }) {
				line := content.LineOf(d.Head, test) + 1
				d.findings = append(d.findings, content.Finding{File: d.File, Line: line, What: fmt.Sprintf("task %d names %s, which no test file has", t.Number, test)})
			}
		}
	}
}
