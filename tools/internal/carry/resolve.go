package carry

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// marks is one conflict as merge-file writes it.
type marks struct {
	whole              string
	ours, base, theirs []string
}

// resolver is what a conflict comes to, false when it knows no answer.
type resolver func(c marks) (lines []string, ok bool)

// resolve answers those conflicts of a text that a resolver knows an answer to, and
// reports whether others are left.
func resolve(content string, resolvers ...resolver) (merged string, conflict bool) {
	var b strings.Builder
	for rest := content; ; {
		before, c, after, ok := nextConflict(rest)
		if !ok {
			b.WriteString(rest)
			return b.String(), conflict
		}
		b.WriteString(before)
		answer, known := c.whole, false
		for _, r := range resolvers {
			if lines, ok := r(c); ok && !known {
				answer, known = strings.Join(lines, ""), true
			}
		}
		b.WriteString(answer)
		conflict = conflict || !known
		rest = after
	}
}

// nextConflict finds the first conflict of a text.
func nextConflict(content string) (before string, c marks, after string, ok bool) {
	var side *[]string
	at, start := 0, -1
	for line := range strings.Lines(content) {
		switch {
		case start < 0 && strings.HasPrefix(line, "<<<<<<< "):
			start, side = at, &c.ours
		case side == nil:
		case strings.HasPrefix(line, "||||||| "):
			side = &c.base
		case line == "=======\n":
			side = &c.theirs
		case strings.HasPrefix(line, ">>>>>>> "):
			end := at + len(line)
			c.whole = content[start:end]
			return content[:start], c, content[end:], true
		default:
			*side = append(*side, line)
		}
		at += len(line)
	}
	return "", marks{}, "", false
}

// sets are the kinds of files with lines whose order says nothing, such as imports: each
// matches with the line's key. Git takes it for a conflict when two sides add or drop
// neighbours there.
var sets = map[string]*regexp.Regexp{
	".go":  regexp.MustCompile(`^\t(?:[\w.]+ )?("[^"]+")(?:\s*//.*)?\n$`),
	".mod": regexp.MustCompile(`^\t(\S+) v\S+(?: // indirect)?\n$`),
	".sum": regexp.MustCompile(`^(\S+ \S+) h1:\S+\n$`),
}

// unordered resolves conflicts between such lines: what either side adds is in the answer,
// what either drops is not. What one drops and the other comes to need doesn't compile, so
// this hides nothing.
func unordered(file string) resolver {
	spec := sets[path.Ext(file)]
	return func(c marks) (lines []string, ok bool) {
		if spec == nil {
			return nil, false
		}
		keys := map[string]bool{}
		for _, line := range slices.Concat(c.ours, c.base, c.theirs) {
			m := spec.FindStringSubmatch(line)
			if m == nil {
				return nil, false
			}
			kept := slices.Contains(c.ours, line) && slices.Contains(c.theirs, line)
			if !kept && slices.Contains(c.base, line) || slices.Contains(lines, line) {
				continue
			}
			if keys[m[1]] {
				return nil, false // two versions, or two names
			}
			keys[m[1]] = true
			lines = append(lines, line)
		}
		slices.SortFunc(lines, func(a, b string) int {
			return strings.Compare(spec.FindStringSubmatch(a)[1], spec.FindStringSubmatch(b)[1])
		})
		return lines, true
	}
}

// solvedGap resolves conflicts between a solution and a starter in which nothing but what a
// gap's comment says has changed: the solution has no such comment.
func solvedGap(c marks) (lines []string, ok bool) {
	if !gapped(text{strings.Join(c.base, ""), true}) || !slices.Equal(withoutComments(c.base), withoutComments(c.theirs)) {
		return nil, false
	}
	return c.ours, true
}

// asItIs leaves a conflict's place as it was.
func asItIs(c marks) (lines []string, ok bool) { return c.ours, true }

// withoutComments are lines without those that are comments, and without comments behind
// a gap's code.
func withoutComments(lines []string) []string {
	var code []string
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "// TODO(task ")
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "#") {
			code = append(code, line)
		}
	}
	return code
}
