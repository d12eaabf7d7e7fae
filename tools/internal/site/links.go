package site

import (
	"fmt"
	"html"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"

	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// reference is a link of a Markdown file to a place on a page.
type reference struct {
	from   content.Finding // where it stands
	page   string          // from the root of the site
	anchor string          // "" for the whole page
}

// target is where a link of a Markdown file leads.
type target struct {
	href string // relative to the page; "" for a file that no page shows
	file string // the file of the repository, from its root; "" for pages and other sites
}

// link renders a link. A file of the repository becomes its name: the site has no copy of
// it.
func (d *document) link(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	l := n.(*ast.Link)
	if !entering {
		return ast.WalkContinue, nil
	}
	t, err := d.target(string(l.Destination), n.Pos())
	if err != nil {
		d.add(n.Pos(), "%v", err)
	}
	if t.href != "" {
		fmt.Fprintf(w, `<a href="%s">`, html.EscapeString(t.href))
	}
	said := d.text(n)
	switch {
	case t.file == "":
		for child := n.FirstChild(); child != nil; child = child.NextSibling() {
			if err := d.markdown.Renderer().Render(w, d.Body, child); err != nil {
				return ast.WalkStop, err
			}
		}
	case strings.HasSuffix(t.file, said):
		fmt.Fprintf(w, `<code class="file">%s</code>`, html.EscapeString(said))
	default:
		fmt.Fprintf(w, `%s (<code class="file">%s</code>)`, html.EscapeString(said), html.EscapeString(t.file))
	}
	if t.href != "" {
		w.WriteString("</a>")
	}
	return ast.WalkSkipChildren, nil
}

// target finds out where a link leads.
func (d *document) target(link string, offset int) (target, error) {
	u, err := url.Parse(link)
	switch {
	case err != nil:
		return target{}, fmt.Errorf("links to %s, which is no address", link)
	case u.IsAbs() || u.Host != "":
		return target{href: link}, nil
	case u.Path == "":
		d.refers(offset, d.Page, u.Fragment)
		return target{href: "#" + u.Fragment}, nil
	}
	file, err := content.RepositoryPath(d.File, u.Path)
	if err != nil {
		return target{}, err
	}
	if page, anchor := d.site.shownOn(file); page != "" {
		if u.Fragment != "" {
			anchor = u.Fragment
		}
		d.refers(offset, page, anchor)
		t := target{href: relative(d.Page, page, anchor)}
		if !strings.HasPrefix(file, content.Dir+"/") && path.Ext(file) != "" {
			t.file = file
		}
		return t, nil
	}
	if !d.site.has(file) {
		return target{}, fmt.Errorf("links to %s, which isn't there", link)
	}
	return target{file: file}, nil
}

// has reports a file, or a folder, of the repository.
func (s *Site) has(path string) bool {
	if _, err := s.file(path); err == nil {
		return true
	}
	info, err := os.Stat(filepath.Join(s.course.Root, filepath.FromSlash(path)))
	return err == nil && info.IsDir()
}

// refers notes a link to a place on a page, which is looked for when all are rendered.
func (d *document) refers(offset int, page, anchor string) {
	d.links = append(d.links, reference{content.Finding{File: d.File, Line: d.Line(offset)}, page, anchor})
}

// shownOn is the page that shows a file of the repository, and where; "" for none. The
// learner's files are on none: a link to one must not lead to its solution.
func (s *Site) shownOn(file string) (page, anchor string) {
	if inside, ok := strings.CutPrefix(file, content.Dir+"/"); ok {
		if inside == "home.md" {
			return "index.html", ""
		}
		if page := strings.TrimSuffix(inside, ".md") + ".html"; s.pages[page] != nil {
			return page, ""
		}
		if s.pages[inside] != nil { // a page that no Markdown stands behind
			return inside, ""
		}
		return "", ""
	}
	parts := strings.SplitN(file, "/", 3)
	if len(parts) < 3 || parts[0] != "solutions" || s.steps[parts[1]] == nil {
		return "", ""
	}
	step, rest := s.steps[parts[1]], parts[2]
	folder, patch, _ := strings.Cut(rest, "/")
	switch {
	case folder == "right-answers" || folder == "wrong-answers":
		anchor = strings.TrimSuffix(patch, ".patch")
		if anchor == "" && folder == "right-answers" {
			anchor = folder
		}
		return "mistakes/" + parts[1] + ".html", anchor
	case step.differs(rest):
		return "changes/" + parts[1] + ".html", draw.FileID(rest)
	}
	return "", ""
}

// relative is the address of a page as seen from another.
func relative(from, to, anchor string) string {
	if anchor != "" {
		anchor = "#" + anchor
	}
	if from == to && anchor != "" {
		return anchor
	}
	return rootOf(from) + to + anchor
}

// rootOf leads from a page to the root of the site: "../" for "steps/06-pooling.html".
func rootOf(page string) string { return strings.Repeat("../", strings.Count(page, "/")) }
