// Package score is what came of a step's mutants, as it stands beside the solution.
package score

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/proof"
)

// File is where a solution's folder says how many mutants its tests kill.
const File = "mutants.json"

// Explained is the list, in a solution's folder, of the changes that no test can tell from
// it, with the reason of each.
const Explained = "mutants.txt"

// Least is the share of a step's mutants that is killed or explained at least.
const Least = 0.95

// Score is how many changes to what a step's learner writes its tests can tell.
type Score struct {
	Mutants   int    `json:"mutants"`
	Killed    int    `json:"killed"`
	Explained int    `json:"explained"` // nobody can tell them: mutants.txt says why
	Made      string `json:"made"`      // the day, as 2026-11-30
	Of        string `json:"of"`        // a hash of the step's files
}

// Share is the part of the mutants that is killed or explained.
func (s Score) Share() float64 {
	if s.Mutants == 0 {
		return 1
	}
	return float64(s.Killed+s.Explained) / float64(s.Mutants)
}

// Percent is Share as such as "98.4".
func (s Score) Percent() string { return strconv.FormatFloat(100*s.Share(), 'f', 1, 64) }

// String is such as "98.4 % of 312 changes are told by a test (300) or explained (7)".
func (s Score) String() string {
	return fmt.Sprintf("%s %% of %d changes are told by a test (%d) or explained (%d)", s.Percent(), s.Mutants, s.Killed, s.Explained)
}

// Read reads the score in a solution's folder, nil when there is none.
func Read(dir string) (*Score, error) {
	src, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := new(Score)
	if err == nil {
		err = json.Unmarshal(src, s)
	}
	if err != nil {
		return nil, fmt.Errorf("read the score of the mutants: %w", err)
	}
	return s, nil
}

// Write writes the score into a solution's folder, as of now. One that says the same of
// the same files keeps its day.
func (s Score) Write(dir string, now time.Time) error {
	s.Made = now.Format(time.DateOnly)
	if old, err := Read(dir); err == nil && old != nil {
		same := s
		same.Made = old.Made
		if same == *old {
			return nil
		}
	}
	src, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, File), append(src, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the score of the mutants: %w", err)
	}
	return nil
}

// Hash is a hash of the files that a step's score depends on: starter, solution, tests and
// explanations.
func Hash(s *course.Step) (string, error) {
	in := proof.NewInputs(new(proof.Files))
	for _, dir := range []string{s.Dir, s.SolutionDir} {
		files, err := course.Files(dir)
		if err != nil {
			return "", err
		}
		for _, rel := range files {
			in.File(rel, filepath.Join(dir, filepath.FromSlash(rel)))
		}
	}
	in.File(Explained, filepath.Join(s.SolutionDir, Explained))
	return in.Key()[:16], nil
}
