// Package markup reads the HTML of a rendered page, for the checks: its ids and links, the scripts and
// styles that it loads, and what isn't valid.
package markup

import (
	"fmt"
	"html"
	"regexp"
	"strings"
)

// Page is what the checks want to know of a rendered page.
type Page struct {
	IDs     map[string]bool
	Links   []string // the values of href and src, as they stand there
	Styles  []string // the linked style sheets
	Scripts []string // the linked scripts
	Inline  [2]string
	Faults  []string // what isn't valid HTML
}

const (
	InlineScript = iota
	InlineStyle
)

var (
	attr      = regexp.MustCompile(`\s([a-zA-Z-]+)="([^"]*)"`)
	void      = words("area base br col embed hr img input link meta source track wbr")
	block     = words("address article aside blockquote details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre section table ul")
	rawText   = words("script style")
	phrasing  = words("p h1 h2 h3 h4 h5 h6") // hold no blocks
	addresses = words("href src")
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// Scan reads a rendered page. It knows HTML as the templates and goldmark write it:
// attributes in double quotes, every element closed.
func Scan(page string) *Page {
	s := &Page{IDs: map[string]bool{}}
	var open []string
	for rest := page; ; {
		t, after, ok := nextTag(rest)
		if !ok {
			break
		}
		rest = after
		switch {
		case t.closes:
			open = s.close(open, t.name)
			continue
		case rawText[t.name]:
			rest = rest[s.raw(t.name, rest):]
		case !void[t.name] && !strings.HasSuffix(t.attributes, "/"):
			s.within(open, t.name)
			open = append(open, t.name)
		}
		s.attributes(t.name, t.attributes)
	}
	for _, name := range open {
		s.fault("<%s> is never closed", name)
	}
	return s
}

// htmlTag is a tag as it stands in a page.
type htmlTag struct {
	name       string
	attributes string
	closes     bool
}

// nextTag finds the first tag of a text, and what follows it. A > inside of a quoted
// value doesn't end it.
func nextTag(text string) (t htmlTag, after string, ok bool) {
	for {
		begin := strings.IndexByte(text, '<')
		if begin < 0 || begin+1 == len(text) {
			return t, "", false
		}
		text = text[begin+1:]
		text, t.closes = strings.CutPrefix(text, "/")
		length := 0
		for length < len(text) && isLetterOrDigit(text[length]) {
			length++
		}
		end, quoted := length, false
		for end < len(text) && (quoted || text[end] != '>') {
			if text[end] == '"' {
				quoted = !quoted
			}
			end++
		}
		if length > 0 && end < len(text) {
			t.name, t.attributes = text[:length], text[length:end]
			return t, text[end+1:], true
		}
	}
}

func isLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (s *Page) fault(format string, args ...any) {
	s.Faults = append(s.Faults, fmt.Sprintf(format, args...))
}

// close takes an element away, and with it those that should have been closed before.
func (s *Page) close(open []string, name string) []string {
	for i := len(open) - 1; i >= 0; i-- {
		if open[i] != name {
			continue
		}
		if i < len(open)-1 {
			s.fault("</%s> comes while <%s> is still open", name, strings.Join(open[i+1:], "> <"))
		}
		return open[:i]
	}
	s.fault("</%s> closes what isn't open", name)
	return open
}

// within looks whether an element may stand where it does.
func (s *Page) within(open []string, name string) {
	if len(open) == 0 {
		return
	}
	if parent := open[len(open)-1]; block[name] && phrasing[parent] {
		s.fault("<%s> stands inside of <%s>", name, parent)
	}
	if name == "a" {
		for _, parent := range open {
			if parent == "a" {
				s.fault("a link stands inside of a link")
			}
		}
	}
}

// raw passes over a script or a style, whose text has no tags, and returns its length.
func (s *Page) raw(name, rest string) int {
	end := strings.Index(rest, "</"+name)
	if end < 0 {
		s.fault("<%s> is never closed", name)
		return len(rest)
	}
	kind := InlineStyle
	if name == "script" {
		kind = InlineScript
	}
	s.Inline[kind] += rest[:end]
	return end + len("</"+name) + 1
}

func (s *Page) attributes(name, text string) {
	if !strings.Contains(text, "=") {
		return
	}
	values := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(text, -1) {
		key, value := m[1], html.UnescapeString(m[2])
		if _, twice := values[key]; twice {
			s.fault("<%s> has two attributes %s", name, key)
		}
		values[key] = value
		if addresses[key] {
			s.Links = append(s.Links, value)
		}
	}
	if id, ok := values["id"]; ok {
		if s.IDs[id] {
			s.fault("the id %q is there twice", id)
		}
		s.IDs[id] = true
	}
	if _, ok := values["style"]; ok {
		s.fault("<%s> has a style attribute, which the companion's browser ignores", name)
	}
	switch {
	case name == "link" && values["rel"] == "stylesheet":
		s.Styles = append(s.Styles, values["href"])
	case name == "script" && values["src"] != "":
		s.Scripts = append(s.Scripts, values["src"])
	}
}
