package site

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	xast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	unsafe "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"example.com/boxoffice/tools/internal/site/content"
)

// document is a Markdown file on its way to HTML.
type document struct {
	*content.Source
	site     *Site
	root     ast.Node
	markdown goldmark.Markdown
	ids      map[string]bool // taken on this page
	findings content.Findings
	links    []reference
}

// parse reads a Markdown file, gives its headings ids, and looks where its links lead.
func (s *Site) parse(src *content.Source) *document {
	d := &document{Source: src, site: s, ids: map[string]bool{}}
	d.markdown = goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Typographer),
		goldmark.WithRendererOptions(
			unsafe.WithUnsafe(), // the course's own text: <details> and the like
			renderer.WithNodeRenderers(util.Prioritized(d, 100)),
		),
	)
	d.root = d.markdown.Parser().Parse(text.NewReader(src.Body))
	_ = ast.Walk(d.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			h.SetAttributeString("id", []byte(d.id(d.text(h))))
		}
		return ast.WalkContinue, nil
	})
	return d
}

// RegisterFuncs says what is rendered here, and not as goldmark would.
func (d *document) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindParagraph, d.paragraph)
	r.Register(ast.KindFencedCodeBlock, d.fence)
	r.Register(ast.KindLink, d.link)
	r.Register(ast.KindImage, d.image)
	r.Register(xast.KindTable, d.table)
	r.Register(xast.KindTableCell, d.cell)
}

// add records that something is wrong at an offset of the body.
func (d *document) add(offset int, format string, args ...any) {
	d.findings = append(d.findings, content.Finding{File: d.File, Line: d.Line(offset), What: fmt.Sprintf(format, args...)})
}

// failed records what is wrong, and shows it on the page as well.
func (d *document) failed(w util.BufWriter, offset int, format string, args ...any) {
	d.add(offset, format, args...)
	fmt.Fprintf(w, "<p class=\"finding\">%s</p>\n", html.EscapeString(d.findings[len(d.findings)-1].String()))
}

// html renders some blocks.
func (d *document) html(nodes ...ast.Node) template.HTML {
	var b bytes.Buffer
	for _, n := range nodes {
		if err := d.markdown.Renderer().Render(&b, d.Body, n); err != nil {
			d.add(n.Pos(), "can't be rendered: %v", err)
		}
	}
	return template.HTML(b.String())
}

// id makes an id of a text that no other element of the page has.
func (d *document) id(title string) string {
	base := slug(title)
	id := base
	for n := 2; d.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	d.ids[id] = true
	return id
}

// slug is a text as an id: "In Node.js" becomes "in-node-js".
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	return strings.NewReplacer("'", "", "’", "").Replace(strings.Join(words, "-"))
}

// text is what a node says, without markup and without blocks of code.
func (d *document) text(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(d.Body))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.FencedCodeBlock, *ast.HTMLBlock, *ast.RawHTML:
			return ast.WalkSkipChildren, nil
		default:
			if !entering && n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// paragraph renders one as usual, but for one that is a picture and nothing else.
func (d *document) paragraph(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if picture, ok := n.FirstChild().(*ast.Image); ok && n.ChildCount() == 1 {
		if entering {
			d.figure(w, picture)
		}
		return ast.WalkSkipChildren, nil
	}
	if entering {
		w.WriteString("<p>")
	} else {
		w.WriteString("</p>\n")
	}
	return ast.WalkContinue, nil
}

// table puts a box around a table, which scrolls on narrow screens.
func (d *document) table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		w.WriteString("<div class=\"table\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>\n")
	} else {
		w.WriteString("</table></div>\n")
	}
	return ast.WalkContinue, nil
}

// cell renders a cell: goldmark would align it with a style attribute, which the
// companion's Content-Security-Policy forbids. An empty cell of the head is no heading.
func (d *document) cell(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	tag, scope := "td", ""
	if n.Parent().Kind() == xast.KindTableHeader && n.HasChildren() {
		tag, scope = "th", ` scope="col"`
	}
	if !entering {
		fmt.Fprintf(w, "</%s>\n", tag)
		return ast.WalkContinue, nil
	}
	class := ""
	if a := n.(*xast.TableCell).Alignment; a == xast.AlignRight || a == xast.AlignCenter {
		class = fmt.Sprintf(" class=%q", a)
	}
	fmt.Fprintf(w, "<%s%s%s>", tag, scope, class)
	return ast.WalkContinue, nil
}
