package main_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

var (
	sqlLibraries  = []string{"database/sql", "github.com/jmoiron/sqlx", "github.com/lib/pq", "github.com/jackc/pgx"}
	httpLibraries = []string{"github.com/gin-gonic/gin"}
)

func TestHandlersReachNoSQL(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	module := listModule(t)
	handlers := 0
	for _, p := range module {
		if p.Name == "main" || p.Name != "httpapi" && !p.imports(httpLibraries) {
			continue
		}
		handlers++
		requireNoPath(t, module, p, sqlLibraries, "the packages that answer requests reach no SQL library",
			"A handler with SQL in it can't be tested without a database, and can't change without the schema in mind.")
	}
	lab.Require(t, handlers > 0, lab.Finding{
		Measured: "no package is called httpapi, and none imports gin",
		Expected: "a package of its own that answers requests",
		Why:      "Whoever opens the tree must find the routes without a search.",
	})
}

func TestDomainStandsAlone(t *testing.T) {
	t.Parallel()
	module := listModule(t)
	i := slices.IndexFunc(module, func(p goPackage) bool { return p.Name == "boxoffice" })
	lab.Require(t, i >= 0, lab.Finding{
		Measured: "no package is called boxoffice",
		Expected: "the package boxoffice, with the types, the errors and the rules",
		Why:      "Rules without a room of their own end up everywhere.",
	})
	requireNoPath(t, module, module[i], slices.Concat(sqlLibraries, httpLibraries),
		"package boxoffice reaches neither gin nor sqlx nor lib/pq nor database/sql",
		"Rules that know HTTP or SQL must be rewritten with each change of either, and a worker or a command can't use them.")
}

// What is wired in main is as far from the layers as anything, and nobody looks for SQL or a
// route there.
func TestMainOnlyPutsTogether(t *testing.T) {
	t.Parallel()
	for _, p := range listModule(t) {
		if p.Name != "main" {
			continue
		}
		for _, path := range p.Imports {
			lab.Require(t, !within(path, slices.Concat(sqlLibraries, httpLibraries)), lab.Finding{
				Measured: fmt.Sprintf("%s imports %s", p.file(path), path),
				Expected: "package main makes the parts, and hands them to each other",
				Why:      "SQL that comes to a handler through a function of main is SQL in a handler, by a longer way. No test reaches it without the whole program.",
			})
		}
	}
}

// A handler that has the service has its store as well, if the service shows it.
func TestHandlersAskTheService(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	for _, p := range listModule(t) {
		if p.Name == "main" || p.Name != "httpapi" && !p.imports(httpLibraries) {
			continue
		}
		p.walk(t, func(file string, line int, node ast.Node) {
			selector, ok := node.(*ast.SelectorExpr)
			lab.Require(t, !ok || selector.Sel.Name != "Store", lab.Finding{
				Measured: fmt.Sprintf("line %d of %s uses the service's Store", line, file),
				Expected: "a handler asks the service",
				Why:      "What goes past the service goes past the rules: whose order it is, how many tickets, whether the evening has begun.",
			})
		})
	}
}

// The till at the door sells without HTTP.
func TestDomainKnowsNoStatuses(t *testing.T) {
	t.Parallel()
	statuses := []string{"400", "401", "403", "404", "409", "410", "412", "422", "429", "500", "503"}
	for _, p := range listModule(t) {
		if p.Name != "boxoffice" {
			continue
		}
		const why = "Which status an error has is for HTTP to say, in one place. A till, a worker and a command have other ways to say no."
		lab.Require(t, !slices.Contains(p.Imports, "net/http"), lab.Finding{
			Measured: p.file("net/http") + " imports net/http",
			Expected: "package boxoffice doesn't know that it is asked over HTTP",
			Why:      why,
		})
		p.walk(t, func(file string, line int, node ast.Node) {
			number, ok := node.(*ast.BasicLit)
			lab.Require(t, !ok || !slices.Contains(statuses, number.Value), lab.Finding{
				Measured: fmt.Sprintf("line %d of %s has the number %s, which is a status of HTTP", line, file, literal(number)),
				Expected: "errors with names, and a table in httpapi that knows their statuses",
				Why:      why,
			})
		})
	}
}

func literal(number *ast.BasicLit) string {
	if number == nil {
		return ""
	}
	return number.Value
}

// walk visits all that is written in the package's files.
func (p goPackage) walk(t *testing.T, visit func(file string, line int, node ast.Node)) {
	t.Helper()
	replaced := overlay()
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, cmp.Or(replaced[path], path), nil, parser.SkipObjectResolution)
		require.NoError(t, err, "read %s", path)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if node != nil {
				visit(filepath.Join(filepath.Base(p.Dir), name), files.Position(node.Pos()).Line, node)
			}
			return true
		})
	}
}

// requireNoPath demands that none of the libraries can be reached from a package
// through the packages of this module.
func requireNoPath(t *testing.T, module []goPackage, from goPackage, libraries []string, expected, why string) {
	t.Helper()
	chain := pathTo(module, from, libraries, nil)
	if chain == nil {
		return
	}
	last, library := chain[len(chain)-1], ""
	for _, path := range last.Imports {
		if library == "" && within(path, libraries) {
			library = path
		}
	}
	var names []string
	for _, p := range chain {
		names = append(names, p.Name)
	}
	lab.Require(t, false, lab.Finding{
		Measured: fmt.Sprintf("%s imports %s (%s)", last.file(library), library, strings.Join(append(names, library), " → ")),
		Expected: expected,
		Why:      why,
		Try:      "go list -deps ./" + from.Name,
	})
}

// pathTo returns the packages of the module over which from reaches one of the
// libraries, from itself included, or nil.
func pathTo(module []goPackage, from goPackage, libraries []string, seen []goPackage) []goPackage {
	seen = append(slices.Clone(seen), from)
	if from.imports(libraries) {
		return seen
	}
	for _, next := range module {
		isNew := !slices.ContainsFunc(seen, func(p goPackage) bool { return p.ImportPath == next.ImportPath })
		if isNew && slices.Contains(from.Imports, next.ImportPath) {
			if chain := pathTo(module, next, libraries, seen); chain != nil {
				return chain
			}
		}
	}
	return nil
}

// goPackage is what `go list` says of a package.
type goPackage struct {
	ImportPath, Name, Dir string
	GoFiles, Imports      []string
}

// listModule returns the packages of this module, without their tests.
func listModule(t *testing.T) []goPackage {
	t.Helper()
	output, err := exec.Command("go", "list", "-json=ImportPath,Name,Dir,GoFiles,Imports", "./...").Output()
	require.NoError(t, err, "go list says what a package imports. See what it says: go list ./...")
	var module []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(output))); decoder.More(); {
		var p goPackage
		require.NoError(t, decoder.Decode(&p), "read what go list says")
		module = append(module, p)
	}
	return module
}

func (p goPackage) imports(libraries []string) bool {
	return slices.ContainsFunc(p.Imports, func(path string) bool { return within(path, libraries) })
}

// within reports whether the import path is that of a library, or below it.
func within(path string, libraries []string) bool {
	return slices.ContainsFunc(libraries, func(library string) bool {
		return path == library || strings.HasPrefix(path, library+"/")
	})
}

// file returns the file of the package that imports path, such as
// httpapi/orders.go.
func (p goPackage) file(path string) string {
	replaced := overlay()
	for _, name := range p.GoFiles {
		file := filepath.Join(p.Dir, name)
		read := file
		if r := replaced[file]; r != "" {
			read = r
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), read, nil, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, spec := range parsed.Imports {
			if spec.Path.Value == strconv.Quote(path) {
				return filepath.Join(filepath.Base(p.Dir), name)
			}
		}
	}
	return "package " + p.Name
}

// overlay returns the files that the go command reads in place of others, when
// GOFLAGS has the flag -overlay.
func overlay() map[string]string {
	for flag := range strings.FieldsSeq(os.Getenv("GOFLAGS")) {
		name, found := strings.CutPrefix(flag, "-overlay=")
		if !found {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return nil
		}
		var overlay struct{ Replace map[string]string }
		_ = json.Unmarshal(content, &overlay)
		return overlay.Replace
	}
	return nil
}
