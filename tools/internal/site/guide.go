package site

import (
	"bytes"
	"html/template"
	"slices"

	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// The guides that show more than their text.
const (
	instructorPage = "guides/instructor.html"    // the timetables
	notesPage      = "guides/speaker-notes.html" // the notes of all lessons
)

// guide makes a page of text.
func (s *Site) guide(b *build, g *content.Guide) {
	v := &b.view
	v.Title, v.Summary = draw.Curly(g.Title), draw.Curly(g.Summary)
	d := s.parse(g.Source)
	var body bytes.Buffer
	for _, p := range d.parts(g.Title) {
		b.text(d, p, &body)
	}
	v.Body = template.HTML(body.String())
	v.Prev, v.Next = s.guidesAround(v.Path, g)
	switch g.Page {
	case instructorPage:
		s.timetables(b)
	case notesPage:
		s.notes(b)
	}
	b.take(d)
}

// text adds a part of a page of text: its heading, what follows, and their places in the
// table of contents and the search.
func (b *build) text(d *document, p part, to *bytes.Buffer) {
	heading, id := "", ""
	if p.heading != nil {
		heading, id = d.text(p.heading), p.id()
		b.view.Contents = append(b.view.Contents, Heading{2, id, heading})
		to.WriteString(string(d.html(p.heading)))
	}
	if p.heading != nil || len(p.nodes) > 0 {
		b.index(d, b.view.Title, heading, id, p.nodes)
	}
	to.WriteString(string(d.html(p.nodes...)))
	b.view.Contents = append(b.view.Contents, d.headings(p.nodes)...)
}

// guidesAround are the guides before and after one.
func (s *Site) guidesAround(path string, g *content.Guide) (prev, next *Link) {
	i := slices.Index(s.guides, g)
	if i > 0 {
		l := guideLink(path, s.guides[i-1])
		prev = &l
	}
	if i+1 < len(s.guides) {
		l := guideLink(path, s.guides[i+1])
		next = &l
	}
	return prev, next
}

// notes puts the speaker notes of all lessons on the page, below its text.
func (s *Site) notes(b *build) {
	v := &b.view
	for _, step := range s.course.Steps {
		d, err := s.lessonSource(step)
		if err != nil {
			continue // the lesson's own page says it
		}
		d.Page = v.Path
		for _, p := range d.parts(step.Title) {
			if p.heading == nil || p.id() != notesSection {
				continue
			}
			note := NotesView{Step: stepLink(v.Path, step), Body: d.html(unfolded(d, p.nodes)...)}
			v.Notes = append(v.Notes, note)
			v.Contents = append(v.Contents, Heading{2, "notes-" + note.Step.Number, note.Step.Number + " " + step.Title})
		}
		b.take(d)
	}
}
