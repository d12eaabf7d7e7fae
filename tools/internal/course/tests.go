package course

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// TestFiles are the course's test files: all *_test.go below the solution, as paths
// relative to it, with slashes, in lexical order.
func (s *Step) TestFiles() ([]string, error) { return testFiles(s.SolutionDir) }

// testFiles are the test files below a folder, as [Step.TestFiles] gives them.
func testFiles(dir string) ([]string, error) {
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(files, func(name string) bool { return !IsTest(name) }), nil
}

// IsTest reports whether a file holds tests, which are the course's and not the learner's.
func IsTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// Test is a top-level test, as it stands in a module's source.
type Test struct {
	Name    string
	File    string // relative to the module, with slashes
	Task    int    // as it tells the lab, with lab.Task(t, 2); 0 for a guard
	Promise string // the function of the contract that it calls, and nothing else; "" for any other test
}

// Tests are the top-level tests of the module in a folder, in the order of its files and
// their lines. TestMain is none.
func Tests(dir string) ([]Test, error) {
	files, err := testFiles(dir)
	if err != nil {
		return nil, err
	}
	var tests []Test
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, filepath.FromSlash(name)), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read the tests of %s: %w", dir, err)
		}
		for _, t := range testsOf(file) {
			t.File = name
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// testsOf lists the test functions of a file.
func testsOf(file *ast.File) []Test {
	lab, contract := importName(file, labPath), importName(file, contractPath)
	var list []Test
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") || fn.Name.Name == "TestMain" {
			continue
		}
		list = append(list, Test{Name: fn.Name.Name, Task: taskIn(fn, lab), Promise: onlyCall(fn, contract)})
	}
	return list
}

const (
	// labPath is the package whose Task tells a test's task.
	labPath = modulePrefix + "tools/lab"
	// contractPath is the package with what the API promises in every step, as tests.
	contractPath = labPath + "/contract"
)

// importName is what a file calls a package, "" when it doesn't import it.
func importName(file *ast.File, of string) string {
	for _, imp := range file.Imports {
		if name, _ := strconv.Unquote(imp.Path.Value); name != of {
			continue
		}
		if imp.Name != nil {
			return imp.Name.Name
		}
		return path.Base(of)
	}
	return ""
}

// onlyCall is the function of a package that is all that a test calls, with its own
// parameter; "" when it does something else.
func onlyCall(fn *ast.FuncDecl, pkg string) string {
	params := fn.Type.Params.List
	if pkg == "" || fn.Body == nil || len(fn.Body.List) != 1 || len(params) != 1 || len(params[0].Names) != 1 {
		return ""
	}
	statement, ok := fn.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return ""
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return ""
	}
	called, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	from, ok := called.X.(*ast.Ident)
	argument, ok2 := call.Args[0].(*ast.Ident)
	if !ok || !ok2 || from.Name != pkg || argument.Name != params[0].Names[0].Name {
		return ""
	}
	return called.Sel.Name
}

// taskIn is the number in the test's call of lab.Task, 0 without one.
func taskIn(fn *ast.FuncDecl, lab string) int {
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
