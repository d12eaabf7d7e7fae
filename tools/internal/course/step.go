package course

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Step is one step of the syllabus.
type Step struct {
	Number      int
	Slug        string // "pooling"
	Name        string // "06-pooling"
	Title       string
	Summary     string // one line, for lists
	Measures    string // the claim that its tests measure, in half a line
	Minutes     int    // an estimate, for somebody new to the subject
	BuildsOn    []int
	Tracks      []string
	Learned     []string // shown once the step is green
	Tasks       []Task
	Dir         string // steps/06-pooling, absolute; the learner's
	SolutionDir string // solutions/06-pooling, absolute; the course's
	LessonPath  string // site/content/steps/06-pooling.md, absolute
	HintsPath   string // site/content/hints/06-pooling.yaml, absolute

	// Introduces are the files, and the folders ending in a slash, that the starter adds,
	// changes or drops against the solution before it without a gap in them.
	Introduces []string
	// Scenario is what `workshop measure` measures; nil for a step without one.
	Scenario *Scenario
}

// Task is one thing to do in a step.
type Task struct {
	Number int // from 1
	Title  string
	Tests  []string // the names of the top-level tests that decide it
	Hints  []string // from a question to a pointer to an excerpt
}

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

// Task is the task with that number, nil when there is none.
func (s *Step) Task(number int) *Task {
	if number < 1 || number > len(s.Tasks) {
		return nil
	}
	return &s.Tasks[number-1]
}

// ModulePath is the path of the step's module, or of its solution's.
func (s *Step) ModulePath(solution bool) string {
	if solution {
		return modulePrefix + "solutions/" + s.Name
	}
	return modulePrefix + "steps/" + s.Name
}

// ForLearner rewrites a file of the solution for the learner's folder: the module path
// in its imports or its go.mod.
func (s *Step) ForLearner(src []byte) []byte {
	return bytes.ReplaceAll(src, []byte(s.ModulePath(true)), []byte(s.ModulePath(false)))
}

// ForSolution is the reverse of ForLearner.
func (s *Step) ForSolution(src []byte) []byte {
	return bytes.ReplaceAll(src, []byte(s.ModulePath(false)), []byte(s.ModulePath(true)))
}

// TestFiles are the course's test files: all *_test.go below the solution, as paths
// relative to it, with slashes, in lexical order.
func (s *Step) TestFiles() ([]string, error) {
	files, err := Files(s.SolutionDir)
	if err != nil {
		return nil, err
	}
	var tests []string
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			tests = append(tests, f)
		}
	}
	return tests, nil
}

// Files are all regular files below dir that belong to a module, as paths relative to
// dir, with slashes, in lexical order. Left out are hidden files and folders, binaries
// and profiles that go leaves (*.test, *.out, *.prof, and the command that `go build`
// names after the folder), and what lies in wrong-answers, right-answers and beside them
// a solution's starter.patch.
func Files(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel != "." && excluded(dir, rel, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			files = append(files, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the files of %s: %w", dir, err)
	}
	return files, nil
}

func excluded(dir, rel string, d fs.DirEntry) bool {
	switch rel {
	case "wrong-answers", "right-answers", StarterFile, filepath.Base(dir):
		return true
	}
	if strings.HasPrefix(d.Name(), ".") {
		return true
	}
	switch filepath.Ext(d.Name()) {
	case ".test", ".out", ".prof":
		return !d.IsDir()
	}
	return false
}

// Gap is a place in the learner's code where work waits.
type Gap struct {
	Task int
	File string // relative to the step, with slashes
	Line int    // from 1
	Text string // what the comment says after the colon, its lines joined
}

var gap = regexp.MustCompile(`TODO\(task (\d+)\):?\s*(.*)`)

// Gaps are the `TODO(task K): …` comments in the Go and SQL files and the
// configuration of dir, in the order of files and lines.
func Gaps(dir string) ([]Gap, error) {
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f)))
		if err != nil {
			return nil, fmt.Errorf("look for TODO(task …): %w", err)
		}
		gaps = append(gaps, gapsOf(f, strings.Split(string(src), "\n"))...)
	}
	return gaps, nil
}

func gapsOf(file string, lines []string) []Gap {
	var gaps []Gap
	for i, line := range lines {
		m := gap.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1]) // the pattern saw digits
		text := []string{strings.TrimSpace(m[2])}
		for _, below := range lines[i+1:] {
			more, ok := comment(below)
			if !ok || gap.MatchString(below) {
				break
			}
			text = append(text, more)
		}
		gaps = append(gaps, Gap{Task: n, File: file, Line: i + 1, Text: strings.Join(text, " ")})
	}
	return gaps
}

// comment is what a line says that is nothing but a comment in Go, SQL or a configuration,
// and something.
func comment(line string) (text string, ok bool) {
	line = strings.TrimSpace(line)
	for _, sign := range []string{"//", "--", "#"} {
		if text, ok := strings.CutPrefix(line, sign); ok {
			return strings.TrimSpace(text), strings.TrimSpace(text) != ""
		}
	}
	return "", false
}
