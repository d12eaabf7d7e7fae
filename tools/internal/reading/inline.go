package reading

import (
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"

	"example.com/boxoffice/tools/internal/terminal"
)

// word is what isn't broken: painted, and as wide as it looks.
type word struct {
	text  string
	width int
	open  bool // what follows belongs to it
	last  bool // the line ends behind it
}

// words adds a text to others. Without a blank between, its first word goes on with the last one.
func (p *page) words(said, code string, list []word) []word {
	for i, part := range strings.SplitAfter(said, " ") {
		text := strings.TrimSuffix(part, " ")
		next := word{p.Style.Paint(code, text), utf8.RuneCountInString(text), text == part, false}
		if n := len(list); n > 0 && list[n-1].open {
			before := list[n-1]
			list[n-1] = word{before.text + next.text, before.width + next.width, next.open, false}
			continue
		}
		if i > 0 || text != "" {
			list = append(list, next)
		}
	}
	return list
}

// fold breaks words into lines, each indented.
func (p *page) fold(words []word, indent int) []string {
	return foldTo(words, p.Style.TextWidth()-indent, strings.Repeat(" ", indent))
}

// foldTo breaks words into lines of at most a width, each behind a margin.
func foldTo(words []word, most int, margin string) []string {
	var lines []string
	line, width := "", 0
	end := func() {
		if line != "" {
			lines = append(lines, margin+line)
		}
		line, width = "", 0
	}
	for _, w := range words {
		if w.width == 0 {
			continue
		}
		if width > 0 && width+1+w.width > most {
			end()
		}
		if width > 0 {
			line, width = line+" ", width+1
		}
		line, width = line+w.text, width+w.width
		if w.last {
			end()
		}
	}
	end()
	return lines
}

// inline are the words of a block.
func (p *page) inline(block ast.Node) []word { return p.spans(block, "", nil) }

func (p *page) spans(parent ast.Node, code string, list []word) []word {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			list = p.words(entities.Replace(string(n.Segment.Value(p.src))), code, list)
			if last := len(list) - 1; last >= 0 && (n.SoftLineBreak() || n.HardLineBreak()) {
				list[last].open, list[last].last = false, n.HardLineBreak()
			}
		case *ast.CodeSpan:
			list = p.code(p.said(n), list)
		case *ast.Emphasis:
			inside := code
			if n.Level == 2 {
				inside = terminal.Bold
			}
			list = p.spans(n, inside, list)
		case *ast.Link:
			list = p.link(n, code, list)
		case *ast.AutoLink:
			list = p.words(string(n.URL(p.src)), code, list)
		case *ast.RawHTML:
		default:
			list = p.spans(n, code, list)
		}
	}
	return list
}

// code is a piece of code in a line: in another colour, or between backticks.
func (p *page) code(said string, list []word) []word {
	if p.Style.Colour {
		return p.words(said, terminal.Cyan, list)
	}
	return p.words("`"+said+"`", "", list)
}

// link is what a link says, and where it leads if that isn't said.
func (p *page) link(n *ast.Link, code string, list []word) []word {
	list = p.spans(n, code, list)
	if where := p.where(string(n.Destination), p.said(n)); where != "" {
		list = p.words(" ("+where+")", terminal.Dim, list)
	}
	return list
}

// where a link leads; "" where its own words are enough.
func (p *page) where(to, said string) string {
	if strings.Contains(to, "://") {
		if to == said {
			return ""
		}
		return to
	}
	to, _, _ = strings.Cut(to, "#")
	if to == "" { // in this page
		return ""
	}
	folder, err := filepath.Rel(p.Course.Root, filepath.Dir(p.file))
	if err != nil {
		return to
	}
	file := path.Join(filepath.ToSlash(folder), to)
	name := strings.TrimSuffix(path.Base(file), ".md")
	switch {
	case path.Dir(file) == guides:
		return "go tool workshop read " + name
	case path.Dir(file) == "site/content/steps", strings.HasSuffix(file, said):
		return ""
	}
	return file
}

// said is what a node says, without any markup.
func (p *page) said(parent ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(parent, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if said, ok := n.(*ast.Text); ok && entering {
			b.WriteString(entities.Replace(string(said.Segment.Value(p.src))))
			if said.SoftLineBreak() || said.HardLineBreak() {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
