package course_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

const wholeLesson = `---
title: Thirds
summary: one number becomes a third
measures: how often a number is divided
minutes: 45
builds_on: [1, 2]
tracks: [half-day, two-days]
learned:
  - Thirds don't end.
  - "Quoted: colons are fine."
tasks:
  - title: Third
    tests: [TestThird, TestZero]
  - title: no tests yet
introduces: [main.go, migrations/]
scenario:
  text: A look at one event.
  requests:
    - {method: GET, path: "/events/{popular}"}
    - {method: POST, path: /orders, body: "{}", as: buyer, weight: 3}
  steady: 50
  columns: [sustained, p50]
  mail_delay: 1500ms
  deploy: 3
  env: [A=b]
---
# Thirds
---
still the body
`

func TestFrontMatterIsReadWhole(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t)
	lesson := filepath.Join(c.Root, "site", "content", "steps", "03-thirds.md")
	hints := filepath.Join(c.Root, "site", "content", "hints", "03-thirds.yaml")
	coursetest.Write(t, lesson, wholeLesson)
	coursetest.Write(t, hints, "2:\n  - What is left?\n  - |-\n    return n / 3\n    // and more\n")
	s := coursetest.Open(t, c.Root).Step(3)
	assert.Equal(t, &course.Step{
		Number: 3, Slug: "thirds", Name: "03-thirds", Title: "Thirds", Summary: "one number becomes a third",
		Measures: "how often a number is divided", Minutes: 45, BuildsOn: []int{1, 2}, Tracks: []string{"half-day", "two-days"},
		Learned: []string{"Thirds don't end.", "Quoted: colons are fine."},
		Tasks: []course.Task{
			{Number: 1, Title: "Third", Tests: []string{"TestThird", "TestZero"}},
			{Number: 2, Title: "no tests yet", Hints: []string{"What is left?", "return n / 3\n// and more"}},
		},
		Dir: filepath.Join(c.Root, "steps", "03-thirds"), SolutionDir: filepath.Join(c.Root, "solutions", "03-thirds"),
		LessonPath: lesson, HintsPath: hints,
		Introduces: []string{"main.go", "migrations/"},
		Scenario: &course.Scenario{
			Text: "A look at one event.", Steady: 50, Columns: []string{"sustained", "p50"}, MailDelay: 1500 * time.Millisecond, Deploy: 3, Env: []string{"A=b"},
			Requests: []course.ScenarioRequest{
				{Method: "GET", Path: "/events/{popular}"},
				{Method: "POST", Path: "/orders", Body: "{}", As: course.AsBuyer, Weight: 3},
			},
		},
	}, s)
}

// An author reads these, with the editor open: the file, the line, and what is wrong.
func TestBrokenLessonsAreNamed(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]struct {
		lesson, hints string // "" leaves the file as it is
		says          []string
	}{
		"no front matter":      {lesson: "# Doubling\n", says: []string{"02-doubling.md: a lesson begins with front matter between two lines of ---"}},
		"empty":                {lesson: "\n", says: []string{"02-doubling.md: a lesson begins with front matter"}},
		"not closed":           {lesson: "---\ntitle: x\n", says: []string{"02-doubling.md: the front matter has no closing line of ---"}},
		"mistyped key":         {lesson: "---\ntilte: x\n---\n", says: []string{"read the front matter of ", "02-doubling.md", `unknown field "tilte"`, ">  2 | tilte: x"}},
		"mistyped task":        {lesson: "---\ntasks:\n  - name: x\n---\n", says: []string{"02-doubling.md", `unknown field "name"`}},
		"mistyped scenario":    {lesson: "---\nscenario:\n  rate: 1\n---\n", says: []string{"02-doubling.md", `unknown field "rate"`}},
		"minutes in words":     {lesson: "---\nminutes: ten\n---\n", says: []string{"02-doubling.md", ">  2 | minutes: ten"}},
		"a delay without unit": {lesson: "---\nscenario:\n  mail_delay: soon\n---\n", says: []string{"02-doubling.md", "soon"}},
		"a test that is none":  {lesson: "---\ntasks:\n  - tests: {a: b}\n---\n", says: []string{"02-doubling.md"}},
		"no YAML":              {lesson: "---\ntitle: [x\n---\n", says: []string{"02-doubling.md"}},
		"hints of no task":     {hints: "7: [What for?]\n", says: []string{"02-doubling.yaml: the lesson has no task 7"}},
		"hints of task 0":      {hints: "0: [What for?]\n", says: []string{"02-doubling.yaml: the lesson has no task 0"}},
		"hints in a list":      {hints: "- [What for?]\n", says: []string{"read ", "02-doubling.yaml"}},
		"hints without YAML":   {hints: "1: [What for?\n", says: []string{"read ", "02-doubling.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := coursetest.New(t)
			if broken.lesson != "" {
				coursetest.Write(t, c.Steps[1].LessonPath, broken.lesson)
			}
			if broken.hints != "" {
				coursetest.Write(t, c.Steps[1].HintsPath, broken.hints)
			}
			_, err := course.Open(c.Root)
			for _, want := range broken.says {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestUnreadableFilesAreNamed(t *testing.T) {
	t.Parallel()
	for what, path := range map[string]func(*course.Step) string{
		"read a lesson: ": func(s *course.Step) string { return s.LessonPath },
		"read hints: ":    func(s *course.Step) string { return s.HintsPath },
	} {
		c := coursetest.New(t)
		place := path(c.Steps[1])
		require.NoError(t, os.Remove(place))
		require.NoError(t, os.Mkdir(place, 0o755))
		_, err := course.Open(c.Root)
		require.ErrorContains(t, err, what)
		require.ErrorContains(t, err, place)
	}
}

func TestAStepMayHaveNoHintsYet(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t)
	require.NoError(t, os.Remove(c.Steps[0].HintsPath))
	coursetest.Write(t, c.Steps[1].HintsPath, "# none yet\n")
	for _, s := range coursetest.Open(t, c.Root).Steps {
		assert.Empty(t, s.Tasks[0].Hints, s.Name)
	}
}

func TestLessonsAreParted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, front, body string }{
		"usual":            {"---\na: b\n---\n# C\n", "a: b", "# C\n"},
		"from Windows":     {"---\r\na: b\r\n---\r\n# C\r\n", "a: b", "# C\n"},
		"a rule below":     {"---\na: b\n---\nC\n\n---\n", "a: b", "C\n\n---\n"},
		"several lines":    {"---\na: b\nc: d\n---\n", "a: b\nc: d", ""},
		"dashes in a text": {"---\na: b --- c\n---\nD", "a: b --- c", "D"},
	} {
		front, body, err := course.SplitLesson([]byte(c.src))
		require.NoError(t, err, name)
		assert.Equal(t, [2]string{c.front, c.body}, [2]string{string(front), string(body)}, name)
	}
}
