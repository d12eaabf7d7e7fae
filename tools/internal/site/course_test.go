package site

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

// TestTheCoursesOwnSite builds the real site: nothing may be wrong with it, and what is
// written has to be what was promised.
func TestTheCoursesOwnSite(t *testing.T) {
	c, err := course.Open(".")
	require.NoError(t, err)
	began := time.Now()
	s, err := Open(c)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "site")
	require.NoError(t, s.Build(dir))
	t.Logf("built in %.1f s", time.Since(began).Seconds())

	written := 0
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".html" {
			return err
		}
		written++
		src, err := os.ReadFile(filepath.Join(dir, name))
		for _, never := range []string{`class="finding"`, "data-token", "live.js", `href="/`, `src="/`, c.Root} {
			assert.False(t, strings.Contains(string(src), never), "%s holds %s", name, never)
		}
		return err
	}))
	assert.Equal(t, len(s.Paths()), written)
	assert.GreaterOrEqual(t, written, 3*len(c.Steps), "a lesson, its mistakes and its changes for each step")
}
