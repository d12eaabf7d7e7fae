package verify

import (
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"

	"example.com/boxoffice/tools/internal/course"
)

// declaration is a test function in a step's source.
type declaration struct {
	Name string
	File string // absolute
	Task int    // as it tells the lab; 0 for a guard
}

// declarations reads the tests of a module from its source, by name.
func declarations(dir string) (map[string]declaration, error) {
	tests, err := course.Tests(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]declaration{}
	for _, t := range tests {
		found[t.Name] = declaration{t.Name, filepath.Join(dir, t.File), t.Task}
	}
	return found, nil
}

func isTest(path string) bool { return course.IsTest(path) }

// imports lists what a Go file imports.
func importsOf(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("parse imports: %w", err)
	}
	var list []string
	for _, imp := range file.Imports {
		p, _ := strconv.Unquote(imp.Path.Value)
		list = append(list, p)
	}
	slices.Sort(list)
	return list, nil
}
