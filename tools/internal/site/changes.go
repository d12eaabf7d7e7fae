package site

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
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
			maps.DeleteFunc(side, func(name string, _ []byte) bool { return isGiven(name) })
		}
	})
	return f.err
}

// isGiven reports files that a diff leaves out: tests, which are the same on both sides,
// and sums.
func isGiven(name string) bool {
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

// file is the text of a file of the repository, by its path from the root. Of a step it is
// the starter's: the learner has changed the one in the folder, or will.
func (s *Site) file(path string) (string, error) {
	parts := strings.SplitN(path, "/", 3)
	if len(parts) == 3 && parts[0] == "steps" && s.steps[parts[1]] != nil && !isGiven(parts[2]) {
		files := s.steps[parts[1]]
		if err := files.read(); err != nil {
			return "", err
		}
		src, ok := files.starter[parts[2]]
		if !ok {
			return "", fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
		}
		return string(src), nil
	}
	src, err := os.ReadFile(filepath.Join(s.course.Root, filepath.FromSlash(path)))
	return string(src), err
}

// changes makes the page with the diff from starter to solution.
func (s *Site) changes(b *build, step *course.Step) {
	s.beside(b, step)
	v := &b.view
	v.Title = "What changed"
	v.Summary = "From the starter to the solution, file by file."
	files := s.steps[step.Name]
	if err := files.read(); err != nil {
		b.findings = append(b.findings, content.Finding{File: "solutions/" + step.Name, What: err.Error()})
		return
	}
	b.showDiff(draw.NewDiff("starter", "solution", files.starter, files.solved))
}

// beside begins a page that stands beside a step's lesson.
func (s *Site) beside(b *build, step *course.Step) {
	b.view.Step = s.stepView(b.view.Path, step)
}

// showDiff puts a diff on the page, and its files into the table of contents.
func (b *build) showDiff(d *draw.Diff) {
	b.view.Step.Diff = d
	for _, f := range d.Files {
		b.view.Contents = append(b.view.Contents, Heading{2, f.ID, f.Name})
	}
}
