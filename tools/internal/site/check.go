package site

import (
	"fmt"
	"net/url"
	"path"
	"runtime"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/markup"
)

// indexName is the file of the search, beside index.html.
const indexName = "search-index.js"

// rendered is a page as it would be written, and what the checks know of it.
type rendered struct {
	*page
	html []byte
	live []byte // as the companion would serve it
	*markup.Page
}

// Check renders everything and returns all that is wrong, in the order of files and
// lines: with the content, with links and anchors, with the size of pages. It is empty
// for a site that can be published.
func (s *Site) Check() content.Findings {
	_, found := s.renderAll()
	return found
}

// renderAll renders all pages side by side, and checks them.
func (s *Site) renderAll() ([]rendered, content.Findings) {
	found := append(content.Findings{}, s.findings...)
	pages := make([]rendered, len(s.order))
	failed := make([]error, len(s.order))
	parallel(len(s.order), func(i int) {
		p := s.order[i]
		pages[i] = rendered{page: p}
		if pages[i].html, failed[i] = s.Render(p.path, Options{}); failed[i] != nil {
			return
		}
		pages[i].live, failed[i] = s.Render(p.path, Options{Live: true, Token: "token"})
		pages[i].Page = markup.Scan(string(pages[i].html))
	})
	for i, err := range failed {
		if err != nil {
			return nil, append(found, content.Finding{File: "site/templates", What: fmt.Sprintf("%s: %v", s.order[i].path, err)})
		}
	}
	for _, p := range s.order {
		found = append(found, p.built.findings...)
	}
	found = append(found, s.checkLinks(pages)...)
	found = append(found, s.checkBudgets(pages)...)
	found = append(found, s.checkDrawing()...)
	return pages, found.Sorted()
}

// parallel calls do for 0 to n-1, on as many goroutines as there are cores.
func parallel(n int, do func(i int)) {
	var next sync.Mutex
	at := 0
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for {
				next.Lock()
				i := at
				at++
				next.Unlock()
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	running.Wait()
}

// checkLinks finds links of pages that lead nowhere: first those that stand in Markdown,
// whose line is known, then all others.
func (s *Site) checkLinks(pages []rendered) content.Findings {
	var found content.Findings
	ids := map[string]map[string]bool{}
	for _, p := range pages {
		ids[p.path] = p.IDs
	}
	told := map[string]bool{}
	for _, p := range pages {
		for _, r := range p.built.links {
			if r.anchor != "" && !ids[r.page][r.anchor] {
				r.from.What = fmt.Sprintf("links to %s#%s, but the page has no such place", r.page, r.anchor)
				found = append(found, r.from)
				told[r.page+"#"+r.anchor] = true
			}
		}
	}
	for _, p := range pages {
		for _, fault := range p.Faults {
			found = append(found, content.Finding{File: p.source, What: p.path + ": " + fault})
		}
		for _, link := range p.Links {
			if what := s.dead(p.path, link, ids, told); what != "" {
				found = append(found, content.Finding{File: p.source, What: p.path + " " + what})
			}
		}
	}
	return found
}

// dead says what is wrong with a link of a page; "" for one that leads somewhere, or that
// is told of already.
func (s *Site) dead(from, link string, ids map[string]map[string]bool, told map[string]bool) string {
	u, err := url.Parse(link)
	switch {
	case err != nil:
		return fmt.Sprintf("links to %s, which is no address", link)
	case u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "mailto" || u.Scheme == "data":
		return ""
	case strings.HasPrefix(u.Path, "/"):
		return fmt.Sprintf("links to %s, which works at the root of a server alone", link)
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	places, isPage := ids[to]
	switch {
	case isPage && (u.Fragment == "" || places[u.Fragment] || told[to+"#"+u.Fragment]):
		return ""
	case isPage:
		return fmt.Sprintf("links to %s, but the page has no such place", link)
	case to == indexName:
		return ""
	}
	if name, ok := strings.CutPrefix(to, "assets/"); ok {
		if _, err := s.Asset(name); err == nil {
			return ""
		}
	}
	return fmt.Sprintf("links to %s, which isn't there", link)
}
