package learner

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/excerpt"
	"example.com/boxoffice/tools/internal/patch"
)

// The sides that a file can be on alone.
const (
	OnlyYours    = "yours"
	OnlySolution = "solution"
)

// FileDiff is how one file of the learner's differs from the solution's.
type FileDiff struct {
	Name           string // relative to the step, with slashes
	Text           string // the unified diff, from the learner's to the solution's
	Added, Removed int    // lines
	Only           string // OnlyYours or OnlySolution when the file is on one side alone
}

// Sides are the files to compare: the learner's and the solution's, without tests, the
// module path being equal on both sides.
func Sides(s *course.Step) (mine, solved map[string][]byte, err error) {
	if solved, err = s.Solved(); err != nil {
		return nil, nil, err
	}
	names, err := course.Files(s.Dir)
	if err != nil {
		return nil, nil, err
	}
	mine = map[string][]byte{}
	for _, name := range names {
		if mine[name], err = os.ReadFile(filepath.Join(s.Dir, filepath.FromSlash(name))); err != nil {
			return nil, nil, err
		}
	}
	isTest := func(name string, _ []byte) bool { return strings.HasSuffix(name, "_test.go") }
	maps.DeleteFunc(mine, isTest)
	maps.DeleteFunc(solved, isTest)
	return mine, solved, nil
}

// Compare is how each file differs that does. That the comments differ which mark the lessons'
// excerpts is no difference.
func Compare(s *course.Step) ([]FileDiff, error) {
	mine, solved, err := Sides(s)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(solved)
	maps.Copy(all, mine)
	var diffs []FileDiff
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := newFileDiff(s, name, mine, solved)
		if f.Only != "" || f.Added+f.Removed > 0 {
			diffs = append(diffs, f)
		}
	}
	return diffs, nil
}

func newFileDiff(s *course.Step, name string, mine, solved map[string][]byte) FileDiff {
	f := FileDiff{Name: name}
	from, to := "steps/"+s.Name+"/"+name, "solutions/"+s.Name+"/"+name
	if _, ok := mine[name]; !ok {
		f.Only, from = OnlySolution, "/dev/null"
	}
	if _, ok := solved[name]; !ok {
		f.Only, to = OnlyYours, "/dev/null"
	}
	left, right := withoutMarkers(string(mine[name])), withoutMarkers(string(solved[name]))
	f.Text = renumber(patch.Unified(from, to, left.text, right.text), left, right)
	for i, line := range strings.Split(f.Text, "\n") {
		switch {
		case i < 2:
		case strings.HasPrefix(line, "+"):
			f.Added++
		case strings.HasPrefix(line, "-"):
			f.Removed++
		}
	}
	return f
}

// unmarked is a file without the lines that mark excerpts.
type unmarked struct {
	text  string
	lines []int // the number in the file of each line that is left
}

func withoutMarkers(src string) unmarked {
	var u unmarked
	var b strings.Builder
	n := 0
	for line := range strings.Lines(src) {
		n++
		if excerpt.IsMarker(strings.TrimRight(line, "\r\n")) {
			continue
		}
		b.WriteString(line)
		u.lines = append(u.lines, n)
	}
	u.text = b.String()
	return u
}

// original is the number in the file of a line of the text.
func (u unmarked) original(line int) int {
	if line < 1 || line > len(u.lines) {
		return line
	}
	return u.lines[line-1]
}

// hunkHead begins a hunk of a unified diff with where it is on both sides.
var hunkHead = regexp.MustCompile(`(?m)^@@ -(\d+)((?:,\d+)?) \+(\d+)((?:,\d+)?) @@`)

// renumber has the hunks of a diff say where they are in the files.
func renumber(diff string, left, right unmarked) string {
	return hunkHead.ReplaceAllStringFunc(diff, func(head string) string {
		m := hunkHead.FindStringSubmatch(head)
		old, _ := strconv.Atoi(m[1]) // the pattern saw digits
		new, _ := strconv.Atoi(m[3])
		return fmt.Sprintf("@@ -%d%s +%d%s @@", left.original(old), m[2], right.original(new), m[4])
	})
}
