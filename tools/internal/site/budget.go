package site

import (
	"compress/gzip"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/markup"
)

// What a reader downloads at most, gzipped, in bytes.
const (
	scriptBudget = 10 << 10  // of a page, linked and inline
	styleBudget  = 10 << 10  // likewise
	pageBudget   = 60 << 10  // of its HTML
	diffBudget   = 120 << 10 // of the HTML of pages that are made of diffs
	indexBudget  = 150 << 10 // of the search, loaded when it is first used
)

// checkBudgets finds pages that are too heavy.
func (s *Site) checkBudgets(pages []rendered) content.Findings {
	weigh := &scales{site: s, known: map[string]int{}}
	all := make([]content.Findings, len(pages))
	parallel(len(pages), func(i int) { all[i] = weigh.page(pages[i]) })
	var found content.Findings
	for _, of := range all {
		found = append(found, of...)
	}
	index, err := s.SearchIndex()
	switch size := gzipped(index); {
	case err != nil:
		found = append(found, content.Finding{File: "site/content", What: err.Error()})
	case size > indexBudget:
		found = append(found, content.Finding{File: "site/content", What: fmt.Sprintf("%s has %s gzipped; at most %s", indexName, kilobytes(size), kilobytes(indexBudget))})
	}
	return found
}

// scales weigh assets once for all pages.
type scales struct {
	site  *Site
	mu    sync.Mutex
	known map[string]int // by name
}

func (w *scales) page(p rendered) content.Findings {
	var found content.Findings
	over := func(what string, size, budget int) {
		if size > budget {
			found = append(found, content.Finding{File: p.source, What: fmt.Sprintf("%s has %s of %s gzipped; at most %s", p.path, kilobytes(size), what, kilobytes(budget))})
		}
	}
	budget := pageBudget
	if p.kind == "mistakes" || p.kind == "changes" {
		budget = diffBudget
	}
	over("HTML", gzipped(p.html), budget)
	over("script", w.assets(p.path, p.Scripts)+gzipped([]byte(p.Inline[markup.InlineScript])), scriptBudget)
	over("style", w.assets(p.path, p.Styles)+gzipped([]byte(p.Inline[markup.InlineStyle])), styleBudget)
	if live := markup.Scan(string(p.live)); live != nil {
		over("script (served live)", w.assets(p.path, live.Scripts), scriptBudget)
		over("style (served live)", w.assets(p.path, live.Styles), styleBudget)
	}
	return found
}

// assets is the size of the assets that a page links to. One that isn't there weighs
// nothing: it is a dead link.
func (w *scales) assets(page string, links []string) int {
	sum := 0
	for _, link := range links {
		name := strings.TrimPrefix(path.Join(path.Dir(page), link), "assets/")
		sum += w.asset(name)
	}
	return sum
}

func (w *scales) asset(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	size, ok := w.known[name]
	if !ok {
		src, _ := w.site.Asset(name)
		size = gzipped(src)
		w.known[name] = size
	}
	return size
}

// gzipped is the size of a text as servers send it.
func gzipped(src []byte) int {
	if len(src) == 0 {
		return 0
	}
	var n counter
	w := gzip.NewWriter(&n)
	_, _ = w.Write(src) // a counter takes everything
	_ = w.Close()
	return int(n)
}

// counter counts what is written to it.
type counter int

var _ io.Writer = new(counter)

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func kilobytes(n int) string { return fmt.Sprintf("%.1f KB", float64(n)/1024) }
