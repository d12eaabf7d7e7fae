package carry

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
)

// plannedFile lists the steps that aren't written yet.
const plannedFile = "site/content/planned.yaml"

// stepName is how a step's folder may be called.
var stepName = regexp.MustCompile(`^(\d\d)-[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// NewStep makes the next step from the solution of the last one: both folders, each a
// module that compiles, with the test files that go from step to step; the entries in
// go.work; a lesson and its hints, in which empty fields wait for a person. It returns
// the files that it wrote, from the root. It refuses a name that is no step's, a number
// that isn't the next, and writes over nothing.
func NewStep(c *course.Course, name string) ([]string, error) {
	last, err := before(c, name)
	if err != nil {
		return nil, err
	}
	number := last.Number + 1
	solved, err := inherited(c, last)
	if err != nil {
		return nil, err
	}
	var writes []write
	add := func(file, content string) { writes = append(writes, write{file, text{}, text{content, true}}) }
	solution, starter := "solutions/"+name, "steps/"+name
	own, learners := map[string][]byte{}, map[string][]byte{}
	for rel, src := range solved {
		own[rel] = []byte(strings.ReplaceAll(src, last.ModulePath(true), modulePath(solution)))
		learners[rel] = []byte(strings.ReplaceAll(src, last.ModulePath(true), modulePath(starter)))
		add(solution+"/"+rel, string(own[rel]))
		add(starter+"/"+rel, string(learners[rel]))
	}
	reset, err := course.StarterPatch(number, learners, learners)
	if err != nil {
		return nil, err
	}
	add(solution+"/"+course.StarterFile, string(reset))
	planned, rest, err := takePlanned(c.Root, number)
	if err != nil {
		return nil, err
	}
	add("site/content/steps/"+name+".md", lesson(number, last.Number, planned))
	add("site/content/hints/"+name+".yaml", hints)
	workspace, err := inWorkspace(c.Root, name)
	if err != nil {
		return nil, err
	}
	writes = append(writes, workspace)
	if rest.is != rest.new {
		writes = append(writes, rest)
	}
	slices.SortFunc(writes, func(a, b write) int { return strings.Compare(a.path, b.path) })
	return pathsWritten(writes), save(c.Root, writes)
}

// before checks a new step's name, and is the step that it follows.
func before(c *course.Course, name string) (*course.Step, error) {
	if len(c.Steps) == 0 {
		return nil, errors.New("the course has no step to begin with")
	}
	last := c.Steps[len(c.Steps)-1]
	m := stepName.FindStringSubmatch(name)
	if m == nil {
		return nil, fmt.Errorf("%q is no step's name: two digits, a dash, and words in small letters with dashes between them, such as %02d-consistency", name, last.Number+1)
	}
	number, _ := strconv.Atoi(m[1]) // the pattern saw digits
	if s := c.Step(number); s != nil {
		return nil, fmt.Errorf("step %02d is there: %s", number, s.Name)
	}
	if number != last.Number+1 {
		return nil, fmt.Errorf("the next step is %02d, after %s", last.Number+1, last.Name)
	}
	for _, made := range []string{"steps/" + name, "solutions/" + name, "site/content/hints/" + name + ".yaml"} {
		if _, err := os.Stat(filepath.Join(c.Root, filepath.FromSlash(made))); err == nil {
			return nil, fmt.Errorf("%s is there already", made)
		}
	}
	return last, nil
}

// inherited are the files of a solution that go on to the next step: all but the tests that
// the step before it hasn't either.
func inherited(c *course.Course, last *course.Step) (map[string]string, error) {
	list, err := course.Files(last.SolutionDir)
	if err != nil {
		return nil, err
	}
	var shared []string
	if i := slices.Index(c.Steps, last); i > 0 {
		if shared, err = course.Files(c.Steps[i-1].SolutionDir); err != nil {
			return nil, err
		}
	}
	files := map[string]string{}
	for _, rel := range list {
		if ofTests(rel) && rel != "main_test.go" && !slices.Contains(shared, rel) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(last.SolutionDir, filepath.FromSlash(rel)))
		if err != nil {
			return nil, err
		}
		files[rel] = string(src)
	}
	return files, nil
}

// planned is what planned.yaml says of a step.
type planned struct {
	Number   int    `yaml:"number"`
	Title    string `yaml:"title"`
	Measures string `yaml:"measures"`
}

// takePlanned is what is planned for a number, and the list without it.
func takePlanned(root string, number int) (planned, write, error) {
	is, err := readFile(filepath.Join(root, filepath.FromSlash(plannedFile)))
	if err != nil || !is.exists {
		return planned{}, write{}, err
	}
	var list []planned
	if err := yaml.Unmarshal([]byte(is.content), &list); err != nil {
		return planned{}, write{}, fmt.Errorf("read %s: %w", plannedFile, err)
	}
	var found planned
	if i := slices.IndexFunc(list, func(p planned) bool { return p.Number == number }); i >= 0 {
		found = list[i]
	}
	var rest strings.Builder
	inside := false
	for line := range strings.Lines(is.content) {
		if strings.HasPrefix(line, "- ") {
			inside = strings.TrimSpace(line) == fmt.Sprintf("- number: %d", number)
		}
		if !inside {
			rest.WriteString(line)
		}
	}
	return found, write{plannedFile, is, text{rest.String(), true}}, nil
}

// inWorkspace is go.work with both folders of a step, each behind its like.
func inWorkspace(root, name string) (write, error) {
	is, err := readFile(filepath.Join(root, "go.work"))
	if err != nil {
		return write{}, err
	}
	lines := strings.SplitAfter(is.content, "\n")
	for _, kind := range []string{"solutions", "steps"} {
		at := -1
		for i, line := range lines {
			if strings.HasPrefix(line, "\t./"+kind+"/") {
				at = i
			}
		}
		if at < 0 {
			return write{}, fmt.Errorf("go.work uses no module in %s", kind)
		}
		lines = slices.Insert(lines, at+1, "\t./"+kind+"/"+name+"\n")
	}
	return write{"go.work", is, text{strings.Join(lines, ""), true}}, nil
}

func pathsWritten(writes []write) []string {
	var paths []string
	for _, w := range writes {
		paths = append(paths, path.Clean(w.path))
	}
	return paths
}

// save writes all files or, when it is interrupted, leaves them to the next run.
func save(root string, writes []write) error {
	home := filepath.Join(root, Folder)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	unlock, err := progress.Lock(filepath.Join(home, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	j := journal{root: root, dir: filepath.Join(home, "journal")}
	if _, _, err := j.recover(); err != nil {
		return fmt.Errorf("finish what an interrupted run left: %w", err)
	}
	return j.write(writes)
}

// lesson is a lesson to fill in. Its empty fields are those that verify asks for.
func lesson(number, builds int, p planned) string {
	return fmt.Sprintf(`---
# Each empty field waits for you; go tool workshop verify --step %02d says which. Then take these comments out.
title: %q
summary: ""   # one line, for lists
measures: %q   # the claim that the tests measure, at most 70 characters
minutes: 0    # for somebody who is new to it; count on the slow side
builds_on: [%d]
tracks: []
introduces: []   # files that the starter adds, changes or drops without a TODO(task N) in them
learned: []   # two or three sentences, shown once the step is green
tasks: []
#  - title: what the learner makes true
#    tests: [TestThatDecidesIt]
# scenario:
#   text: What the load is, in a sentence.
#   requests:
#     - {method: GET, path: "/events/{popular}"}
#   steady: 50
#   columns: [sustained, p50, p99, connections, queries, cpu]
---

# %s

%s
## The story

## See it break

## The idea

## Your tasks

## What changed

## Measured

## In Node.js

## In production

## Check yourself

## Speaker notes
`, number, p.Title, p.Measures, builds, p.Title, (&course.Step{Number: number}).RawNote())
}

const hints = `# From a question to a pointer to an excerpt. ` + "`go tool workshop hint`" + ` opens them one by one.
# Each task has two at least:
#
# 1:
#   - A question?
#   - A pointer to the place.
#   - "An excerpt."
{}
`
