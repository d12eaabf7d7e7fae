package site

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// Site is all that pages are made of. Its methods may be called from several goroutines.
type Site struct {
	course    *course.Course
	templates *template.Template
	steps     map[string]*stepFiles // by name
	guides    []*content.Guide      // in the order of the menu
	pages     map[string]*page      // by path
	order     []*page
	findings  content.Findings // of what belongs to no page
}

// page is one page. What it shows is made once, when it is first asked for.
type page struct {
	path   string
	kind   string
	source string // the file that it is made of, for findings
	make   func(*build)
	once   sync.Once
	built  build
}

// build is a page's view while it is made, and what was found on the way.
type build struct {
	view     Page
	findings content.Findings
	links    []reference
	entries  []entry // for the search
}

// take collects what a document found.
func (b *build) take(d *document) {
	b.findings = append(b.findings, d.findings...)
	b.links = append(b.links, d.links...)
	d.findings, d.links = nil, nil
}

// Options say for whom a page is rendered.
type Options struct {
	Live  bool   // the companion serves it
	Token string // of the companion's actions
}

// Open reads what the site of a course is made of: the guides, the templates and what
// both stand on. Pages are made when they are asked for. It fails when the templates
// can't be read; what is wrong with the content, Check says.
func Open(c *course.Course) (*Site, error) {
	s := &Site{course: c, steps: map[string]*stepFiles{}, pages: map[string]*page{}}
	for _, step := range c.Steps {
		s.steps[step.Name] = &stepFiles{step: step}
	}
	var err error
	if s.templates, err = readTemplates(filepath.Join(c.Root, "site", "templates")); err != nil {
		return nil, err
	}
	s.readGuides()
	s.list()
	return s, nil
}

// readGuides reads the pages beside the lessons, in the order of the menu.
func (s *Site) readGuides() {
	files, _ := filepath.Glob(filepath.Join(s.course.Root, content.Dir, "guides", "*.md"))
	for _, file := range files {
		g, found := content.ReadGuide(s.course.Root, path.Join(content.Dir, "guides", filepath.Base(file)))
		s.findings = append(s.findings, found...)
		if g != nil {
			s.guides = append(s.guides, g)
		}
	}
	slices.SortFunc(s.guides, func(a, b *content.Guide) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.File, b.File))
	})
}

// place is where a guide stands in the menu: those that don't say it come last.
func place(g *content.Guide) int {
	if g.Order == 0 {
		return 1 << 20
	}
	return g.Order
}

// list names the pages.
func (s *Site) list() {
	home, found := s.readHome()
	s.findings = append(s.findings, found...)
	if home != nil {
		s.page("index.html", "home", home.File, func(b *build) { s.home(b, home) })
	}
	for _, step := range s.course.Steps {
		lesson := content.Dir + "/steps/" + step.Name + ".md"
		answers := "solutions/" + step.Name
		s.page("steps/"+step.Name+".html", "step", lesson, func(b *build) { s.lesson(b, step) })
		s.page("mistakes/"+step.Name+".html", "mistakes", answers, func(b *build) { s.mistakes(b, step) })
		s.page("changes/"+step.Name+".html", "changes", answers, func(b *build) { s.changes(b, step) })
	}
	for _, g := range s.guides {
		kind := "guide"
		if g.Page == notesPage {
			kind = "notes"
		}
		s.page(g.Page, kind, g.File, func(b *build) { s.guide(b, g) })
	}
}

func (s *Site) page(path, kind, source string, make func(*build)) {
	p := &page{path: path, kind: kind, source: source, make: make}
	s.pages[path] = p
	s.order = append(s.order, p)
}

// Paths are the pages, as paths from the root of the site, home first.
func (s *Site) Paths() []string {
	var list []string
	for _, p := range s.order {
		list = append(list, p.path)
	}
	return list
}

// Render renders a page. It returns an error that wraps fs.ErrNotExist for a path that is
// no page's. What is wrong in the page's content is no error: it is marked on the page.
func (s *Site) Render(path string, o Options) ([]byte, error) {
	p := s.pages[path]
	if p == nil {
		return nil, fmt.Errorf("render %s: %w", path, fs.ErrNotExist)
	}
	return s.execute(s.built(p).view, o)
}

// RenderDiff renders a diff as the page steps/NN-name/diff.html, with the template that
// shows the course's own changes.
func (s *Site) RenderDiff(step *course.Step, d *draw.Diff, o Options) ([]byte, error) {
	p := &page{path: "steps/" + step.Name + "/diff.html", kind: "changes", make: func(b *build) {
		s.beside(b, step)
		b.view.Title = "Your code and the solution"
		b.view.Summary = "What is yours, and what the solution has in its place."
		b.showDiff(d)
	}}
	return s.execute(s.built(p).view, o)
}

// RenderMissing renders what stands at a path that is no page's: it says so and leads home.
func (s *Site) RenderMissing(path string, o Options) ([]byte, error) {
	p := &page{path: path, kind: "guide", make: func(b *build) {
		b.view.Title = "There is no such page"
		b.view.Summary = "Nothing stands at /" + path + "."
		b.view.Body = template.HTML(`<p><a href="` + b.view.Root + `index.html">Go to the first page</a>, or choose a step or a guide of the menu.</p>`)
	}}
	return s.execute(s.built(p).view, o)
}

// built is what a page shows, made now if it wasn't before.
func (s *Site) built(p *page) *build {
	p.once.Do(func() {
		p.built.view = Page{Path: p.path, Root: rootOf(p.path), Kind: p.kind}
		p.make(&p.built)
		s.menu(&p.built.view)
	})
	return &p.built
}

// menu fills what all pages have.
func (s *Site) menu(v *Page) {
	for _, step := range s.course.Steps {
		v.Steps = append(v.Steps, stepLink(v.Path, step))
	}
	for _, g := range s.guides {
		v.Guides = append(v.Guides, guideLink(v.Path, g))
	}
}

func stepLink(from string, step *course.Step) Link {
	l := pageLink(from, "steps/"+step.Name+".html", step.Title)
	l.Name, l.Number = step.Name, fmt.Sprintf("%02d", step.Number)
	return l
}

func guideLink(from string, g *content.Guide) Link { return pageLink(from, g.Page, g.Title) }

func pageLink(from, to, title string) Link {
	return Link{Href: relative(from, to, ""), Title: draw.Curly(title), Here: from == to}
}

func (s *Site) execute(v Page, o Options) ([]byte, error) {
	v.Live, v.Token = o.Live, o.Token
	if o.Live && v.Kind == "step" {
		v.Measured = s.measuredHere(v.Step.Name)
	}
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, v.Kind+".html", v); err != nil {
		return nil, fmt.Errorf("render %s: %w", v.Path, err)
	}
	return b.Bytes(), nil
}

// Asset is a file of the site's assets by its name, such as "site.css". It returns an
// error that wraps fs.ErrNotExist for an unknown name.
func (s *Site) Asset(name string) ([]byte, error) {
	if name == codeStyleName {
		return draw.CodeStyle(), nil
	}
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("read the asset %q: %w", name, fs.ErrNotExist)
	}
	return os.ReadFile(filepath.Join(s.assetsDir(), filepath.FromSlash(name)))
}

// codeStyleName is the asset that is made, not read.
const codeStyleName = "code.css"

func (s *Site) assetsDir() string { return filepath.Join(s.course.Root, "site", "assets") }

// assets are the names of all of them, in lexical order.
func (s *Site) assets() ([]string, error) {
	names := []string{codeStyleName}
	err := fs.WalkDir(os.DirFS(s.assetsDir()), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), ".") {
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}
