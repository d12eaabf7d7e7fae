package site

import (
	"encoding/json"

	"github.com/yuin/goldmark/ast"
)

// entry is a place that the search can find.
type entry struct {
	Title   string `json:"t"` // of the page
	Heading string `json:"h"` // of the section; "" for the page's beginning
	Path    string `json:"u"` // from the root of the site, with the anchor
	Text    string `json:"x"`
}

// index adds a section to the search.
func (b *build) index(d *document, title, heading, anchor string, nodes []ast.Node) {
	e := entry{Title: title, Heading: heading, Path: b.view.Path}
	if anchor != "" {
		e.Path += "#" + anchor
	}
	for _, n := range nodes {
		if said := d.text(n); said != "" {
			if e.Text != "" {
				e.Text += " "
			}
			e.Text += said
		}
	}
	b.entries = append(b.entries, e)
}

// SearchIndex is search-index.js: all that the search looks through.
func (s *Site) SearchIndex() ([]byte, error) {
	var all []entry
	for _, p := range s.order {
		all = append(all, s.built(p).entries...)
	}
	list, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return append(append([]byte("window.searchIndex="), list...), ";\n"...), nil
}
