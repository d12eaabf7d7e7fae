package course_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestTestFilesAreTheSolutions(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	coursetest.Write(t, filepath.Join(s.Dir, "own_test.go"), "package main\n")
	coursetest.Write(t, filepath.Join(s.SolutionDir, "wrong-answers", "x_test.go"), "package main\n")
	coursetest.Write(t, filepath.Join(s.SolutionDir, "testing.go"), "package main\n")
	coursetest.Write(t, filepath.Join(s.SolutionDir, "a", "z_test.go"), "package a\n")
	names, err := s.TestFiles()
	require.NoError(t, err)
	assert.Equal(t, []string{"a/z_test.go", "main_test.go", "number/sums_test.go"}, names)
}

func TestTestFilesNameAFolderThatIsGone(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	require.NoError(t, os.RemoveAll(s.SolutionDir))
	_, err := s.TestFiles()
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "list the files of "+s.SolutionDir)
}

func TestTestsAreReadFromTheSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	coursetest.Write(t, filepath.Join(dir, "main_test.go"), `package main
import "example.com/boxoffice/tools/lab"
func TestMain(m *testing.M) { lab.Main(m, main) }
`)
	coursetest.Write(t, filepath.Join(dir, "one_test.go"), `package main
import "example.com/boxoffice/tools/lab"
func TestLast(t *testing.T) { t.Parallel(); lab.Task(t, 2) }
func TestFirst(t *testing.T) {
	if testing.Short() {
		return
	}
	lab.Task(t, 12)
}
func TestGuard(t *testing.T) { contract.Guard(t) }
func (s suite) TestOfASuite(t *testing.T) { lab.Task(t, 1) }
func helps(t *testing.T) { lab.Task(t, 1) }
`)
	coursetest.Write(t, filepath.Join(dir, "sub", "two_test.go"), `package sub
import bench "example.com/boxoffice/tools/lab"
func TestRenamed(t *testing.T) { bench.Task(t, 3) }
func TestOfAnother(t *testing.T) { lab.Task(t, 3) }
func TestNotANumber(t *testing.T) { bench.Task(t, three) }
`)
	coursetest.Write(t, filepath.Join(dir, "third_test.go"), `package main
import "example.com/another/lab"
func TestAnotherLab(t *testing.T) { lab.Task(t, 4) }
`)
	tests, err := course.Tests(dir)
	require.NoError(t, err)
	assert.Equal(t, []course.Test{
		{Name: "TestLast", File: "one_test.go", Task: 2},
		{Name: "TestFirst", File: "one_test.go", Task: 12},
		{Name: "TestGuard", File: "one_test.go"},
		{Name: "TestRenamed", File: "sub/two_test.go", Task: 3},
		{Name: "TestOfAnother", File: "sub/two_test.go"},
		{Name: "TestNotANumber", File: "sub/two_test.go"},
		{Name: "TestAnotherLab", File: "third_test.go"},
	}, tests)
}

func TestTestsThatDontParseAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	coursetest.Write(t, filepath.Join(dir, "broken_test.go"), "package main\nfunc TestX(t *testing.T) {\n")
	_, err := course.Tests(dir)
	require.ErrorContains(t, err, "read the tests of "+dir+": "+filepath.Join(dir, "broken_test.go")+":2:")
}

func TestOnlyTestFilesAreTests(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"main_test.go": true, "sub/x_test.go": true, "main.go": false, "test.go": false, "x_test.go.txt": false, "x_test.sql": false,
	} {
		assert.Equal(t, want, course.IsTest(name), name)
	}
}
