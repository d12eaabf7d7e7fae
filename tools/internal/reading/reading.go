// Package reading makes of a lesson or a guide a text to read in a terminal: with the code that it
// pulls from files, the numbers of its charts and the words of its drawings.
package reading

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	xast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/terminal"
)

// Reader reads pages of a course.
type Reader struct {
	Course *course.Course
	Style  terminal.Style
	// All shows what is folded, too: answers, the solution, and what is for the instructor.
	All bool
	// Done says whether a step is done: its solution is then shown. It may be nil, for no step.
	Done func(*course.Step) bool
}

// Lesson is the lesson of a step.
func (r *Reader) Lesson(s *course.Step) (string, error) {
	p := &page{Reader: r, file: s.LessonPath, title: fmt.Sprintf("Step %02d  %s", s.Number, s.Title), again: fmt.Sprintf("go tool workshop read %02d --all", s.Number)}
	p.spoils = !r.All && (r.Done == nil || !r.Done(s))
	return p.text()
}

// solved is the part of a lesson that shows the solution.
const solved = "What changed"

// guides are where the guides lie, from the course's root.
const guides = "site/content/guides"

// Guide is a guide by its name, such as "setup". The error is fs.ErrNotExist when there is none.
func (r *Reader) Guide(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
		return "", fs.ErrNotExist
	}
	path := filepath.Join(r.Course.Root, filepath.FromSlash(guides), name+".md")
	return (&page{Reader: r, file: path, again: "go tool workshop read " + name + " --all"}).text()
}

// Guides are the names of all guides.
func Guides(root string) []string {
	paths, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(guides), "*.md"))
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".md"))
	}
	return names
}

// page is a Markdown file with front matter on its way to the terminal: parts with an empty line
// between.
type page struct {
	*Reader
	file   string
	title  string // in the place of its own; "" for that
	again  string // the command that shows what is folded
	spoils bool   // the solution isn't to be shown yet

	src     []byte
	parts   []string
	hidden  bool // inside of a section that stays folded
	folded  bool // inside of <details> that stay folded
	missing []error
}

func (p *page) text() (string, error) {
	src, err := os.ReadFile(p.file)
	if err != nil {
		return "", err
	}
	if _, p.src, err = course.SplitLesson(src); err != nil {
		return "", fmt.Errorf("%s: %w", p.file, err)
	}
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table))
	p.blocks(markdown.Parser().Parse(text.NewReader(p.src)), 0)
	return terminal.Paragraphs(p.parts...), errors.Join(p.missing...)
}

func (p *page) add(lines ...string) {
	if len(lines) > 0 {
		p.parts = append(p.parts, strings.Join(lines, "\n"))
	}
}

// blocks adds the children of a block.
func (p *page) blocks(parent ast.Node, indent int) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		p.block(n, indent)
	}
}

func (p *page) block(n ast.Node, indent int) {
	if heading, ok := n.(*ast.Heading); ok && heading.Level == 2 {
		p.hidden, p.folded = false, false
	}
	if p.hidden {
		return
	}
	if html, ok := n.(*ast.HTMLBlock); ok {
		p.html(html, indent)
		return
	}
	if p.folded {
		return
	}
	switch n := n.(type) {
	case *ast.Heading:
		p.heading(n)
	case *ast.Paragraph:
		p.paragraph(n, indent)
	case *ast.TextBlock:
		p.add(p.fold(p.inline(n), indent)...)
	case *ast.List:
		p.list(n, indent)
	case *ast.FencedCodeBlock:
		p.fence(n, indent)
	case *ast.CodeBlock:
		p.add(p.verbatim(p.lines(n), indent)...)
	case *ast.Blockquote:
		if !course.IsRawNote(p.source(n)) {
			p.blocks(n, indent+2)
		}
	case *xast.Table:
		p.table(n, indent)
	default:
		p.blocks(n, indent)
	}
}

func (p *page) heading(n *ast.Heading) {
	said := p.said(n)
	switch {
	case n.Level == 1 && p.title != "":
		said = p.title
		fallthrough
	case n.Level == 1:
		p.add(p.Style.Paint(terminal.Bold, said))
	case n.Level == 2:
		p.add(p.Style.Paint(terminal.Bold, "## "+said))
		if p.spoils && said == solved {
			p.hidden = true
			p.leftOut("folded until the step is done; now: " + p.again)
		}
	default:
		p.add(p.Style.Paint(terminal.Bold, strings.Repeat("#", n.Level)+" "+said))
	}
}

func (p *page) paragraph(n *ast.Paragraph, indent int) {
	if picture, ok := n.FirstChild().(*ast.Image); ok && n.ChildCount() == 1 {
		words := p.words("[Drawing: ", terminal.Dim, nil)
		words = p.words(p.said(picture)+"]", "", words)
		p.add(p.fold(words, indent+2)...)
		return
	}
	p.add(p.fold(p.inline(n), indent)...)
}

func (p *page) list(n *ast.List, indent int) {
	number := n.Start
	var lines []string
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		sign := "- "
		if n.IsOrdered() {
			sign = fmt.Sprintf("%d. ", number)
			number++
		}
		inner := &page{Reader: p.Reader, file: p.file, src: p.src, again: p.again}
		inner.blocks(item, indent+len(sign))
		p.missing = append(p.missing, inner.missing...)
		gap := "\n"
		if !n.IsTight {
			gap = "\n\n"
		}
		said := strings.Join(inner.parts, gap)
		if at := indent + len(sign); len(said) >= at {
			said = strings.Repeat(" ", indent) + sign + said[at:]
		}
		lines = append(lines, said)
		if !n.IsTight && item.NextSibling() != nil {
			lines = append(lines, "")
		}
	}
	p.add(lines...)
}

var (
	summary  = regexp.MustCompile(`(?s)<summary>(.*?)</summary>`)
	htmlTag  = regexp.MustCompile(`</?[a-z][^>]*>`)
	entities = strings.NewReplacer("&gt;", ">", "&lt;", "<", "&amp;", "&", "&quot;", `"`)
)

// html takes <details> with its summary, and its end. Other HTML isn't shown.
func (p *page) html(n *ast.HTMLBlock, indent int) {
	said := p.lines(n)
	if n.HasClosure() {
		said += string(n.ClosureLine.Value(p.src))
	}
	if strings.Contains(said, "</details>") {
		p.folded = false
		return
	}
	m := summary.FindStringSubmatch(said)
	if m == nil {
		return
	}
	title := strings.Join(strings.Fields(entities.Replace(htmlTag.ReplaceAllString(m[1], "`"))), " ")
	p.add(p.fold(p.words("> "+title, terminal.Bold, nil), indent)...)
	if !p.All {
		p.folded = true
		p.leftOut("folded: " + p.again)
	}
}

// leftOut says that something is left out.
func (p *page) leftOut(why string) {
	p.add(p.fold(p.words("("+why+")", terminal.Dim, nil), 2)...)
}

// lines are those of a block, as they stand in the file.
func (p *page) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		segment := n.Lines().At(i)
		b.Write(segment.Value(p.src))
	}
	return b.String()
}

// source is all that a block's children say, for a look at its beginning.
func (p *page) source(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if n.Type() == ast.TypeBlock && entering && n.Lines() != nil {
			b.WriteString(p.lines(n))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// verbatim indents lines that must not be broken.
func (p *page) verbatim(text string, indent int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		lines = append(lines, strings.TrimRight(strings.Repeat(" ", indent+4)+line, " "))
	}
	return lines
}
