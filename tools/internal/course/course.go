// Package course reads the syllabus: which steps there are, what each asks for, and
// where its files are. The front matter of the lessons is the only source.
package course

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoCourse says that a folder is not inside a clone of the course.
var ErrNoCourse = errors.New("no go.work with site/content/steps beside it, here or in a folder above")

// ErrNoStep says that no step was named and that the folder is not inside one.
var ErrNoStep = errors.New("this folder is not inside a step")

// modulePrefix is what the module paths of all steps and solutions begin with.
const modulePrefix = "example.com/boxoffice/"

// Course is one clone of the workshop.
type Course struct {
	Root  string  // the folder with go.work, absolute, symbolic links resolved
	Steps []*Step // by number
}

// Open reads the course that dir is inside of. It returns ErrNoCourse, wrapped with
// dir, when there is none, and an error that names the file when a lesson can't be read.
func Open(dir string) (*Course, error) {
	root, err := findRoot(dir)
	if err != nil {
		return nil, err
	}
	lessons, err := filepath.Glob(filepath.Join(root, "site", "content", "steps", "[0-9][0-9]-*.md"))
	if err != nil {
		return nil, fmt.Errorf("list the lessons of %s: %w", root, err)
	}
	c := &Course{Root: root}
	for _, path := range lessons {
		s, err := readStep(root, path)
		if err != nil {
			return nil, err
		}
		c.Steps = append(c.Steps, s)
	}
	slices.SortFunc(c.Steps, func(a, b *Step) int { return cmp.Compare(a.Number, b.Number) })
	return c, nil
}

func findRoot(dir string) (string, error) {
	start, err := resolve(dir)
	if err != nil {
		return "", fmt.Errorf("find the course from %s: %w", dir, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if isFile(filepath.Join(at, "go.work")) && isDir(filepath.Join(at, "site", "content", "steps")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s: %w", dir, ErrNoCourse)
		}
	}
}

// resolve makes a path absolute and follows its symbolic links, as far as it exists.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	return abs, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Step is the step with that number, nil when there is none.
func (c *Course) Step(number int) *Step {
	for _, s := range c.Steps {
		if s.Number == number {
			return s
		}
	}
	return nil
}

// Next is the step after s, nil when s is the last.
func (c *Course) Next(s *Step) *Step {
	i := slices.Index(c.Steps, s)
	if i < 0 || i+1 >= len(c.Steps) {
		return nil
	}
	return c.Steps[i+1]
}

// Find is the step that arg names: "6", "06", "pooling", "06-pooling", or the path of a
// folder inside it. For "" it is the step, or the solution, that cwd is inside of, and
// ErrNoStep when cwd is inside none. An unknown name gives an UnknownStepError.
func (c *Course) Find(arg, cwd string) (*Step, error) {
	if arg == "" {
		if s := c.at(cwd); s != nil {
			return s, nil
		}
		return nil, ErrNoStep
	}
	if n, err := strconv.Atoi(arg); err == nil {
		if s := c.Step(n); s != nil {
			return s, nil
		}
		return nil, c.unknown(arg)
	}
	for _, s := range c.Steps {
		if strings.EqualFold(arg, s.Slug) || strings.EqualFold(arg, s.Name) {
			return s, nil
		}
	}
	if path := join(cwd, arg); isDir(path) {
		if s := c.at(path); s != nil {
			return s, nil
		}
	}
	return nil, c.unknown(arg)
}

func join(cwd, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cwd, path)
}

// at is the step whose folder, or whose solution's folder, dir is inside of.
func (c *Course) at(dir string) *Step {
	path, err := resolve(dir)
	if err != nil {
		return nil
	}
	for _, s := range c.Steps {
		if within(path, s.Dir) || within(path, s.SolutionDir) {
			return s
		}
	}
	return nil
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
