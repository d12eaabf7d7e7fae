package companion

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// Pages are the site's. All of its methods may be called at the same time, and return an
// error that is fs.ErrNotExist for what there isn't.
type Pages interface {
	// Page is the page at a path such as "steps/06-pooling.html", alive, with the token
	// that its actions need.
	Page(path, token string) ([]byte, error)
	// Comparison is the page that shows the learner's code of a step against the solution.
	Comparison(step *course.Step, token string) ([]byte, error)
	// Missing is what to show at a path where no page is.
	Missing(path, token string) ([]byte, error)
	// Asset is a file such as "site.css".
	Asset(name string) ([]byte, error)
	// SearchIndex is the script that search loads.
	SearchIndex() ([]byte, error)
}

// types are the content types of what a site holds.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".ico":  "image/x-icon",
}

// servePage answers GET for all that is no action.
func (c *Companion) servePage(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	content, err := c.content(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.serveMissing(w, name)
	case err != nil:
		http.Error(w, fmt.Sprintf("The page %s can't be made: %v", r.URL.Path, err), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", types[path.Ext(name)])
		_, _ = w.Write(content)
	}
}

// serveMissing answers with a page that leads back, where somebody may have looked for one.
func (c *Companion) serveMissing(w http.ResponseWriter, name string) {
	if ext := path.Ext(name); ext == "" || ext == ".html" {
		if content, err := c.Pages.Missing(name, c.token); err == nil {
			w.Header().Set("Content-Type", types[".html"])
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write(content)
			return
		}
	}
	http.Error(w, "There is no "+name+". The first page is /index.html.", http.StatusNotFound)
}

// content is what stands at a path of the site. Only names lead to it; none is opened as
// a file.
func (c *Companion) content(name string) ([]byte, error) {
	if types[path.Ext(name)] == "" {
		return nil, fs.ErrNotExist
	}
	if asset, ok := strings.CutPrefix(name, "assets/"); ok {
		if strings.Contains(asset, "/") {
			return nil, fs.ErrNotExist
		}
		return c.Pages.Asset(asset)
	}
	if name == "search-index.js" {
		return c.Pages.SearchIndex()
	}
	if dir, file := path.Split(name); file == "diff.html" {
		step := c.find(path.Base(dir))
		if step == nil || dir != "steps/"+step.Name+"/" {
			return nil, fs.ErrNotExist
		}
		return c.Pages.Comparison(step, c.token)
	}
	return c.Pages.Page(name, c.token)
}
