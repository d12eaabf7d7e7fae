package site

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yuin/goldmark/util"

	"example.com/boxoffice/tools/internal/excerpt"
	"example.com/boxoffice/tools/internal/site/content"
	"example.com/boxoffice/tools/internal/site/draw"
)

// journeyFile holds the measurements of the whole workshop, for home.
const journeyFile = "site/data/journey.json"

// journeyDrawing is the journey's chart as a file, for the README.
const journeyDrawing = "site/data/journey.svg"

// chart draws the measurements that a fence names.
func (d *document) chart(w util.BufWriter, offset int, f excerpt.Fence) {
	if f.File == "" {
		d.failed(w, offset, "a chart without a file=")
		return
	}
	c, err := d.site.readChart(f.File)
	if err != nil {
		d.failed(w, offset, "draws %s: %v", f.File, err)
		return
	}
	w.WriteString(string(c.Figure()))
}

// measuredJourney is home's chart; "" until it is measured.
func (s *Site) measuredJourney(b *build) template.HTML {
	c, err := s.readChart(journeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ""
	case err != nil:
		b.findings = append(b.findings, content.Finding{File: journeyFile, What: err.Error()})
		return ""
	}
	return c.Figure()
}

// readChart reads a file of measurements, from the course's root.
func (s *Site) readChart(file string) (*draw.Chart, error) {
	return draw.ReadChart(filepath.Join(s.course.Root, filepath.FromSlash(file)))
}

// Draw writes the journey's chart as a file for the README, and returns its path; "" while
// there is nothing to draw.
func (s *Site) Draw() (path string, err error) {
	c, err := s.readChart(journeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", journeyFile, err)
	}
	path = filepath.Join(s.course.Root, filepath.FromSlash(journeyDrawing))
	return path, os.WriteFile(path, c.SVG(), 0o666)
}

// checkDrawing finds a drawing that isn't that of the journey's figures.
func (s *Site) checkDrawing() []content.Finding {
	c, err := s.readChart(journeyFile)
	if err != nil {
		return nil // home says so, if it should be there
	}
	drawn, err := os.ReadFile(filepath.Join(s.course.Root, filepath.FromSlash(journeyDrawing)))
	if err == nil && bytes.Equal(drawn, c.SVG()) {
		return nil
	}
	return []content.Finding{{File: journeyDrawing, What: "isn't what " + journeyFile + " says; to draw it: go tool workshop site draw"}}
}
