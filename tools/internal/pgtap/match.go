package pgtap

import (
	"slices"
	"strings"
)

// Match chooses statements, for gates and cuts.
type Match func(Statement) bool

// Any matches every statement, BEGIN and COMMIT included.
func Any(Statement) bool { return true }

// Work matches the statements that [Stats] counts as queries.
func Work(s Statement) bool { return !s.Control() }

// Verb matches statements by their first word: Verb("INSERT", "UPDATE").
func Verb(verbs ...string) Match {
	return func(s Statement) bool {
		return slices.ContainsFunc(verbs, func(v string) bool { return strings.EqualFold(v, s.Verb()) })
	}
}

// Touches matches statements that name the table, outside of literals and comments. A column or an
// alias of that name counts too.
func Touches(table string) Match {
	return func(s Statement) bool {
		return slices.ContainsFunc(tokens(s.SQL), func(t token) bool { return t.names(table) })
	}
}

// Writes matches statements that insert into the table, update, delete from, merge into, truncate or
// copy into it, inside a WITH too. Whether a row was changed is another matter.
func Writes(table string) Match {
	return func(s Statement) bool {
		all := tokens(s.SQL)
		for i := range all {
			if target, ok := written(all[i:]); ok && target.names(table) {
				return true
			}
		}
		return false
	}
}

// written returns the table that a write beginning with the first of the tokens goes to.
func written(t []token) (token, bool) {
	for _, phrase := range writes {
		if target, ok := after(t, phrase); ok {
			return target, true
		}
	}
	return token{}, false
}

// writes are the openings of statements that write, the longer ones of a kind first.
var writes = [][]string{
	{"insert", "into"},
	{"merge", "into", "only"},
	{"merge", "into"},
	{"delete", "from", "only"},
	{"delete", "from"},
	{"update", "only"},
	{"update"},
	{"truncate", "table", "only"},
	{"truncate", "table"},
	{"truncate", "only"},
	{"truncate"},
	{"copy"},
}

// after returns the name that follows the phrase, without its schema. COPY writes only if FROM
// follows.
func after(t []token, phrase []string) (token, bool) {
	if len(t) <= len(phrase) {
		return token{}, false
	}
	for i, word := range phrase {
		if !t[i].is(word) {
			return token{}, false
		}
	}
	rest := t[len(phrase):]
	for len(rest) > 2 && rest[1].is(".") {
		rest = rest[2:]
	}
	if phrase[0] == "copy" && !slices.ContainsFunc(rest, func(t token) bool { return t.is("from") }) {
		return token{}, false
	}
	return rest[0], true
}
