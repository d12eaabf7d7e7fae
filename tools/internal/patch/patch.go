// Package patch makes and applies unified diffs of whole folders, strictly: each line of
// context has to be where the patch says.
package patch

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// none stands for the file that doesn't exist on one side.
const none = "/dev/null"

// Change is what a patch does to one file.
type Change struct {
	Old, New string // paths relative to the folder; "" when the file is made, or removed
	hunks    []hunk
}

type hunk struct {
	from  int // the first old line, from 1; 0 in an empty file
	lines []string
}

// Between is the patch that makes after of before: unified diffs with three lines of
// context, in the order of the paths. Labels are the paths, /dev/null for a file that
// isn't there. It is empty for equal folders.
func Between(before, after map[string][]byte) string {
	names := map[string]bool{}
	for _, files := range []map[string][]byte{before, after} {
		for name := range files {
			names[name] = true
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b.WriteString(Unified(label(before, name), label(after, name), string(before[name]), string(after[name])))
	}
	return b.String()
}

// Unified is the unified diff of two texts, with three lines of context; "" for equal ones.
func Unified(oldLabel, newLabel, old, new string) string {
	return renumber(udiff.Unified(oldLabel, newLabel, old, new))
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(,\d+)? \+\d+(,\d+)? @@`)

// renumber sets where each hunk begins in the new text. udiff v0.4.1 loses count of it
// after the first hunk.
func renumber(diff string) string {
	var b strings.Builder
	shift, seen := 0, false
	for line := range strings.Lines(diff) {
		m := hunkHeader.FindStringSubmatch(line)
		switch {
		case m != nil && seen:
			start, _ := strconv.Atoi(m[1])
			line = fmt.Sprintf("@@ -%s%s +%d%s @@\n", m[1], m[2], start+shift, m[3])
		case m != nil:
			seen = true
		case seen && strings.HasPrefix(line, "+"):
			shift++
		case seen && strings.HasPrefix(line, "-"):
			shift--
		}
		b.WriteString(line)
	}
	return b.String()
}

func label(files map[string][]byte, name string) string {
	if _, ok := files[name]; ok {
		return name
	}
	return none
}

// Parse reads the file changes of a patch. Text before the first one is ignored.
func Parse(src string) ([]Change, error) {
	p := &parser{lines: strings.SplitAfter(strings.TrimSuffix(src, "\n"), "\n")}
	for p.at < len(p.lines) {
		if err := p.change(); err != nil {
			return nil, fmt.Errorf("line %d of the patch: %w", p.at+1, err)
		}
	}
	return p.changes, nil
}

// parser goes through the lines of a patch, each with its line end.
type parser struct {
	lines   []string
	at      int
	changes []Change
}

// extended matches what git writes between the files of a patch.
var extended = regexp.MustCompile(`^(diff|index|(old|new|deleted file|new file) mode) `)

// change reads up to the end of one file's hunks, or one line above the first.
func (p *parser) change() error {
	old, ok := strings.CutPrefix(p.lines[p.at], "--- ")
	if !ok {
		if len(p.changes) > 0 && strings.TrimSpace(p.lines[p.at]) != "" && !extended.MatchString(p.lines[p.at]) {
			return fmt.Errorf("%q is neither a header nor a hunk", strings.TrimSpace(p.lines[p.at]))
		}
		p.at++
		return nil
	}
	p.at++
	if p.at >= len(p.lines) || !strings.HasPrefix(p.lines[p.at], "+++ ") {
		return errors.New("--- is not followed by +++")
	}
	c := Change{Old: path(old), New: path(p.lines[p.at][4:])}
	c.dropPrefixes()
	p.at++
	for p.at < len(p.lines) && strings.HasPrefix(p.lines[p.at], "@@ ") {
		h, err := p.hunk()
		if err != nil {
			return err
		}
		c.hunks = append(c.hunks, h)
	}
	if len(c.hunks) == 0 {
		return fmt.Errorf("no hunk for %s", c.name())
	}
	p.changes = append(p.changes, c)
	return nil
}

// path is a label without a time behind it.
func path(label string) string {
	name, _, _ := strings.Cut(strings.TrimRight(label, "\r\n"), "\t")
	if name == none {
		return ""
	}
	return name
}

// dropPrefixes takes away the a/ and b/ that git puts before paths.
func (c *Change) dropPrefixes() {
	old, fromGit := strings.CutPrefix(c.Old, "a/")
	new, toGit := strings.CutPrefix(c.New, "b/")
	if (fromGit || c.Old == "") && (toGit || c.New == "") {
		c.Old, c.New = old, new
	}
}

var position = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

func (p *parser) hunk() (hunk, error) {
	m := position.FindStringSubmatch(p.lines[p.at])
	if m == nil {
		return hunk{}, fmt.Errorf("%q is no position", strings.TrimSpace(p.lines[p.at]))
	}
	p.at++
	h := hunk{from: number(m[1], 0)}
	old, added := number(m[2], 1), number(m[4], 1)
	for old > 0 || added > 0 {
		if p.at >= len(p.lines) {
			return hunk{}, errors.New("a hunk ends early")
		}
		line := p.lines[p.at]
		switch {
		case strings.HasPrefix(line, " "):
			old, added = old-1, added-1
		case strings.HasPrefix(line, "-"):
			old--
		case strings.HasPrefix(line, "+"):
			added--
		case strings.HasPrefix(line, "\\"):
		default:
			return hunk{}, fmt.Errorf("%q in a hunk", strings.TrimSpace(line))
		}
		h.lines = append(h.lines, line)
		p.at++
	}
	for p.at < len(p.lines) && strings.HasPrefix(p.lines[p.at], "\\") {
		h.lines = append(h.lines, p.lines[p.at])
		p.at++
	}
	return h.withoutMarkers(), nil
}

// withoutMarkers takes the line end off each line that "\ No newline at end of file"
// stands below, and the marker away.
func (h hunk) withoutMarkers() hunk {
	var lines []string
	for _, l := range h.lines {
		if strings.HasPrefix(l, "\\") {
			if n := len(lines); n > 0 {
				lines[n-1] = strings.TrimSuffix(lines[n-1], "\n")
			}
			continue
		}
		if !strings.HasSuffix(l, "\n") {
			l += "\n" // the last line of the patch: Parse took its end off
		}
		lines = append(lines, l)
	}
	return hunk{from: h.from, lines: lines}
}

func number(s string, absent int) int {
	if s == "" {
		return absent
	}
	n, _ := strconv.Atoi(s) // the pattern saw digits
	return n
}

func (c Change) name() string {
	if c.New != "" {
		return c.New
	}
	return c.Old
}

// Hunks are the change's parts, each a change of its own, against the file before all of
// them.
func (c Change) Hunks() []Change {
	var parts []Change
	for _, h := range c.hunks {
		parts = append(parts, Change{c.Old, c.New, []hunk{h}})
	}
	return parts
}

// Touched are the lines of the old file, counted from 1, that the change removes, or before
// which it adds some.
func (c Change) Touched() []int {
	var touched []int
	for _, h := range c.hunks {
		at := h.start() + 1
		for _, l := range h.lines {
			if l[0] != ' ' {
				touched = append(touched, at)
			}
			if l[0] != '+' {
				at++
			}
		}
	}
	return touched
}

// In is the change made in another file.
func (c Change) In(name string) Change { return Change{name, name, c.hunks} }

// ApplyTo changes one file of a folder. The folder stays as it is when an error comes.
func (c Change) ApplyTo(files map[string][]byte) error { return c.applyTo(files, exactly) }

// ApplyNear is ApplyTo for a patch that is older than the file: each hunk may have moved,
// and goes to the place nearest to the one that it names, as with git apply.
func (c Change) ApplyNear(files map[string][]byte) error { return c.applyTo(files, nearest) }

func (c Change) applyTo(files map[string][]byte, place placement) error {
	src, exists := files[c.Old]
	switch {
	case c.Old != "" && !exists:
		return fmt.Errorf("apply the patch: there is no %s", c.Old)
	case c.Old == "" && files[c.New] != nil:
		return fmt.Errorf("apply the patch: %s is there already", c.New)
	}
	result, err := c.apply(string(src), place)
	if err != nil {
		return fmt.Errorf("apply the patch to %s: %w", c.name(), err)
	}
	if c.Old != "" && c.Old != c.New {
		delete(files, c.Old)
	}
	if c.New != "" {
		files[c.New] = []byte(result)
	}
	return nil
}

func (c Change) apply(src string, place placement) (string, error) {
	old := strings.SplitAfter(src, "\n")
	if old[len(old)-1] == "" {
		old = old[:len(old)-1]
	}
	var b strings.Builder
	at, shift := 0, 0
	for _, h := range c.hunks {
		named := h.start()
		from, err := place(old, h.before(), at, named+shift)
		if err != nil {
			return "", err
		}
		shift = from - named
		b.WriteString(strings.Join(old[at:from], ""))
		b.WriteString(strings.Join(h.after(), ""))
		at = from + len(h.before())
	}
	b.WriteString(strings.Join(old[at:], ""))
	return b.String(), nil
}

// placement finds the line, from 0, at which lines stand in old, from line least on,
// where the patch says that it is line named.
type placement func(old, lines []string, least, named int) (int, error)

// exactly takes the patch by its word.
func exactly(old, lines []string, least, named int) (int, error) {
	if named < least || named > len(old) {
		return 0, fmt.Errorf("line %d of the patch's hunk is not in the file", named+1)
	}
	for i, line := range lines {
		if named+i >= len(old) || old[named+i] != line {
			return 0, fmt.Errorf("line %d is not %q, as the patch says", named+i+1, strings.TrimSpace(line))
		}
	}
	return named, nil
}

// nearest looks above and below, farther and farther away.
func nearest(old, lines []string, least, named int) (int, error) {
	for distance := 0; distance <= max(len(old), named); distance++ {
		for _, at := range []int{named - distance, named + distance} {
			if at, err := exactly(old, lines, least, at); err == nil {
				return at, nil
			}
		}
	}
	return exactly(old, lines, least, named)
}

// start is the line before which the hunk goes, from 0.
func (h hunk) start() int {
	if h.onlyAdds() && h.from > 0 {
		return h.from // "-n,0" means: after line n
	}
	return max(h.from-1, 0)
}

// before is what the hunk replaces.
func (h hunk) before() []string { return h.without('+') }

// after is what the hunk puts in its place.
func (h hunk) after() []string { return h.without('-') }

func (h hunk) without(kind byte) []string {
	var lines []string
	for _, l := range h.lines {
		if l[0] != kind {
			lines = append(lines, l[1:])
		}
	}
	return lines
}

func (h hunk) onlyAdds() bool {
	return !slices.ContainsFunc(h.lines, func(l string) bool { return l[0] != '+' })
}
