package site

import (
	"errors"
	"maps"
	"path"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/course"
)

// stepFiles are the files of a step on both sides, read when they are first asked for.
type stepFiles struct {
	step    *course.Step
	once    sync.Once
	starter map[string][]byte
	solved  map[string][]byte
	err     error
}

func (f *stepFiles) read() error {
	f.once.Do(func() {
		var failed [2]error
		f.starter, failed[0] = f.step.Starter()
		f.solved, failed[1] = f.step.Solved()
		f.err = errors.Join(failed[:]...)
		for _, side := range []map[string][]byte{f.starter, f.solved} {
			maps.DeleteFunc(side, func(name string, _ []byte) bool { return isLearnt(name) })
		}
	})
	return f.err
}

// isLearnt reports files that a diff leaves out: tests, which are the same on both sides,
// and sums.
func isLearnt(name string) bool {
	return strings.HasSuffix(name, "_test.go") || path.Base(name) == "go.sum"
}

// differs reports that a file isn't the same in starter and solution.
func (f *stepFiles) differs(name string) bool {
	if f.read() != nil {
		return false
	}
	old, left := f.starter[name]
	new, right := f.solved[name]
	return (left || right) && (left != right || string(old) != string(new))
}

// changes makes the page with the diff from starter to solution.
func (s *Site) changes(b *build, step *course.Step) {
	s.beside(b, step)
	v := &b.view
	v.Title = "What changed"
	v.Summary = "From the starter to the solution, file by file."
	files := s.steps[step.Name]
	if err := files.read(); err != nil {
		b.findings = append(b.findings, Finding{File: "solutions/" + step.Name, What: err.Error()})
		return
	}
	b.showDiff(Diff("starter", "solution", files.starter, files.solved))
}

// beside begins a page that stands beside a step's lesson.
func (s *Site) beside(b *build, step *course.Step) {
	b.view.Step = s.stepView(b.view.Path, step)
}

// showDiff puts a diff on the page, and its files into the table of contents.
func (b *build) showDiff(d *DiffView) {
	b.view.Step.Diff = d
	for _, f := range d.Files {
		b.view.Contents = append(b.view.Contents, Heading{2, f.ID, f.Name})
	}
}
