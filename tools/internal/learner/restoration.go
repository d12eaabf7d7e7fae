package learner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
)

// Restoration replaces the files of a step by the course's.
type Restoration struct {
	Verb   string // reset or solve
	Step   *course.Step
	Remove []string // files of the learner that go, once they are backed up
	Keep   []string // files of the learner that stay

	write map[string][]byte // what will stand there, by path relative to the step
}

// NewReset plans to take back everything, also files that the learner added.
func NewReset(s *course.Step) (*Restoration, error) {
	starter, err := s.Starter()
	if err != nil {
		return nil, err
	}
	r := &Restoration{Verb: "reset", Step: s, write: starter}
	mine, err := r.mine()
	if err != nil {
		return nil, err
	}
	for _, name := range mine {
		if _, ok := starter[name]; !ok {
			r.Remove = append(r.Remove, name)
		}
	}
	r.dropUnchanged()
	return r, nil
}

// NewSolve plans to put the solution there. It removes only what the starter had and the
// solution hasn't.
func NewSolve(s *course.Step) (*Restoration, error) {
	starter, err := s.Starter()
	if err != nil {
		return nil, err
	}
	solved, err := s.Solved()
	if err != nil {
		return nil, err
	}
	r := &Restoration{Verb: "solve", Step: s, write: solved}
	mine, err := r.mine()
	if err != nil {
		return nil, err
	}
	for _, name := range mine {
		_, handedOut := starter[name]
		_, stays := solved[name]
		switch {
		case handedOut && !stays:
			r.Remove = append(r.Remove, name)
		case !stays:
			r.Keep = append(r.Keep, name)
		}
	}
	r.dropUnchanged()
	return r, nil
}

// mine are the learner's files; none when the folder is gone.
func (r *Restoration) mine() ([]string, error) {
	if _, err := os.Stat(r.Step.Dir); os.IsNotExist(err) {
		return nil, nil
	}
	return course.Files(r.Step.Dir)
}

// dropUnchanged leaves out files that hold already what they should.
func (r *Restoration) dropUnchanged() {
	for name, want := range r.write {
		got, err := os.ReadFile(r.path(name))
		if err == nil && bytes.Equal(got, want) {
			delete(r.write, name)
		}
	}
}

func (r *Restoration) path(name string) string {
	return filepath.Join(r.Step.Dir, filepath.FromSlash(name))
}

// Empty reports that there is nothing to do.
func (r *Restoration) Empty() bool { return len(r.write)+len(r.Remove) == 0 }

// Replaced are the learner's files that are replaced or removed.
func (r *Restoration) Replaced() []string {
	files := slices.Clone(r.Remove)
	for name := range r.write {
		if _, err := os.Stat(r.path(name)); err == nil {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files
}

// BackUp copies what is replaced to a folder, whose path relative to root it returns;
// "" when there is nothing to copy.
func (r *Restoration) BackUp(root string) (backup string, err error) {
	var files []string
	for _, name := range r.Replaced() {
		rel, err := filepath.Rel(root, r.path(name))
		if err != nil {
			return "", err
		}
		files = append(files, rel)
	}
	if len(files) == 0 {
		return "", nil
	}
	return progress.Backup(root, files, fmt.Sprintf("%s-%02d", r.Verb, r.Step.Number))
}

// Replace writes the course's files and takes away the others. BackUp comes before it.
func (r *Restoration) Replace() error {
	for name, content := range r.write {
		path := r.path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := progress.WriteFile(path, content); err != nil {
			return err
		}
	}
	for _, name := range r.Remove {
		if err := os.Remove(r.path(name)); err != nil {
			return err
		}
		r.removeEmpty(filepath.Dir(r.path(name)))
	}
	return nil
}

// removeEmpty removes a folder and those above it, up to the step's, while they are empty.
func (r *Restoration) removeEmpty(dir string) {
	for dir != r.Step.Dir && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// BringBack is the command that undoes a restoration: backup and root are how the
// backup's folder and the root of the clone are named; "" without a backup.
func BringBack(backup, root string) string {
	if backup == "" {
		return ""
	}
	return fmt.Sprintf("cp -R %s/. %s/", shellQuote(backup), shellQuote(root))
}

// shellQuote makes one word of a path for a shell.
func shellQuote(path string) string {
	if strings.ContainsAny(path, " '\"$&;()*?[]\\|<>`!#~") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
