package mutation

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The operators of SQL. A text may be a piece of a statement: the rest is put to it when the
// program runs. Each change leaves a statement that PostgreSQL takes, with the same
// parameters: a condition that is dropped is sent as (condition OR true).

// looksLikeSQL reports whether a literal is SQL: by the keywords, which are written large.
func looksLikeSQL(literal string) bool { return keywords.MatchString(literal) }

var keywords = regexp.MustCompile(`\b(SELECT\s|INSERT INTO\b|UPDATE \w+ SET\b|UPDATE \w+ \w+ SET\b|DELETE FROM\b|WHERE\s|ORDER BY\b|LIMIT [$\d]|FOR UPDATE\b|JOIN \w+|ON CONFLICT\b|RETURNING\s|AND \w+(\.\w+)? *[=<>])`)

// sqlToken is a word, a number, a string, a parameter or an operator.
type sqlToken struct {
	text     string
	from, to int
	depth    int // of parentheses around it
}

var sqlTokens = regexp.MustCompile(`--[^\n]*|'(?:[^']|'')*'|"[^"]*"|\$\d+|\w+(?:\.\w+|\.\*)*|<>|<=|>=|!=|::|\|\||->>|->|[^\s\w]`)

func scanSQL(text string) []sqlToken {
	var list []sqlToken
	depth := 0
	for _, at := range sqlTokens.FindAllStringIndex(text, -1) {
		t := sqlToken{text[at[0]:at[1]], at[0], at[1], depth}
		switch {
		case strings.HasPrefix(t.text, "--"):
			continue
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
			t.depth = depth
		}
		list = append(list, t)
	}
	return list
}

// sqlText is a text with SQL in it, while changes to it are made.
type sqlText struct {
	text   string
	tokens []sqlToken
	list   []sqlChange
}

// sqlChanges are the changes to a piece of SQL.
func sqlChanges(text string) []sqlChange {
	s := &sqlText{text: text, tokens: scanSQL(text)}
	for i, t := range s.tokens {
		switch {
		case s.is(i, "WHERE"), s.is(i, "HAVING"), s.is(i, "ON") && !s.is(i+1, "CONFLICT") && !s.is(i-1, "DISTINCT"):
			s.conditions(i+1, s.clauseEnd(i+1, t.depth), i)
		case i == 0 && (s.is(i, "AND") || s.is(i, "OR")):
			s.conditions(i+1, s.clauseEnd(i+1, t.depth), i)
		case s.is(i, "ORDER", "BY"):
			s.order(i)
		case s.is(i, "LIMIT"):
			s.limit(i)
		case s.is(i, "OFFSET"):
			s.replace("ignore OFFSET", i+1, i+2, s.between(i+1, i+2)+"::bigint * 0", "0")
		case s.is(i, "FOR") && (s.is(i+1, "UPDATE") || s.is(i+1, "NO", "KEY", "UPDATE") || s.is(i+1, "SHARE")):
			s.forUpdate(i)
		case s.is(i, "ON", "CONFLICT"):
			s.conflict(i)
		case s.is(i, "SET"):
			s.assignments(i)
		case s.is(i, "JOIN"):
			s.join(i)
		case s.is(i, "DISTINCT") && !s.is(i+1, "FROM") && !s.is(i+1, "ON"):
			s.drop("drop DISTINCT", i, i+1)
		case s.is(i, "INTERVAL"), s.is(i, "interval"):
			s.interval(i)
		case t.text == "<" || t.text == ">" || t.text == "<=" || t.text == ">=":
			by := map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[t.text]
			s.replace("move comparison by one", i, i+1, by, by)
		case (t.text == "+" || t.text == "-") && i > 0 && !s.is(i-1, "(") && !s.is(i-1, ","):
			by := map[string]string{"+": "-", "-": "+"}[t.text]
			s.replace("change arithmetic", i, i+1, by, by)
		case s.is(i, "ILIKE"):
			s.replace("mind the case", i, i+1, "LIKE", "LIKE")
		case s.is(i, "lower", "("), s.is(i, "LOWER", "("):
			s.drop("mind the case", i, i+1)
		case s.is(i, "coalesce", "("), s.is(i, "COALESCE", "("), s.is(i, "greatest", "("), s.is(i, "least", "("):
			s.firstOnly(i)
		case s.is(i, "true"), s.is(i, "false"):
			by := map[string]string{"true": "false", "false": "true"}[t.text]
			s.replace("turn constant", i, i+1, by, by)
		case strings.HasPrefix(t.text, "'") && !s.is(i-1, "INTERVAL") && !s.is(i-1, "interval"):
			s.string(i)
		default:
			s.number(i)
		}
	}
	return s.list
}

// is reports whether the words from token i on are these.
func (s *sqlText) is(i int, words ...string) bool {
	for n, word := range words {
		if i < 0 || i+n >= len(s.tokens) || s.tokens[i+n].text != word {
			return false
		}
	}
	return true
}

// between is the text of the tokens from i to before j.
func (s *sqlText) between(i, j int) string {
	if i >= j || j > len(s.tokens) {
		return ""
	}
	return s.text[s.tokens[i].from:s.tokens[j-1].to]
}

// replace proposes another text for the tokens from i to before j.
func (s *sqlText) replace(operator string, i, j int, run, shown string) {
	if i < j && j <= len(s.tokens) {
		from, to := s.tokens[i].from, s.tokens[j-1].to
		s.list = append(s.list, sqlChange{operator, edit{from, to, run}, edit{from, to, shown}})
	}
}

// drop proposes to leave some tokens out, with the space before them.
func (s *sqlText) drop(operator string, i, j int) {
	if i < j && j <= len(s.tokens) {
		out := edit{s.tokens[i].from, s.tokens[j-1].to, ""}
		if i > 0 {
			out.from = s.tokens[i-1].to
		}
		s.list = append(s.list, sqlChange{operator, out, out})
	}
}

// ends are the words that end a condition.
var ends = []string{
	"GROUP", "ORDER", "LIMIT", "OFFSET", "RETURNING", "FOR", "HAVING", "UNION", "WHERE", "SET", "JOIN", "LEFT", "RIGHT", "INNER", "CROSS",
	"ON", "DO", "WINDOW", "FETCH", ";",
}

// clauseEnd is the token behind a clause that begins at i, at a depth.
func (s *sqlText) clauseEnd(i, depth int) int {
	for ; i < len(s.tokens); i++ {
		t := s.tokens[i]
		if t.depth < depth || t.text == ")" && t.depth < depth {
			return i
		}
		if t.text == ")" && t.depth == depth && !s.opened(i, depth) {
			return i
		}
		if t.depth == depth && slices.Contains(ends, t.text) {
			return i
		}
	}
	return len(s.tokens)
}

// opened reports whether the parenthesis that closes at i was opened in the same text.
func (s *sqlText) opened(i, depth int) bool {
	for n := i - 1; n >= 0; n-- {
		if s.tokens[n].text == "(" && s.tokens[n].depth == depth {
			return true
		}
	}
	return false
}

// split splits the tokens from i to before j where a word stands at the depth of the first.
// The AND of a BETWEEN belongs to it.
func (s *sqlText) split(i, j int, word string) [][2]int {
	if i >= j {
		return nil
	}
	depth := s.tokens[i].depth
	var parts [][2]int
	between := false
	start := i
	for n := i; n < j; n++ {
		t := s.tokens[n]
		if t.depth != depth {
			continue
		}
		switch {
		case t.text == "BETWEEN":
			between = true
		case t.text == word && word == "AND" && between:
			between = false
		case t.text == word:
			parts = append(parts, [2]int{start, n})
			start = n + 1
		}
	}
	return append(parts, [2]int{start, j})
}

// conditions drops the conditions between two tokens, one at a time. The word before them
// is at keyword.
func (s *sqlText) conditions(i, j, keyword int) {
	all := s.split(i, j, "AND")
	for n, part := range all {
		text := s.between(part[0], part[1])
		if text == "" {
			continue
		}
		from, to := part[0], part[1] // as it reads
		switch {
		case n > 0:
			from--
		case len(all) > 1:
			to++
		default:
			from = keyword
		}
		change := sqlChange{operator: "drop condition"}
		change.run = edit{s.tokens[part[0]].from, s.tokens[part[1]-1].to, "(" + text + " OR true)"}
		change.shown = edit{s.tokens[from].from, s.tokens[to-1].to, ""}
		s.list = append(s.list, change)
		s.alternatives(part[0], part[1])
	}
}

// alternatives drops what stands between ORs, one at a time.
func (s *sqlText) alternatives(i, j int) {
	for i < j && s.tokens[i].text == "(" && s.tokens[j-1].text == ")" && s.closes(i) == j-1 {
		i, j = i+1, j-1
	}
	parts := s.split(i, j, "OR")
	if len(parts) < 2 {
		return
	}
	for n, part := range parts {
		text := s.between(part[0], part[1])
		if text == "" {
			continue
		}
		from, to := part[0], part[1]
		if n > 0 {
			from--
		} else {
			to++
		}
		change := sqlChange{operator: "drop condition"}
		change.run = edit{s.tokens[part[0]].from, s.tokens[part[1]-1].to, "(" + text + " AND false)"}
		change.shown = edit{s.tokens[from].from, s.tokens[to-1].to, ""}
		s.list = append(s.list, change)
	}
}

// closes is the token that closes the parenthesis at i, -1 when there is none.
func (s *sqlText) closes(i int) int {
	for n := i + 1; n < len(s.tokens); n++ {
		if s.tokens[n].text == ")" && s.tokens[n].depth == s.tokens[i].depth {
			return n
		}
	}
	return -1
}

// order drops ORDER BY, or one of its keys, or turns the way of one.
func (s *sqlText) order(i int) {
	end := s.clauseEnd(i+2, s.tokens[i].depth)
	if end == i+2 {
		return // the keys are put to it later
	}
	keys := s.split(i+2, end, ",")
	if len(keys) == 1 {
		s.drop("drop ORDER BY", i, end)
	}
	for n, key := range keys {
		if key[0] >= key[1] {
			continue
		}
		if len(keys) > 1 {
			from, to := key[0], key[1]
			if n > 0 {
				from--
			} else {
				to++
			}
			s.drop("drop a key of ORDER BY", from, to)
		}
		last := key[1] - 1
		switch {
		case s.is(last, "DESC"):
			s.drop("turn ORDER BY", last, last+1)
		case s.is(last, "ASC"):
			s.replace("turn ORDER BY", last, last+1, "DESC", "DESC")
		case !s.is(last, "LAST") && !s.is(last, "FIRST"):
			turned := s.between(key[0], key[1]) + " DESC"
			s.replace("turn ORDER BY", key[0], key[1], turned, turned)
		}
	}
}

// limit ignores LIMIT, or has one more.
func (s *sqlText) limit(i int) {
	n := s.between(i+1, i+2)
	if n == "" {
		return
	}
	s.replace("ignore LIMIT", i, i+2, "LIMIT nullif("+n+"::bigint, "+n+"::bigint)", "")
	if strings.HasPrefix(n, "$") {
		s.replace("change LIMIT", i+1, i+2, n+"::bigint + 1", n+" + 1")
	}
}

func (s *sqlText) forUpdate(i int) {
	end := i + 1
	for end < len(s.tokens) && s.tokens[end].depth == s.tokens[i].depth &&
		slices.Contains([]string{"UPDATE", "NO", "KEY", "SHARE", "OF", "SKIP", "LOCKED", "NOWAIT"}, s.tokens[end].text) {
		if s.is(end, "OF") {
			end++
		}
		if s.is(end, "SKIP", "LOCKED") {
			s.drop("drop SKIP LOCKED", end, end+2)
		}
		end++
	}
	s.drop("drop FOR UPDATE", i, min(end, len(s.tokens)))
}

func (s *sqlText) conflict(i int) {
	end := i + 2
	for end < len(s.tokens) && !(s.tokens[end].depth <= s.tokens[i].depth && slices.Contains([]string{"RETURNING", ";"}, s.tokens[end].text)) &&
		!(s.tokens[end].text == ")" && s.tokens[end].depth < s.tokens[i].depth) {
		end++
	}
	s.drop("drop ON CONFLICT", i, end)
	for n := i; n < end; n++ {
		if s.is(n, "DO", "UPDATE") {
			s.replace("drop DO UPDATE", n+1, end, "NOTHING", "NOTHING")
		}
	}
}

// assignments drops what SET assigns, one at a time: the column gets what it has.
func (s *sqlText) assignments(i int) {
	table := s.table(i)
	if table == "" {
		return
	}
	list := s.split(i+1, s.clauseEndWithFrom(i+1, s.tokens[i].depth), ",")
	for n, a := range list {
		if a[1]-a[0] < 3 || !s.is(a[0]+1, "=") {
			continue
		}
		column, value := s.tokens[a[0]].text, s.between(a[0]+2, a[1])
		own := table + "." + column
		change := sqlChange{operator: "drop assignment"}
		at := edit{s.tokens[a[0]+2].from, s.tokens[a[1]-1].to, "CASE WHEN true THEN " + own + " ELSE " + value + " END"}
		change.run = at
		from, to := a[0], a[1]
		if n > 0 {
			from--
		} else if len(list) > 1 {
			to++
		}
		change.shown = edit{s.tokens[from].from, s.tokens[to-1].to, ""}
		if len(list) == 1 {
			change.shown = edit{at.from, at.to, column}
		}
		s.list = append(s.list, change)
	}
}

func (s *sqlText) clauseEndWithFrom(i, depth int) int {
	end := s.clauseEnd(i, depth)
	for n := i; n < end; n++ {
		if s.tokens[n].depth == depth && s.is(n, "FROM") {
			return n
		}
	}
	return end
}

// table is what the table is called that the SET at i changes; "" when that isn't here.
func (s *sqlText) table(i int) string {
	if s.is(i-1, "UPDATE") { // ON CONFLICT … DO UPDATE SET
		for n := i; n >= 0; n-- {
			if s.is(n, "INSERT", "INTO") && n+2 < len(s.tokens) {
				if s.is(n+3, "AS") {
					return s.tokens[n+4].text
				}
				return s.tokens[n+2].text
			}
		}
		return ""
	}
	if i > 0 && (s.is(i-2, "UPDATE") || s.is(i-3, "UPDATE") || s.is(i-2, "AS")) {
		return s.tokens[i-1].text
	}
	return ""
}

func (s *sqlText) join(i int) {
	if s.is(i-1, "LEFT") {
		s.drop("turn LEFT JOIN", i-1, i)
		return
	}
	if !s.is(i-1, "CROSS") && !s.is(i-1, "RIGHT") && !s.is(i-1, "INNER") {
		s.replace("turn JOIN", i, i+1, "LEFT JOIN", "LEFT JOIN")
	}
}

func (s *sqlText) interval(i int) {
	if i+1 < len(s.tokens) && strings.HasPrefix(s.tokens[i+1].text, "'") {
		text := s.between(i, i+2)
		s.replace("longer", i, i+2, "(100 * "+text+")", "100 * "+text)
		s.replace("shorter", i, i+2, "("+text+" / 100)", text+" / 100")
	}
}

// firstOnly takes the first argument of a function for its result.
func (s *sqlText) firstOnly(i int) {
	end := s.closes(i + 1)
	if end < 0 {
		return
	}
	args := s.split(i+2, end, ",")
	if len(args) < 2 {
		return
	}
	first := s.between(args[0][0], args[0][1])
	all := s.between(i, end+1)
	s.replace("drop "+s.tokens[i].text, i, end+1, "CASE WHEN true THEN "+first+" ELSE "+all+" END", first)
}

// string changes a text in SQL: a wildcard goes, anything else becomes another word.
func (s *sqlText) string(i int) {
	text := strings.Trim(s.tokens[i].text, "'")
	switch {
	case text == "%":
		s.replace("change text", i, i+1, "''", "''")
	case regexp.MustCompile(`^[a-z_]+$`).MatchString(text) && !s.is(i+1, "::"):
		s.replace("change text", i, i+1, "'"+text+"x'", "'"+text+"x'")
	}
}

func (s *sqlText) number(i int) {
	n, err := strconv.Atoi(s.tokens[i].text)
	if err != nil || s.is(i-1, "LIMIT") && n < 0 || s.is(i-1, "SELECT") {
		return
	}
	s.replace("change number", i, i+1, strconv.Itoa(n+1), strconv.Itoa(n+1))
	if n > 0 {
		s.replace("change number", i, i+1, strconv.Itoa(n-1), strconv.Itoa(n-1))
	}
}
