package draw

import (
	"fmt"
	"html"
	"html/template"
	"regexp"
	"strings"
)

// Paragraphs is plain text as HTML: blank lines part paragraphs, and what stands between
// backticks is code.
func Paragraphs(plain string) template.HTML {
	var b strings.Builder
	for _, one := range strings.Split(strings.TrimSpace(plain), "\n\n") {
		if one = strings.Join(strings.Fields(one), " "); one != "" {
			fmt.Fprintf(&b, "<p>%s</p>\n", Inline(one))
		}
	}
	return template.HTML(b.String())
}

// Inline is a line of plain text as HTML. What stands between backticks is code.
func Inline(plain string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(plain, "`") {
		if i%2 == 1 {
			fmt.Fprintf(&b, "<code>%s</code>", html.EscapeString(part))
		} else {
			b.WriteString(html.EscapeString(Curly(part)))
		}
	}
	return template.HTML(b.String())
}

var (
	apostrophe = regexp.MustCompile(`([\p{L}\p{N}])'(\p{L}|\B)`)
	quotation  = regexp.MustCompile(`"([^"]*)"`)
)

// Curly sets the quotes of plain text as goldmark sets those of Markdown.
func Curly(plain string) string {
	return quotation.ReplaceAllString(apostrophe.ReplaceAllString(plain, "$1’$2"), "“$1”")
}
