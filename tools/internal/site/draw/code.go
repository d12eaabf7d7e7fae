package draw

import (
	"fmt"
	"html"
	"html/template"
	"path"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
)

// The classes of colored code. A text without one has the colour of ink.
const (
	comment = "c"
	keyword = "k"
	name    = "f" // of a function or type that is declared, of a key
	builtin = "t" // types and functions that need no import
	quoted  = "s"
	number  = "n" // and constants
)

// tint is a colour for light and for dark pages, as #rrggbb.
type tint struct{ light, dark string }

// inks are the colours of code. Each is legible on all grounds: a test computes it.
var inks = []struct {
	class, variable string
	tint
}{
	{"", "ink", tint{"#1b1f3a", "#e6e7f2"}},
	{comment, "comment", tint{"#565a75", "#a9aecb"}},
	{keyword, "keyword", tint{"#6b2fa0", "#d0b0ff"}},
	{name, "name", tint{"#1d4fa8", "#9cc7ff"}},
	{builtin, "type", tint{"#00596b", "#86dbe6"}},
	{quoted, "string", tint{"#1f5c2e", "#a8e0a0"}},
	{number, "number", tint{"#8a3d00", "#ffc58a"}},
}

// grounds are what code stands on.
var grounds = []struct {
	variable string
	tint
}{
	{"paper", tint{"#f3f4f9", "#191d38"}},
	{"add", tint{"#dcf3e3", "#12372f"}},
	{"del", tint{"#fbe3e4", "#43203a"}},
}

// CodeStyle is assets/code.css.
func CodeStyle() []byte {
	var b strings.Builder
	b.WriteString(":root{")
	for _, g := range grounds {
		fmt.Fprintf(&b, "--code-%s:light-dark(%s,%s);", g.variable, g.light, g.dark)
	}
	for _, i := range inks {
		fmt.Fprintf(&b, "--code-%s:light-dark(%s,%s);", i.variable, i.light, i.dark)
	}
	b.WriteString("}\n")
	for _, i := range inks[1:] {
		fmt.Fprintf(&b, "code .%s{color:var(--code-%s)}\n", i.class, i.variable)
	}
	return []byte(b.String())
}

// colored is a piece of code and its class.
type colored struct{ class, text string }

// languages are what a fence may be written in, and chroma's name for it. What stands
// there without a name isn't colored.
var languages = map[string]string{
	"": "", "text": "", "go": "", "sh": "bash", "sql": "postgresql", "json": "json", "yaml": "yaml", "nginx": "nginx",
	"js": "javascript", "http": "http", "html": "html",
}

// LanguageOf is the language of a file, by its name.
func LanguageOf(file string) string {
	switch path.Ext(file) {
	case ".go":
		return "go"
	case ".sql":
		return "sql"
	case ".json":
		return "json"
	case ".yml", ".yaml":
		return "yaml"
	case ".conf":
		return "nginx"
	case ".sh":
		return "sh"
	}
	return "text"
}

// Code colours source code and returns its lines, without their ends.
func Code(language, src string) []template.HTML {
	return lines(tokens(language, src))
}

func tokens(language, src string) []colored {
	if language == "go" {
		return goTokens(src)
	}
	if languages[language] == "" {
		return []colored{{text: src}}
	}
	found, err := lexers.Get(languages[language]).Tokenise(&chroma.TokeniseOptions{State: "root"}, src)
	if err != nil {
		return []colored{{text: src}}
	}
	var list []colored
	for _, t := range found.Tokens() {
		list = append(list, colored{classOf(t.Type), t.Value})
	}
	return list
}

// classOf reduces chroma's hundred kinds of tokens to ours.
func classOf(kind chroma.TokenType) string {
	switch {
	case kind.InCategory(chroma.Comment):
		return comment
	case kind == chroma.KeywordType:
		return builtin
	case kind == chroma.KeywordConstant, kind.InSubCategory(chroma.LiteralNumber):
		return number
	case kind.InCategory(chroma.Keyword):
		return keyword
	case kind.InSubCategory(chroma.LiteralString):
		return quoted
	case kind == chroma.NameBuiltin:
		return builtin
	case kind == chroma.NameFunction, kind == chroma.NameTag, kind == chroma.NameAttribute:
		return name
	}
	return ""
}

// lines joins tokens to lines of HTML. A token that goes over several lines is colored
// in each of them.
func lines(list []colored) []template.HTML {
	var all []template.HTML
	var line strings.Builder
	for _, t := range list {
		for i, part := range strings.Split(t.text, "\n") {
			if i > 0 {
				all = append(all, template.HTML(line.String()))
				line.Reset()
			}
			writeColored(&line, t.class, strings.TrimSuffix(part, "\r"))
		}
	}
	if line.Len() > 0 {
		all = append(all, template.HTML(line.String()))
	}
	return all
}

func writeColored(b *strings.Builder, class, part string) {
	switch {
	case part == "":
	case class == "":
		b.WriteString(html.EscapeString(part))
	default:
		fmt.Fprintf(b, `<span class="%s">%s</span>`, class, html.EscapeString(part))
	}
}

// Knows reports whether a language may stand at a fence.
func Knows(language string) bool {
	_, known := languages[language]
	return known
}
