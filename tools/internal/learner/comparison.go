package learner

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
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

// Compare is how each file differs that does.
func Compare(s *course.Step) ([]FileDiff, error) {
	mine, solved, err := Sides(s)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(solved)
	maps.Copy(all, mine)
	var diffs []FileDiff
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if string(mine[name]) != string(solved[name]) {
			diffs = append(diffs, newFileDiff(s, name, mine, solved))
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
	f.Text = patch.Unified(from, to, string(mine[name]), string(solved[name]))
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
