package verify

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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
	files, err := course.Files(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]declaration{}
	for _, rel := range files {
		if !isTest(rel) {
			continue
		}
		path := filepath.Join(dir, rel)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse tests: %w", err)
		}
		for _, d := range testsOf(file) {
			d.File = path
			found[d.Name] = d
		}
	}
	return found, nil
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

// testsOf lists the test functions of a file.
func testsOf(file *ast.File) []declaration {
	lab := labName(file)
	var list []declaration
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") || fn.Name.Name == "TestMain" {
			continue
		}
		list = append(list, declaration{Name: fn.Name.Name, Task: taskOf(fn, lab)})
	}
	return list
}

// labName is what a file calls the lab, "" when it doesn't import it.
func labName(file *ast.File) string {
	for _, imp := range file.Imports {
		if path, _ := strconv.Unquote(imp.Path.Value); path != labPath {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return "lab"
	}
	return ""
}

// taskOf is the number in the test's call of lab.Task, 0 without one.
func taskOf(fn *ast.FuncDecl, lab string) int {
	task := 0
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Task" {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		number, isLit := call.Args[1].(*ast.BasicLit)
		if ok && isLit && lab != "" && pkg.Name == lab {
			task, _ = strconv.Atoi(number.Value)
		}
		return true
	})
	return task
}

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
