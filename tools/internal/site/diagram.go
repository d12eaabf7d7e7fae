package site

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"

	"example.com/boxoffice/tools/internal/site/content"
)

// image refuses a picture in the middle of a text: figures stand alone.
func (d *document) image(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		d.add(n.Pos(), "a picture stands inside of a text; give it a paragraph of its own")
		w.WriteString(`<span class="finding">a picture inside of a text</span>`)
	}
	return ast.WalkSkipChildren, nil
}

// figure puts a diagram into the page itself, so that it follows the page's theme.
func (d *document) figure(w util.BufWriter, n *ast.Image) {
	link, alt := string(n.Destination), d.text(n)
	if alt == "" {
		d.failed(w, n.Pos(), "the picture %s has no alternative text", link)
		return
	}
	file, err := content.RepositoryPath(d.File, link)
	if err != nil {
		d.failed(w, n.Pos(), "%v", err)
		return
	}
	src, err := os.ReadFile(filepath.Join(d.site.course.Root, filepath.FromSlash(file)))
	if err != nil {
		d.failed(w, n.Pos(), "shows %s, which isn't there", link)
		return
	}
	svg, err := inlined(string(src), alt, slug(strings.TrimSuffix(filepath.Base(file), ".svg")))
	if err != nil {
		d.failed(w, n.Pos(), "shows %s: %v", link, err)
		return
	}
	fmt.Fprintf(w, "<figure class=\"diagram\">%s</figure>\n", svg)
}

var (
	beforeSVG = regexp.MustCompile(`(?s)^.*?(<svg\b)`)
	style     = regexp.MustCompile(`(?s)\s*<style\b.*?</style>`)
	remark    = regexp.MustCompile(`(?s)\s*<!--.*?-->`)
	title     = regexp.MustCompile(`(?s)\s*<title\b.*?</title>`)
	rootTag   = regexp.MustCompile(`(?s)^<svg\b([^>]*)>`)
	role      = regexp.MustCompile(`\s(role|aria-label|aria-labelledby|xmlns)="[^"]*"`)
	idOf      = regexp.MustCompile(`\bid="([^"]+)"`)
	idUse     = regexp.MustCompile(`(url\(#|href="#|aria-describedby=")([^")]+)`)
	forbidden = regexp.MustCompile(`(?i)<script\b|\son\w+="|\sstyle="|<foreignObject\b`)
)

// inlined is an SVG to stand in a page: named by alt, without the style that it has when
// it stands alone (diagrams.css has the same rules), its ids prefixed with name.
func inlined(svg, alt, name string) (string, error) {
	svg = beforeSVG.ReplaceAllString(svg, "$1")
	m := rootTag.FindStringSubmatch(svg)
	if m == nil {
		return "", fmt.Errorf("there is no <svg>")
	}
	svg = strings.TrimSpace(remark.ReplaceAllString(style.ReplaceAllString(svg, ""), ""))
	if found := forbidden.FindString(svg); found != "" {
		return "", fmt.Errorf("%s can't stand in a page", strings.TrimSpace(found))
	}
	svg = title.ReplaceAllString(svg, "")
	svg = strings.Replace(svg, m[0], fmt.Sprintf(`<svg%s role="img" aria-label="%s">`, role.ReplaceAllString(m[1], ""), html.EscapeString(alt)), 1)
	svg = idOf.ReplaceAllString(svg, `id="`+name+`-$1"`)
	return idUse.ReplaceAllString(svg, "${1}"+name+"-$2"), nil
}
