package site

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

// fixture is a small course with a site that has something of everything.
type fixture struct {
	t    testing.TB
	root string
}

func newFixture(t testing.TB) fixture {
	t.Helper()
	f := fixture{t, coursetest.New(t).Root}
	overlay := os.DirFS(filepath.Join("testdata", "course"))
	require.NoError(t, fs.WalkDir(overlay, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(overlay, name)
		f.write(name, string(src))
		return err
	}))
	c, err := course.Open(f.root)
	require.NoError(t, err)
	for _, step := range c.Steps {
		src, err := step.MakeStarterPatch()
		require.NoError(t, err)
		coursetest.Write(t, filepath.Join(step.SolutionDir, course.StarterFile), string(src))
	}
	return f
}

func (f fixture) write(name, text string) {
	f.t.Helper()
	coursetest.Write(f.t, filepath.Join(f.root, filepath.FromSlash(name)), text)
}

// replace changes what stands in a file.
func (f fixture) replace(name, old, new string) {
	f.t.Helper()
	src, err := os.ReadFile(filepath.Join(f.root, filepath.FromSlash(name)))
	require.NoError(f.t, err)
	require.Contains(f.t, string(src), old, name)
	f.write(name, strings.Replace(string(src), old, new, 1))
}

func (f fixture) remove(name string) {
	f.t.Helper()
	require.NoError(f.t, os.Remove(filepath.Join(f.root, filepath.FromSlash(name))))
}

func (f fixture) open() *Site {
	f.t.Helper()
	s, err := Open(coursetest.Open(f.t, f.root))
	require.NoError(f.t, err)
	return s
}

// render is a page of the fixture as it is now.
func (f fixture) render(path string) string {
	f.t.Helper()
	page, err := f.open().Render(path, Options{})
	require.NoError(f.t, err)
	return string(page)
}
