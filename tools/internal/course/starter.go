package course

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/patch"
)

// StarterFile stands in each solution's folder: the patch that makes the step's starter
// of the solution. The starter itself can't be the source of `reset`, since it is the
// learner's to change and to commit; git's history may be shallow, rewritten or absent.
// The author writes it with `go tool workshop starter`, and verify proves that it gives
// exactly what steps/NN holds.
const StarterFile = "starter.patch"

// StarterError says that the starter can't be made.
type StarterError struct {
	Step *Step
	Err  error
}

func (e *StarterError) Error() string {
	return fmt.Sprintf("make the starter of %s from its solution and %s: %v", e.Step.Name, StarterFile, e.Err)
}

func (e *StarterError) Unwrap() error { return e.Err }

// Starter is every file of the step as the course hands it out, by its path relative to
// the step, with slashes. It is made of the solution and its starter.patch; a
// StarterError says so when they are missing or don't fit together.
func (s *Step) Starter() (map[string][]byte, error) {
	files, err := s.Solved()
	if err != nil {
		return nil, &StarterError{s, err}
	}
	src, err := os.ReadFile(filepath.Join(s.SolutionDir, StarterFile))
	if err != nil {
		return nil, &StarterError{s, err}
	}
	changes, err := patch.Parse(string(src))
	if err != nil {
		return nil, &StarterError{s, err}
	}
	for _, c := range changes {
		if err := c.ApplyTo(files); err != nil {
			return nil, &StarterError{s, err}
		}
	}
	return files, nil
}

// Solved is every file of the solution, rewritten for the learner's folder.
func (s *Step) Solved() (map[string][]byte, error) {
	return s.read(s.SolutionDir)
}

// Mine is every file of the learner's folder as it is now.
func (s *Step) Mine() (map[string][]byte, error) { return s.read(s.Dir) }

// read is every file of a folder, with the learner's module path.
func (s *Step) read(dir string) (map[string][]byte, error) {
	names, err := Files(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s is empty", dir)
	}
	files := map[string][]byte{}
	for _, name := range names {
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		files[name] = s.ForLearner(src)
	}
	return files, nil
}

// MakeStarterPatch is what the solution's starter.patch has to hold so that Starter
// gives the step's folder as it is now.
func (s *Step) MakeStarterPatch() ([]byte, error) {
	solved, err := s.Solved()
	if err != nil {
		return nil, &StarterError{s, err}
	}
	starter, err := s.Mine()
	if err != nil {
		return nil, &StarterError{s, err}
	}
	src, err := StarterPatch(s.Number, solved, starter)
	if err != nil {
		return nil, &StarterError{s, err}
	}
	return src, nil
}

// StarterPatch is the starter.patch that makes a starter of what was solved, both with the
// learner's module path.
func StarterPatch(number int, solved, starter map[string][]byte) ([]byte, error) {
	for name, src := range starter {
		if strings.ContainsRune(string(src), 0) {
			return nil, errors.New(name + " is binary; a patch can't hold it")
		}
	}
	head := fmt.Sprintf("What `workshop reset %02d` takes back from the solution. Made by `go tool workshop starter %[1]d`.\n\n", number)
	return []byte(head + patch.Between(solved, starter)), nil
}
