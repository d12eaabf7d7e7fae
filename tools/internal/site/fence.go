package site

import (
	"fmt"
	"html"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"

	"example.com/boxoffice/tools/internal/excerpt"
	"example.com/boxoffice/tools/internal/site/draw"
)

// fence renders a block of code: as it stands in the page, pulled from a file, or drawn
// from a file of measurements.
func (d *document) fence(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	block := n.(*ast.FencedCodeBlock)
	info := ""
	if block.Info != nil {
		info = string(block.Info.Segment.Value(src))
	}
	f, err := excerpt.ParseFence(info)
	switch {
	case err != nil:
		d.failed(w, n.Pos(), "%v", err)
	case f.Language == "chart":
		d.chart(w, n.Pos(), f)
	default:
		d.code(w, block, f)
	}
	return ast.WalkSkipChildren, nil
}

func (d *document) code(w util.BufWriter, block *ast.FencedCodeBlock, f excerpt.Fence) {
	if !draw.Knows(f.Language) {
		d.failed(w, block.Pos(), "the language %q of a block of code is unknown", f.Language)
		return
	}
	if f.File == "" {
		var b strings.Builder
		for i := range block.Lines().Len() {
			segment := block.Lines().At(i)
			b.Write(segment.Value(d.Body))
		}
		figure(w, f.Language, "", codeLabel(f.Language), b.String())
		return
	}
	src, err := d.site.file(f.File)
	if err != nil {
		d.failed(w, block.Pos(), "%v", f.Missing())
		return
	}
	src, err = f.Of(src)
	if err != nil {
		d.failed(w, block.Pos(), "%v", err)
		return
	}
	figure(w, f.Language, f.File, "Code: "+f.File, src)
}

// codeClass is the class of the figure around code.
func codeClass(language string) string {
	switch language {
	case "sh":
		return "code shell"
	case "text", "":
		return "code output"
	}
	return "code"
}

// codeLabel is how a screen reader names code without a file.
func codeLabel(language string) string {
	switch language {
	case "sh":
		return "Shell"
	case "text", "":
		return "Output"
	}
	return "Code"
}

// figure writes code, with its file's name above it.
func figure(w util.BufWriter, language, file, label, src string) {
	fmt.Fprintf(w, "<figure class=\"%s\">", codeClass(language))
	if file != "" {
		fmt.Fprintf(w, "<figcaption>%s</figcaption>", html.EscapeString(file))
	}
	fmt.Fprintf(w, "<pre tabindex=\"0\" role=\"group\" aria-label=\"%s\"><code>", html.EscapeString(label))
	for _, line := range draw.Code(language, src) {
		w.WriteString(string(line))
		w.WriteByte('\n')
	}
	w.WriteString("</code></pre></figure>\n")
}
