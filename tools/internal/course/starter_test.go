package course_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

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

// What somebody reads who asked for `reset`: the step, the two things that don't fit
// together, and why.
func TestStarterErrorsSayWhatDoesntFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(t *testing.T, s *course.Step)
		says   []string
	}{
		"no patch": {func(t *testing.T, s *course.Step) {
			require.NoError(t, os.Remove(filepath.Join(s.SolutionDir, course.StarterFile)))
		}, []string{"starter.patch: no such file or directory"}},
		"no patch inside": {func(t *testing.T, s *course.Step) {
			coursetest.Write(t, filepath.Join(s.SolutionDir, course.StarterFile), "--- a/main.go\n")
		}, nil},
		"changed solution": {func(t *testing.T, s *course.Step) {
			coursetest.Write(t, filepath.Join(s.SolutionDir, "main.go"), "package main\n")
		}, []string{"main.go"}},
		"no solution": {func(t *testing.T, s *course.Step) {
			require.NoError(t, os.RemoveAll(s.SolutionDir))
		}, []string{"list the files of ", "no such file or directory"}},
		"empty solution": {func(t *testing.T, s *course.Step) {
			require.NoError(t, os.RemoveAll(s.SolutionDir))
			require.NoError(t, os.Mkdir(s.SolutionDir, 0o755))
		}, []string{"solutions/01-adding is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := coursetest.New(t).Steps[0]
			c.breaks(t, s)
			_, err := s.Starter()
			var e *course.StarterError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, s, e.Step)
			for _, want := range append(c.says, "make the starter of 01-adding from its solution and starter.patch: ") {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestStarterPatchIsReadable(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	coursetest.Write(t, filepath.Join(s.Dir, "new.sql"), "-- new\n")
	require.NoError(t, os.Remove(filepath.Join(s.Dir, "number", "number.go")))
	src, err := s.MakeStarterPatch()
	require.NoError(t, err)
	assert.Contains(t, string(src), "What `workshop reset 01` takes back from the solution. Made by `go tool workshop starter 1`.\n\n")
	coursetest.Write(t, filepath.Join(s.SolutionDir, course.StarterFile), string(src))
	want, err := s.Mine()
	require.NoError(t, err)
	got, err := s.Starter()
	require.NoError(t, err)
	assert.Equal(t, want, got, "added and removed files, too")
	assert.NotContains(t, got, "number/number.go")
}

func TestBinaryStarterIsRefused(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	coursetest.Write(t, filepath.Join(s.Dir, "logo.png"), "PNG\x00")
	_, err := s.MakeStarterPatch()
	assert.ErrorContains(t, err, "logo.png is binary; a patch can't hold it")
}
