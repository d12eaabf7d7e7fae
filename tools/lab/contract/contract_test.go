package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// promises are the functions of this package that are whole tests, by their names:
// exported, called with a *testing.T alone, and returning nothing.
func promises(t *testing.T) map[string]*ast.FuncDecl {
	t.Helper()
	all := map[string]*ast.FuncDecl{}
	for name, fn := range functions(t, ".", func(file string) bool { return !strings.HasSuffix(file, "_test.go") }) {
		if fn.Name.IsExported() && fn.Type.Results == nil && fn.Type.Params.NumFields() == 1 {
			all[name] = fn
		}
	}
	require.NotEmpty(t, all)
	return all
}

// functions are those in the files of a folder that are wanted, by their names.
func functions(t *testing.T, dir string, wanted func(file string) bool) map[string]*ast.FuncDecl {
	t.Helper()
	all := map[string]*ast.FuncDecl{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if !wanted(path) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				all[fn.Name.Name] = fn
			}
		}
	}
	return all
}

// calls are the promises that a function calls.
func calls(fn *ast.FuncDecl) (names []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
			if s, ok := call.Fun.(*ast.SelectorExpr); ok {
				if of, ok := s.X.(*ast.Ident); ok && of.Name == "contract" {
					names = append(names, s.Sel.Name)
				}
			}
		}
		return true
	})
	return names
}

// since are the promises that begin behind step 01, and the step that they begin with, beside
// the rules, which begin in step 02.
var since = map[string]int{
	"ColumnsMayBeAdded":            2,
	"NumbersMayBeLarge":            2,
	"UnreadableRedisURLIsNotShown": 5,
	"OrdersComeInPages":            7,
	"UnreadableCacheURLIsNotShown": 8,
}

// A promise that no test calls would be broken unseen. The steps' own folders have the same
// tests as the solutions', as verify checks.
func TestEveryStepCallsEveryPromise(t *testing.T) {
	t.Parallel()
	solutions, err := filepath.Glob("../../../solutions/[0-9][0-9]-*")
	require.NoError(t, err)
	require.NotEmpty(t, solutions)
	rules := functions(t, ".", func(file string) bool { return file == "rules.go" })
	for i, dir := range solutions {
		called := map[string]string{}
		for test, fn := range functions(t, dir, func(file string) bool { return strings.HasSuffix(file, "_test.go") }) {
			for _, name := range calls(fn) {
				called[name] = test
			}
		}
		for name := range promises(t) {
			if _, rule := rules[name]; rule && i == 0 || i+1 < since[name] {
				continue
			}
			require.Equal(t, "Test"+name, called[name], "%s: the test that calls contract.%s", dir, name)
		}
	}
}

func TestPromisesFailAtTheLearnersLine(t *testing.T) {
	t.Parallel()
	all := promises(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fn := all[name]
		require.True(t, strings.HasPrefix(fn.Doc.Text(), name+" holds when "), "the comment of %s says when it holds", name)
		first, ok := fn.Body.List[0].(*ast.ExprStmt)
		require.True(t, ok, name)
		call, ok := first.X.(*ast.CallExpr)
		require.True(t, ok, name)
		helper, ok := call.Fun.(*ast.SelectorExpr)
		require.True(t, ok && helper.Sel.Name == "Helper", "%s begins with t.Helper(), so that a failure names the step's line", name)
	}
}

// What a promise found names its own place; what a step's test found has none here.
func TestFindingNamesThePlaceInThePromise(t *testing.T) { FindingNamesThePlaceInThePromise(t) }

func FindingNamesThePlaceInThePromise(t *testing.T) {
	nested := func() string { return lab.Finding{Measured: "1"}.String() }
	require.Regexp(t, `\n  test      tools/lab/contract/contract_test.go:\d+\n`, nested())
}

func TestFindingOfAStepsOwnTestNamesNoOtherPlace(t *testing.T) {
	require.NotContains(t, lab.Finding{Measured: "1"}.String(), "\n  test ")
}
