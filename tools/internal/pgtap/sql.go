package pgtap

import "strings"

// token is a word, a quoted name or a punctuation mark of a statement. Literals and comments make
// none.
type token struct {
	text   string
	quoted bool
	start  int // where it begins in the text
}

func (t token) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

func (t token) names(table string) bool {
	return t.text == table || t.is(table)
}

func tokens(sql string) []token {
	l := lexer{sql: sql}
	var all []token
	for t, ok := l.next(); ok; t, ok = l.next() {
		all = append(all, t)
	}
	return all
}

func firstWord(sql string) string {
	l := lexer{sql: sql}
	for {
		t, ok := l.next()
		if !ok {
			return ""
		}
		if t.text != ";" && t.text != "(" {
			return strings.ToUpper(t.text)
		}
	}
}

// split takes "a; b" apart into its statements. Semicolons within literals, comments and parentheses
// separate nothing. Statements without a word are left out, as the server does.
func split(sql string) []string {
	if !strings.Contains(sql, ";") {
		return nonEmpty(nil, sql)
	}
	var parts []string
	l := lexer{sql: sql}
	start, depth := 0, 0
	for t, ok := l.next(); ok; t, ok = l.next() {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case t.text == ";" && !t.quoted && depth <= 0:
			parts = nonEmpty(parts, sql[start:t.start])
			start, depth = l.pos, 0
		}
	}
	return nonEmpty(parts, sql[start:])
}

func nonEmpty(parts []string, sql string) []string {
	if firstWord(sql) == "" {
		return parts
	}
	return append(parts, strings.TrimSpace(sql))
}

// lexer reads SQL as far as it takes to tell names from literals. Lexical rules:
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
type lexer struct {
	sql string
	pos int
}

func (l *lexer) next() (token, bool) {
	for l.pos < len(l.sql) {
		rest := l.sql[l.pos:]
		switch c := rest[0]; {
		case c <= ' ':
			l.pos++
		case strings.HasPrefix(rest, "--"):
			l.skipTo("\n")
		case strings.HasPrefix(rest, "/*"):
			l.skipComment()
		case c == '\'':
			l.skipString(false)
		case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
			l.pos++
			l.skipString(true)
		case c == '$' && dollarTag(rest) != "":
			tag := dollarTag(rest)
			l.pos += len(tag)
			l.skipTo(tag)
		case c == '"':
			return l.quoted(), true
		default:
			return l.word(), true
		}
	}
	return token{}, false
}

// skipTo goes behind the next occurrence of end.
func (l *lexer) skipTo(end string) {
	i := strings.Index(l.sql[l.pos:], end)
	if i < 0 {
		l.pos = len(l.sql)
		return
	}
	l.pos += i + len(end)
}

// skipComment goes behind a block comment; they nest.
func (l *lexer) skipComment() {
	for depth := 0; l.pos < len(l.sql); {
		switch rest := l.sql[l.pos:]; {
		case strings.HasPrefix(rest, "/*"):
			depth++
			l.pos += 2
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.pos += 2
			if depth == 0 {
				return
			}
		default:
			l.pos++
		}
	}
}

// skipString goes behind a literal. A doubled quote inside is read as two literals, which comes to
// the same.
func (l *lexer) skipString(backslashes bool) {
	for l.pos++; l.pos < len(l.sql); l.pos++ {
		switch l.sql[l.pos] {
		case '\\':
			if backslashes {
				l.pos++
			}
		case '\'':
			l.pos++
			return
		}
	}
	l.pos = len(l.sql)
}

// dollarTag returns the $tag$ that sql begins with, or "". $1 is a placeholder.
func dollarTag(sql string) string {
	for i := 1; i < len(sql); i++ {
		switch c := sql[i]; {
		case c == '$':
			return sql[:i+1]
		case !isWord(c) || i == 1 && isDigit(c):
			return ""
		}
	}
	return ""
}

func (l *lexer) quoted() token {
	start := l.pos
	end := strings.IndexByte(l.sql[start+1:], '"')
	if end < 0 {
		l.pos = len(l.sql)
		return token{text: l.sql[start+1:], quoted: true, start: start}
	}
	l.pos = start + 1 + end + 1
	return token{text: l.sql[start+1 : l.pos-1], quoted: true, start: start}
}

func (l *lexer) word() token {
	start := l.pos
	for l.pos++; isWord(l.sql[start]) && l.pos < len(l.sql) && (isWord(l.sql[l.pos]) || l.sql[l.pos] == '$'); l.pos++ {
	}
	return token{text: l.sql[start:l.pos], start: start}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
