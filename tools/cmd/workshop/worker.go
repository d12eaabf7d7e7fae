package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"

	"example.com/boxoffice/tools/internal/cli"
)

// workerOf is the subcommand that runs the worker of a module's API, as its TestMain
// tells the lab: lab.Worker("work"). It is "" for an API without a worker.
func workerOf(dir string) (command string, err error) {
	path := filepath.Join(dir, "main_test.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", &cli.Problem{
			What: fmt.Sprintf("can't read from %s whether the API has a worker", path), Why: err,
			Next: "git checkout -- " + path + "     (the file belongs to the course)",
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		called, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || called.Sel.Name != "Worker" {
			return true
		}
		if text, ok := call.Args[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
			command, _ = strconv.Unquote(text.Value)
		}
		return true
	})
	return command, nil
}
