package course_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestOpenReadsTheSyllabusFromAnyFolderInside(t *testing.T) {
	c := coursetest.New(t)
	for _, dir := range []string{".", "steps/01-adding/number", "site", "solutions"} {
		got, err := course.Open(filepath.Join(c.Root, dir))
		require.NoError(t, err)
		assert.Equal(t, c.Root, got.Root)
	}
	require.Len(t, c.Steps, 2)
	s := c.Steps[0]
	assert.Equal(t, "adding", s.Slug)
	assert.Equal(t, []string{"TestAdd"}, s.Tasks[0].Tests)
	assert.Len(t, s.Tasks[0].Hints, 3)
	assert.Equal(t, []int{1}, c.Steps[1].BuildsOn)
	assert.Equal(t, c.Steps[1], c.Next(s))
	assert.Nil(t, c.Next(c.Steps[1]))
}

func TestOpenOutsideSaysSo(t *testing.T) {
	_, err := course.Open(t.TempDir())
	assert.ErrorIs(t, err, course.ErrNoCourse)
}

func TestOpenNamesTheBrokenLesson(t *testing.T) {
	for name, text := range map[string]string{
		"no front matter": "# Title\n",
		"not closed":      "---\ntitle: x\n",
		"mistyped key":    "---\ntilte: x\n---\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := coursetest.New(t)
			coursetest.Write(t, c.Steps[1].LessonPath, text)
			_, err := course.Open(c.Root)
			assert.ErrorContains(t, err, "02-doubling.md")
		})
	}
}

func TestOpenNamesHintsWithoutATask(t *testing.T) {
	c := coursetest.New(t)
	coursetest.Write(t, c.Steps[1].HintsPath, "7: [What for?]\n")
	_, err := course.Open(c.Root)
	assert.ErrorContains(t, err, "02-doubling.yaml: the lesson has no task 7")
}

func TestFindByNumberNameAndFolder(t *testing.T) {
	c := coursetest.New(t)
	for _, arg := range []string{"1", "01", "adding", "01-adding", "Adding", "steps/01-adding", "./steps/01-adding/"} {
		s, err := c.Find(arg, c.Root)
		require.NoError(t, err, arg)
		assert.Equal(t, 1, s.Number, arg)
	}
	for _, dir := range []string{"steps/02-doubling", "solutions/02-doubling", "steps/01-adding/number"} {
		s, err := c.Find("", filepath.Join(c.Root, dir))
		require.NoError(t, err)
		assert.Equal(t, filepath.Base(strings.TrimSuffix(dir, "/number")), s.Name)
	}
	_, err := c.Find("", c.Root)
	assert.ErrorIs(t, err, course.ErrNoStep)
}

func TestFindThroughASymbolicLink(t *testing.T) {
	c := coursetest.New(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(c.Steps[1].Dir, link))
	opened, err := course.Open(link)
	require.NoError(t, err)
	s, err := opened.Find("", link)
	require.NoError(t, err)
	assert.Equal(t, 2, s.Number)
}

func TestFindSuggestsTheNearest(t *testing.T) {
	c := coursetest.New(t)
	for arg, want := range map[string]string{
		"dubling": "did you mean 02-doubling?", "add": "did you mean 01-adding?", "02-doublin": "did you mean 02-doubling?",
		"7": "1 to 2", "caching": "1 to 2", "-1": "1 to 2", "x": "1 to 2",
	} {
		_, err := c.Find(arg, c.Root)
		var unknown *course.UnknownStepError
		require.ErrorAs(t, err, &unknown, arg)
		assert.ErrorContains(t, err, want, arg)
	}
}

func TestStarterIsMadeOfTheSolution(t *testing.T) {
	c := coursetest.New(t)
	s := c.Steps[0]
	want := map[string][]byte{}
	names, err := course.Files(s.Dir)
	require.NoError(t, err)
	for _, name := range names {
		want[name], err = os.ReadFile(filepath.Join(s.Dir, name))
		require.NoError(t, err)
	}
	require.NoError(t, os.RemoveAll(s.Dir), "whatever the learner did")
	got, err := s.Starter()
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestStarterSaysWhenTheSolutionWasChanged(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	coursetest.Write(t, filepath.Join(s.SolutionDir, "main.go"), "package main\n")
	_, err := s.Starter()
	var e *course.StarterError
	require.ErrorAs(t, err, &e)
	assert.ErrorContains(t, err, "main.go")
	require.NoError(t, os.Remove(filepath.Join(s.SolutionDir, course.StarterFile)))
	_, err = s.Starter()
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestModulePathIsRewrittenBothWays(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	solved, err := s.Solved()
	require.NoError(t, err)
	assert.Contains(t, string(solved["main.go"]), `"example.com/boxoffice/steps/01-adding/number"`)
	original, err := os.ReadFile(filepath.Join(s.SolutionDir, "main.go"))
	require.NoError(t, err)
	assert.Equal(t, original, s.ForSolution(solved["main.go"]))
}

func TestGapsGiveFileAndLine(t *testing.T) {
	gaps, err := course.Gaps(coursetest.New(t).Steps[0].Dir)
	require.NoError(t, err)
	assert.Equal(t, []course.Gap{
		{Task: 1, File: "main.go", Line: 10, Text: "add"},
		{Task: 2, File: "number/number.go", Line: 6, Text: "mind the sign"},
	}, gaps)
}

func TestGapsInConfigurations(t *testing.T) {
	dir := t.TempDir()
	coursetest.Write(t, filepath.Join(dir, "deploy", "nginx.conf"), "upstream x {\n    # TODO(task 2): try the next one\n    # when this one is gone\n}\n")
	gaps, err := course.Gaps(dir)
	require.NoError(t, err)
	assert.Equal(t, []course.Gap{{Task: 2, File: "deploy/nginx.conf", Line: 2, Text: "try the next one when this one is gone"}}, gaps)
}

func TestFilesLeavesOutWhatIsNotTheModule(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	for _, f := range []string{".git/config", "adding.test", "cpu.prof", "wrong-answers/a.patch", "sub/main.out"} {
		coursetest.Write(t, filepath.Join(s.Dir, f), "")
	}
	files, err := course.Files(s.Dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"go.mod", "main.go", "main_test.go", "number/number.go", "number/sums_test.go"}, files)
}
