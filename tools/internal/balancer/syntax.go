package balancer

import (
	"fmt"
	"strings"
)

// directive is one directive of a file in nginx's syntax.
type directive struct {
	name  word
	args  []word
	block []directive // what stands between its braces
	has   bool        // it has braces, perhaps with nothing between
	end   int         // offset behind its ; or }
}

// word is a name or an argument, and where it stands.
type word struct {
	text       string // without quotes
	start, end int    // offsets in the file, quotes included
	line       int    // from 1
}

// syntaxError says what is wrong in a file, and where.
type syntaxError struct {
	line int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.what) }

func wrong(line int, format string, args ...any) error {
	return &syntaxError{line, fmt.Sprintf(format, args...)}
}

// parseNginx reads nginx's syntax: words, of which the first names the directive, up to
// a semicolon or a block in braces.
func parseNginx(source string) ([]directive, error) {
	p := &parser{source: source, line: 1}
	list, err := p.block(false)
	return list, err
}

type parser struct {
	source string
	at     int
	line   int
}

// block reads directives up to the closing brace, or to the end of the file.
func (p *parser) block(braces bool) ([]directive, error) {
	var list []directive
	var words []word
	for {
		p.space()
		if p.at == len(p.source) {
			if braces || len(words) > 0 {
				return nil, wrong(p.line, `unexpected end of file, expecting ";" or "}"`)
			}
			return list, nil
		}
		switch c := p.source[p.at]; c {
		case ';', '{':
			p.at++
			if len(words) == 0 {
				return nil, wrong(p.line, "unexpected %q", string(c))
			}
			d := directive{name: words[0], args: words[1:], has: c == '{'}
			if d.has {
				var err error
				if d.block, err = p.block(true); err != nil {
					return nil, err
				}
			}
			d.end = p.at
			list, words = append(list, d), nil
		case '}':
			p.at++
			if !braces || len(words) > 0 {
				return nil, wrong(p.line, `unexpected "}"`)
			}
			return list, nil
		default:
			w, err := p.word()
			if err != nil {
				return nil, err
			}
			words = append(words, w)
		}
	}
}

// space skips blanks and comments.
func (p *parser) space() {
	for ; p.at < len(p.source); p.at++ {
		switch p.source[p.at] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		case '#':
			for p.at+1 < len(p.source) && p.source[p.at+1] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// word reads a word, in quotes or bare.
func (p *parser) word() (word, error) {
	w := word{start: p.at, line: p.line}
	quote := p.source[p.at]
	if quote != '"' && quote != '\'' {
		quote = 0
	} else {
		p.at++
	}
	var text strings.Builder
	for ; p.at < len(p.source); p.at++ {
		c := p.source[p.at]
		switch {
		case c == '\\' && p.at+1 < len(p.source):
			p.at++
			text.WriteByte(p.source[p.at])
		case quote != 0 && c == quote:
			p.at++
			w.text, w.end = text.String(), p.at
			return w, nil
		case quote == 0 && p.endsBare(c):
			w.text, w.end = text.String(), p.at
			return w, nil
		default:
			if c == '\n' {
				p.line++
			}
			text.WriteByte(c)
		}
	}
	if quote != 0 {
		return w, wrong(w.line, "a quote is never closed")
	}
	w.text, w.end = text.String(), p.at
	return w, nil
}

// endsBare reports whether the character ends a word without quotes. The brace of a
// variable, as in ${name}, doesn't.
func (p *parser) endsBare(c byte) bool {
	if c == '{' {
		return p.source[p.at-1] != '$'
	}
	return strings.IndexByte(" \t\r\n;", c) >= 0
}
