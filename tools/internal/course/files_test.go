package course_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestFilesLeavesOutWhatIsNotTheModule(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	for _, f := range []string{".git/config", "adding.test", "cpu.prof", "wrong-answers/a.patch", "sub/main.out"} {
		coursetest.Write(t, filepath.Join(s.Dir, f), "")
	}
	files, err := course.Files(s.Dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"go.mod", "main.go", "main_test.go", "number/number.go", "number/sums_test.go"}, files)
}

func TestFilesKeepsNeitherLinksNorFoldersOfTheSameName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "06-pooling")
	for _, name := range []string{"a.go", "deep/b.go", "deep/.hidden/c.go", "deep/06-pooling", "deep/starter.patch", "data.test/d.txt"} {
		coursetest.Write(t, filepath.Join(dir, name), "")
	}
	coursetest.Write(t, filepath.Join(dir, "06-pooling"), "the command that go build leaves")
	require.NoError(t, os.Symlink("a.go", filepath.Join(dir, "link.go")))
	files, err := course.Files(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"a.go", "data.test/d.txt", "deep/06-pooling", "deep/b.go", "deep/starter.patch"}, files)
}

func TestFilesNamesAFolderThatIsGone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	_, err := course.Files(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "list the files of "+dir)
}

// What Belongs says of a path alone is what Files finds in the folder.
func TestBelongsAgreesWithFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "06-pooling")
	for name, want := range map[string]bool{
		"main.go": true, "deep/b.go": true, "deep/06-pooling": true, "deep/starter.patch": true, "data.test/d.txt": true, "deep/wrong-answers/x": true,
		"06-pooling": false, "starter.patch": false, "wrong-answers/a.patch": false, "right-answers/a.patch": false,
		".git/config": false, "deep/.hidden/c.go": false, ".env": false, "pooling.test": false, "deep/cpu.prof": false, "main.out": false,
	} {
		coursetest.Write(t, filepath.Join(dir, name), "")
		assert.Equal(t, want, course.Belongs("06-pooling", name), name)
		files, err := course.Files(dir)
		require.NoError(t, err)
		assert.Equal(t, want, slices.Contains(files, name), name)
	}
}
