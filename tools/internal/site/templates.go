package site

import (
	"fmt"
	"html/template"
	"os"
	"path/filepath"
)

// readTemplates parses all templates of a folder into one set.
func readTemplates(dir string) (*template.Template, error) {
	assets := filepath.Join(filepath.Dir(dir), "assets")
	functions := template.FuncMap{
		"duration": duration,
		"plural":   plural,
		"svg":      func(name string) (template.HTML, error) { return readSVG(assets, name) },
	}
	t, err := template.New("site").Funcs(functions).ParseGlob(filepath.Join(dir, "*.html"))
	if err != nil {
		return nil, fmt.Errorf("read the templates of %s: %w", dir, err)
	}
	return t.Option("missingkey=error"), nil
}

// duration is a number of minutes in words: "1 h 35 min".
func duration(minutes int) string {
	switch hours, rest := minutes/60, minutes%60; {
	case hours == 0:
		return fmt.Sprintf("%d min", rest)
	case rest == 0:
		return fmt.Sprintf("%d h", hours)
	default:
		return fmt.Sprintf("%d h %d min", hours, rest)
	}
}

// plural is a count with its noun: "1 task", "3 tasks".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// readSVG is a drawing of the assets, to stand in a page.
func readSVG(assets, name string) (template.HTML, error) {
	src, err := os.ReadFile(filepath.Join(assets, filepath.Base(name)))
	return template.HTML(src), err
}
