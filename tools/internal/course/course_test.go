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

// Lessons are found by their names: two digits, a dash and a word. Steps come by number,
// whatever else lies beside them.
func TestStepsComeByNumber(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t)
	folder := filepath.Join(c.Root, "site", "content", "steps")
	for _, name := range []string{"10-last.md", "09-before.md", "notes.md", "3-short.md", "11-no-lesson.txt"} {
		coursetest.Write(t, filepath.Join(folder, name), "---\ntitle: x\n---\n")
	}
	c = coursetest.Open(t, c.Root)
	var names []string
	for _, s := range c.Steps {
		names = append(names, s.Name)
	}
	assert.Equal(t, []string{"01-adding", "02-doubling", "09-before", "10-last"}, names)
	assert.Equal(t, "09-before", c.Next(c.Step(2)).Name, "numbers may leave gaps")
	assert.Nil(t, c.Next(c.Step(10)), "the last has none after it")
	assert.Nil(t, c.Next(&course.Step{Number: 1}), "nor has a step of another course")
	for _, number := range []int{-1, 0, 3, 11} {
		assert.Nil(t, c.Step(number), "there is no step %d", number)
	}
}

func TestACourseWithoutLessonsHasNoSteps(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t)
	for _, s := range c.Steps {
		require.NoError(t, os.Remove(s.LessonPath))
	}
	c = coursetest.Open(t, c.Root)
	assert.Empty(t, c.Steps)
	_, err := c.Find("1", c.Root)
	assert.EqualError(t, err, `there is no step "1"; this course has no steps`)
}

func TestOpenSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	coursetest.Write(t, filepath.Join(dir, "go.work"), "go 1.26\n") // another workspace
	_, err := course.Open(dir)
	require.ErrorIs(t, err, course.ErrNoCourse)
	assert.EqualError(t, err, dir+": no go.work with site/content/steps beside it, here or in a folder above")
}

func TestFindFollowsPaths(t *testing.T) {
	t.Parallel()
	c := coursetest.New(t)
	for _, from := range []struct{ arg, cwd, want string }{
		{"../02-doubling", "steps/01-adding", "02-doubling"},
		{filepath.Join(c.Root, "solutions", "02-doubling"), "", "02-doubling"},
		{"number", "steps/01-adding", "01-adding"},
		{".", "solutions/01-adding", "01-adding"},
		{"2", "steps/01-adding", "02-doubling"}, // a number before the folder one stands in
	} {
		s, err := c.Find(from.arg, filepath.Join(c.Root, from.cwd))
		require.NoError(t, err, "%q from %s", from.arg, from.cwd)
		assert.Equal(t, from.want, s.Name, "%q from %s", from.arg, from.cwd)
	}
	for _, arg := range []string{"site", "..", "steps", "steps/01-adding/main.go", "steps/03-gone"} {
		_, err := c.Find(arg, c.Root)
		var unknown *course.UnknownStepError
		require.ErrorAs(t, err, &unknown, arg)
		assert.Equal(t, arg, unknown.Name)
	}
}
