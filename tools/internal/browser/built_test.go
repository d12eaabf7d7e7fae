package browser

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/site"
)

// built is the static site, as `site build` writes it.
type built struct {
	dir   string
	paths []string // of its pages, home first
	err   error
}

// buildSite builds it once for all tests.
var buildSite = sync.OnceValue(func() built {
	here, err := os.Getwd()
	if err != nil {
		return built{err: err}
	}
	c, err := course.Open(here)
	if err != nil {
		return built{err: err}
	}
	s, err := site.Open(c)
	if err != nil {
		return built{err: err}
	}
	dir := filepath.Join(folder, "site")
	return built{dir: dir, paths: s.Paths(), err: s.Build(dir)}
})

func builtSite(t *testing.T) built {
	t.Helper()
	b := buildSite()
	require.NoError(t, b.err, "the site can't be built: go run ./tools/cmd/site check")
	return b
}

// kinds are the paths of one page of each kind, and all guides, since each is made by
// hand: the last lesson, which has every part, and the first mistakes and changes, which
// have what others have, only less of it.
func (b built) kinds() []string {
	var list []string
	pages := map[string][]string{}
	for _, page := range b.paths {
		dir := path.Dir(page)
		if dir == "." || dir == "guides" {
			list = append(list, page)
		}
		pages[dir] = append(pages[dir], page)
	}
	lessons := pages["steps"]
	return append(list, lessons[len(lessons)-1], pages["mistakes"][0], pages["changes"][0])
}

// step is the path of a step's page by its number, such as "08".
func (b built) step(t *testing.T, number string) string {
	t.Helper()
	for _, path := range b.paths {
		if strings.HasPrefix(path, "steps/"+number) {
			return path
		}
	}
	require.FailNow(t, "there is no step "+number)
	return ""
}
