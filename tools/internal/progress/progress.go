// Package progress remembers where the learner stands, and keeps copies of what a
// command is about to change. All of it lives in .workshop/ at the root of the clone.
package progress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Folder is where the workshop keeps its state, relative to the root of the clone.
const Folder = ".workshop"

// State is the learner's place. Several processes may hold one, such as a watch and the
// companion: Save keeps what the others saved in the meantime.
type State struct {
	Current int               // the number of the step they work on; 1 at first
	Done    map[int]time.Time // when a step was first green
	Hints   map[TaskID]int    // how many hints of a task were opened
	Tasks   map[TaskID]string // how a task's tests ended when they last ran: one word
	Greeted bool              // the first run is over

	path       string
	base       *State // as the file was when it was last read or written
	unreadable error  // why Load couldn't read the file: then it isn't overwritten either
}

func newcomer(path string) *State {
	return &State{Current: 1, Done: map[int]time.Time{}, Hints: map[TaskID]int{}, Tasks: map[TaskID]string{}, path: path}
}

// clone is a copy that shares nothing, without a base.
func (s *State) clone() *State {
	return &State{Current: s.Current, Done: maps.Clone(s.Done), Hints: maps.Clone(s.Hints), Tasks: maps.Clone(s.Tasks), Greeted: s.Greeted}
}

// TaskID names a task of the course.
type TaskID struct{ Step, Task int }

// DamagedError says that progress.txt can't be read as one, and where it was kept.
type DamagedError struct {
	Path string
	Kept string // where it was moved to; "" when it couldn't be moved
	Line int
}

func (e *DamagedError) Error() string {
	kept := "it was kept as " + e.Kept
	if e.Kept == "" {
		kept = "it is still there"
	}
	return fmt.Sprintf("%s is damaged at line %d, so what could be read of it counts; %s", e.Path, e.Line, kept)
}

// Load reads .workshop/progress.txt below root. Without the file the learner stands at
// the beginning. From a damaged one it takes the lines that it can read, moves the file
// aside, and returns the state together with a DamagedError. With any other error comes a
// state of a newcomer that can't be saved.
func Load(root string) (*State, error) {
	s, err := read(File(root))
	var damaged *DamagedError
	if err != nil && !errors.As(err, &damaged) {
		s.unreadable = err
	}
	s.base = s.clone()
	return s, err
}

// File is the path of the file that holds the state.
func File(root string) string { return filepath.Join(root, Folder, "progress.txt") }

// read is the state that a file holds.
func read(path string) (*State, error) {
	s := newcomer(path)
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the progress: %w", err)
	}
	if line := s.parse(src); line > 0 {
		return s, &DamagedError{Path: path, Kept: keepAside(path), Line: line}
	}
	return s, nil
}

// parse is the number of the first line that it can't read, 0 when it read all.
func (s *State) parse(src []byte) (damaged int) {
	lines := bufio.NewScanner(bytes.NewReader(src))
	for n := 1; lines.Scan(); n++ {
		if !s.parseLine(lines.Text()) && damaged == 0 {
			damaged = n
		}
	}
	if lines.Err() != nil && damaged == 0 {
		damaged = 1
	}
	return damaged
}

func (s *State) parseLine(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(line, "#") {
		return true
	}
	switch {
	case words[0] == "greeted" && len(words) == 1:
		s.Greeted = true
		return true
	case words[0] == "current" && len(words) == 2:
		n, err := strconv.Atoi(words[1])
		if err == nil && n > 0 {
			s.Current = n
		}
		return err == nil && n > 0
	case words[0] == "done" && len(words) == 3:
		n, err := strconv.Atoi(words[1])
		at, timeErr := time.Parse(time.RFC3339, words[2])
		if err == nil && timeErr == nil {
			s.Done[n] = at
		}
		return err == nil && timeErr == nil
	case words[0] == "task" && len(words) == 4:
		step, err1 := strconv.Atoi(words[1])
		task, err2 := strconv.Atoi(words[2])
		err := errors.Join(err1, err2)
		if err == nil {
			s.Tasks[TaskID{step, task}] = words[3]
		}
		return err == nil
	case words[0] == "hints" && len(words) == 4:
		step, err1 := strconv.Atoi(words[1])
		task, err2 := strconv.Atoi(words[2])
		opened, err3 := strconv.Atoi(words[3])
		err := errors.Join(err1, err2, err3)
		if err == nil && opened >= 0 {
			s.Hints[TaskID{step, task}] = opened
		}
		return err == nil && opened >= 0
	}
	return false
}

func keepAside(path string) string {
	kept := fmt.Sprintf("%s.damaged-%s", path, time.Now().Format("20060102-150405"))
	if err := os.Rename(path, kept); err != nil {
		return ""
	}
	return kept
}

// Save writes the state to a temporary file and renames it, so that an interruption
// leaves the old state or the new one. What other processes saved since this state was
// read is taken over first. The format is lines of words:
//
//	# Boxoffice: where you stand. You may edit or delete this file.
//	current 2                       the step that a bare `workshop` shows
//	done 1 2026-01-31T18:04:05Z     the step was green then, for the first time
//	hints 2 1 3                     of step 2, task 1, three hints were opened
//	task 2 1 red                    the tests of step 2, task 1 were red when they last ran
//	greeted                         the first run is over
func (s *State) Save() error {
	if s.unreadable != nil {
		return s.unreadable
	}
	if err := s.save(); err != nil {
		return fmt.Errorf("save the progress: %w", err)
	}
	return nil
}

func (s *State) save() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return err
	}
	unlock, err := Lock(filepath.Join(filepath.Dir(s.path), "progress.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.takeOver(); err != nil {
		return err
	}
	if err := WriteFile(s.path, s.text()); err != nil {
		return err
	}
	s.base = s.clone()
	return nil
}

// text is the content of the file.
func (s *State) text() []byte {
	var b bytes.Buffer
	b.WriteString("# Boxoffice: where you stand. You may edit or delete this file.\n")
	fmt.Fprintf(&b, "current %d\n", s.Current)
	for _, n := range slices.Sorted(maps.Keys(s.Done)) {
		fmt.Fprintf(&b, "done %d %s\n", n, s.Done[n].UTC().Format(time.RFC3339))
	}
	byPlace := func(a, b TaskID) int { return 1000*(a.Step-b.Step) + a.Task - b.Task }
	for _, id := range slices.SortedFunc(maps.Keys(s.Hints), byPlace) {
		fmt.Fprintf(&b, "hints %d %d %d\n", id.Step, id.Task, s.Hints[id])
	}
	for _, id := range slices.SortedFunc(maps.Keys(s.Tasks), byPlace) {
		fmt.Fprintf(&b, "task %d %d %s\n", id.Step, id.Task, s.Tasks[id])
	}
	if s.Greeted {
		b.WriteString("greeted\n")
	}
	return b.Bytes()
}

// MarkDone notes that a step is green, and keeps the time of the first time.
// It reports whether that was news.
func (s *State) MarkDone(step int, at time.Time) bool {
	if _, ok := s.Done[step]; ok {
		return false
	}
	s.Done[step] = at.UTC().Truncate(time.Second) // as the file keeps it
	return true
}

// WriteFile replaces the content of path in one move: whoever reads it sees the old
// content or the new, also after an interruption or on a full disk. An existing file
// keeps its permissions.
func WriteFile(path string, content []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".workshop-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it is gone already after the rename
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Chmod(mode)
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
