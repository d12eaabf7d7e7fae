package site

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

const (
	homeFile    = content.Dir + "/home.md"
	plannedFile = content.Dir + "/planned.yaml"
	startID     = "start"
)

// homeHead is the front matter of home.md.
type homeHead struct {
	Title   string     `yaml:"title"`
	Summary string     `yaml:"summary"`
	Parts   []homePart `yaml:"parts"`
}

// homePart is a stretch of the map.
type homePart struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
	Steps []int  `yaml:"steps"`
}

// plannedStep is a step that isn't written yet.
type plannedStep struct {
	Number   int    `yaml:"number"`
	Name     string `yaml:"name"`
	Title    string `yaml:"title"`
	Measures string `yaml:"measures"`
}

// homeText is home.md.
type homeText struct {
	*content.Source
	homeHead
}

// readHome reads home.md; nil when it isn't there, or isn't a page.
func (s *Site) readHome() (*homeText, content.Findings) {
	if _, err := os.Stat(filepath.Join(s.course.Root, filepath.FromSlash(homeFile))); err != nil {
		return nil, nil
	}
	src, err := content.ReadSource(s.course.Root, homeFile, "index.html")
	if err != nil {
		return nil, content.Findings{{File: homeFile, Line: 1, What: err.Error()}}
	}
	h := &homeText{Source: src}
	if found := src.ReadHead(&h.homeHead); found != nil {
		return h, found
	}
	return h, src.Needs(map[string]string{"title": h.Title, "summary": h.Summary})
}

// home makes the first page: its text, and the map of all steps.
func (s *Site) home(b *build, h *homeText) {
	v := &b.view
	v.Title, v.Summary = draw.Curly(h.Title), draw.Curly(h.Summary)
	v.Home = &HomeView{Parts: s.journey(b, h)}
	d := s.parse(h.Source)
	var body bytes.Buffer
	for _, p := range d.parts(h.Title) {
		if p.heading != nil && p.id() == startID {
			b.index(d, v.Title, d.text(p.heading), startID, p.nodes)
			v.Home.Start = d.html(p.nodes...)
			continue
		}
		b.text(d, p, &body)
	}
	v.Body = template.HTML(body.String())
	if len(s.guides) > 0 {
		l := guideLink(v.Path, s.guides[0])
		v.Next = &l
	}
	v.Home.Journey = s.measuredJourney(b)
	b.take(d)
}

// journey lays all steps out along the parts of the map. Without parts it is one.
func (s *Site) journey(b *build, h *homeText) []PartView {
	var planned []plannedStep
	b.findings = append(b.findings, content.ReadYAML(s.course.Root, plannedFile, &planned)...)
	stops := map[int]StopView{}
	var order []int
	for _, step := range s.course.Steps {
		stops[step.Number] = StopView{
			Number: fmt.Sprintf("%02d", step.Number), Name: step.Name, Title: draw.Curly(step.Title),
			Measures: draw.Curly(step.Measures), Minutes: step.Minutes, Href: "steps/" + step.Name + ".html",
		}
		order = append(order, step.Number)
	}
	for _, p := range planned {
		if _, written := stops[p.Number]; written {
			b.findings = append(b.findings, s.plannedFinding(p, "is written already: take it out"))
			continue
		}
		if p.Title == "" || p.Measures == "" || p.Name == "" {
			b.findings = append(b.findings, s.plannedFinding(p, "needs a name, a title and what it measures"))
		}
		stops[p.Number] = StopView{Number: fmt.Sprintf("%02d", p.Number), Name: p.Name, Title: draw.Curly(p.Title), Measures: draw.Curly(p.Measures)}
		order = append(order, p.Number)
	}
	parts := h.Parts
	if len(parts) == 0 {
		parts = []homePart{{Title: "The steps", Steps: order}}
	}
	return b.along(h, parts, stops, order)
}

// along puts the stops into their parts. Each has to be in exactly one.
func (b *build) along(h *homeText, parts []homePart, stops map[int]StopView, order []int) []PartView {
	var views []PartView
	seen := map[int]int{}
	for _, p := range parts {
		view := PartView{Title: draw.Curly(p.Title), Text: draw.Curly(p.Text)}
		for _, number := range p.Steps {
			seen[number]++
			if stop, ok := stops[number]; ok {
				view.Steps = append(view.Steps, stop)
			} else {
				b.findings = append(b.findings, h.partFinding(p, "has step %d, which is neither written nor planned", number))
			}
			if seen[number] == 2 {
				b.findings = append(b.findings, h.partFinding(p, "has step %d, which another part has too", number))
			}
		}
		views = append(views, view)
	}
	for _, number := range order {
		if seen[number] == 0 {
			b.findings = append(b.findings, content.Finding{File: h.File, Line: content.LineOf(h.Head, "parts:") + 1, What: fmt.Sprintf("step %d is in no part", number)})
		}
	}
	return views
}

func (h *homeText) partFinding(p homePart, format string, args ...any) content.Finding {
	what := fmt.Sprintf("the part %q "+format, append([]any{p.Title}, args...)...)
	return content.Finding{File: h.File, Line: content.LineOf(h.Head, p.Title) + 1, What: what}
}

func (s *Site) plannedFinding(p plannedStep, what string) content.Finding {
	src, _ := os.ReadFile(filepath.Join(s.course.Root, filepath.FromSlash(plannedFile)))
	return content.Finding{File: plannedFile, Line: content.LineOf(src, fmt.Sprintf("number: %d", p.Number)), What: fmt.Sprintf("step %d %s", p.Number, what)}
}
