package course

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// frontMatter is what stands between the two lines of dashes at the top of a lesson.
type frontMatter struct {
	Title    string   `yaml:"title"`
	Summary  string   `yaml:"summary"`
	Measures string   `yaml:"measures"`
	Minutes  int      `yaml:"minutes"`
	BuildsOn []int    `yaml:"builds_on"`
	Tracks   []string `yaml:"tracks"`
	Learned  []string `yaml:"learned"`
	Tasks    []struct {
		Title string   `yaml:"title"`
		Tests []string `yaml:"tests"`
	} `yaml:"tasks"`
	Introduces []string  `yaml:"introduces"`
	Scenario   *Scenario `yaml:"scenario"`
}

// readStep reads the front matter of a lesson. Unknown keys are an error, since they are
// mistyped ones.
func readStep(root, path string) (*Step, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a lesson: %w", err)
	}
	head, _, err := SplitLesson(src)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	head = append([]byte("\n"), head...) // the line of dashes: errors count the file's lines
	var m frontMatter
	if err := yaml.UnmarshalWithOptions(head, &m, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read the front matter of %s: %w", path, err)
	}
	s := newStep(root, path, m)
	return s, s.readHints()
}

// readHints reads the hints of each task, which stand in a file of their own: whoever
// opens a lesson must not see them first. A step may have none yet.
func (s *Step) readHints() error {
	src, err := os.ReadFile(s.HintsPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read hints: %w", err)
	}
	var hints map[int][]string
	if err := yaml.Unmarshal(src, &hints); err != nil {
		return fmt.Errorf("read %s: %w", s.HintsPath, err)
	}
	for number, of := range hints {
		task := s.Task(number)
		if task == nil {
			return fmt.Errorf("read %s: the lesson has no task %d", s.HintsPath, number)
		}
		task.Hints = of
	}
	return nil
}

func newStep(root, path string, m frontMatter) *Step {
	name := strings.TrimSuffix(filepath.Base(path), ".md")
	number, _ := strconv.Atoi(name[:2]) // the glob of Open saw two digits
	s := &Step{
		Number: number, Slug: name[3:], Name: name,
		Title: m.Title, Summary: m.Summary, Measures: m.Measures, Minutes: m.Minutes,
		BuildsOn: m.BuildsOn, Tracks: m.Tracks, Learned: m.Learned,
		Dir:         filepath.Join(root, "steps", name),
		SolutionDir: filepath.Join(root, "solutions", name),
		LessonPath:  path,
		HintsPath:   filepath.Join(root, "site", "content", "hints", name+".yaml"),
		Introduces:  m.Introduces,
		Scenario:    m.Scenario,
	}
	for i, t := range m.Tasks {
		s.Tasks = append(s.Tasks, Task{Number: i + 1, Title: t.Title, Tests: t.Tests})
	}
	return s
}

// SplitLesson parts a lesson into its front matter, without the lines of dashes, and its
// body.
func SplitLesson(src []byte) (frontMatter, body []byte, err error) {
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(src, []byte("---\n"))
	if !ok {
		return nil, nil, errors.New("a lesson begins with front matter between two lines of ---")
	}
	frontMatter, body, ok = bytes.Cut(rest, []byte("\n---\n"))
	if !ok {
		return nil, nil, errors.New("the front matter has no closing line of ---")
	}
	return frontMatter, body, nil
}
