package mutation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
)

// Module is a solution, parsed and type-checked, without its tests.
type Module struct {
	Dir  string // without symbolic links
	Path string // such as example.com/boxoffice/solutions/09-queues

	set      *token.FileSet
	packages []*goPackage
	importer types.Importer
	places   *places
}

// goPackage is one package of the module.
type goPackage struct {
	folder string // relative to the module, "." for its root
	name   string
	files  []*goFile
	types  *types.Package
	info   *types.Info

	helpers *ast.File // what changed bodies call
}

// goFile is one file of a package.
type goFile struct {
	rel    string // relative to the module, with slashes
	text   []byte
	syntax *ast.File
}

// Load reads the module in a folder and checks its types. What it imports is compiled, if
// that hasn't happened yet.
func Load(ctx context.Context, dir, modulePath string) (*Module, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("find the module: %w", err)
	}
	m := &Module{Dir: dir, Path: modulePath, set: token.NewFileSet()}
	if err := m.parse(); err != nil {
		return nil, err
	}
	if m.importer, err = m.exports(ctx); err != nil {
		return nil, err
	}
	for _, p := range m.packages {
		if err := m.check(p); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Module) parse() error {
	files, err := course.Files(m.Dir)
	if err != nil {
		return err
	}
	known := map[string]*goPackage{}
	for _, rel := range files {
		if !strings.HasSuffix(rel, ".go") || course.IsTest(rel) || slices.Contains(strings.Split(rel, "/"), "testdata") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, filepath.FromSlash(rel)))
		if err != nil {
			return fmt.Errorf("read the module: %w", err)
		}
		syntax, err := parser.ParseFile(m.set, filepath.Join(m.Dir, rel), text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse the module: %w", err)
		}
		folder := path.Dir(rel)
		p := known[folder]
		if p == nil {
			p = &goPackage{folder: folder, name: syntax.Name.Name}
			known[folder] = p
			m.packages = append(m.packages, p)
		}
		p.files = append(p.files, &goFile{rel, text, syntax})
	}
	if len(m.packages) == 0 {
		return fmt.Errorf("there is no Go file in %s", m.Dir)
	}
	return nil
}

// exports is an importer of what the go command has compiled.
func (m *Module) exports(ctx context.Context) (types.Importer, error) {
	out, err := command.Place{Dir: m.Dir}.Output(ctx, "go", "list", "-deps", "-export", "-json=ImportPath,Export", "./...", "context", "errors", "fmt", "sync")
	if err != nil {
		return nil, fmt.Errorf("compile what the module imports: %w", err)
	}
	compiled := map[string]string{}
	for lines := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := lines.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		compiled[p.ImportPath] = p.Export
	}
	open := func(path string) (io.ReadCloser, error) {
		if compiled[path] == "" {
			return nil, fmt.Errorf("%s isn't compiled", path)
		}
		return os.Open(compiled[path])
	}
	return importer.ForCompiler(m.set, "gc", open), nil
}

func (p *goPackage) path(m *Module) string { return path.Join(m.Path, p.folder) }

// check checks the types of a package as it is.
func (m *Module) check(p *goPackage) error {
	p.info = &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	var files []*ast.File
	for _, f := range p.files {
		files = append(files, f.syntax)
	}
	var err error
	if p.helpers, err = parser.ParseFile(m.set, words, helperText(p.name), parser.SkipObjectResolution); err != nil {
		return err
	}
	config := types.Config{Importer: m.importer}
	if p.types, err = config.Check(p.path(m), m.set, files, p.info); err != nil {
		return fmt.Errorf("check the types of the module: %w", err)
	}
	return nil
}

// compiles reports whether the package would compile with another text of one of its
// files. An import that the text no longer needs is no fault: the binary holds the old
// text, too.
func (m *Module) compiles(p *goPackage, changed *goFile, text []byte) bool {
	syntax, err := parser.ParseFile(m.set, changed.rel, text, parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	files := []*ast.File{syntax, p.helpers}
	for _, f := range p.files {
		if f != changed {
			files = append(files, f.syntax)
		}
	}
	ok := true
	config := types.Config{Importer: m.importer, Error: func(err error) {
		if !strings.Contains(err.Error(), "imported and not used") {
			ok = false
		}
	}}
	_, _ = config.Check(p.path(m), m.set, files, nil)
	return ok
}

// target is a function or a package's variable that the learner writes, or one that uses a
// constant that the learner writes.
type target struct {
	of   *goPackage
	file *goFile
	name string // such as Store.CreateOrder, main

	function *ast.FuncDecl
	variable *ast.ValueSpec // with one name and one value
	constant *ast.ValueSpec // the same; never in a list of targets

	uses map[types.Object]bool // of one that the learner doesn't write: the constants
}

// targets are the declarations that a starter doesn't have, or has otherwise. Comments
// don't count, nor does the module's own path.
func (m *Module) targets(starter string) ([]*target, error) {
	given, err := declarations(starter)
	if err != nil {
		return nil, err
	}
	var written, others []*target
	constants := map[types.Object]bool{}
	for _, t := range m.declared() {
		switch {
		case given[t.of.folder+" "+t.name] == t.code(m):
			others = append(others, t)
		case t.constant != nil:
			constants[t.of.info.Defs[t.constant.Names[0]]] = true
		default:
			written = append(written, t)
		}
	}
	for _, t := range others {
		if t.constant == nil && t.of.uses(t.node(), constants) {
			t.uses = constants
			written = append(written, t)
		}
	}
	return written, nil
}

// uses reports whether a node names one of some objects.
func (p *goPackage) uses(in ast.Node, objects map[types.Object]bool) bool {
	if s, ok := in.(span); ok {
		for name, o := range p.info.Uses {
			if objects[o] && s.from <= name.Pos() && name.Pos() < s.to {
				return true
			}
		}
		return false
	}
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		found = found || ok && objects[p.info.Uses[name]]
		return !found
	})
	return found
}

// declared are the functions, variables and constants of the module.
func (m *Module) declared() []*target {
	var list []*target
	for _, p := range m.packages {
		for _, f := range p.files {
			for _, d := range f.syntax.Decls {
				for _, t := range targetsIn(d) {
					t.of, t.file = p, f
					list = append(list, t)
				}
			}
		}
	}
	return list
}

// declarations are the code of each function and variable in a folder, by its package's
// folder and its name.
func declarations(dir string) (map[string]string, error) {
	m := &Module{Dir: dir, set: token.NewFileSet()}
	if err := m.parse(); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, t := range m.declared() {
		found[t.of.folder+" "+t.name] = t.code(m)
	}
	return found, nil
}

func targetsIn(d ast.Decl) []*target {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body != nil {
			return []*target{{name: functionName(d), function: d}}
		}
	case *ast.GenDecl:
		var list []*target
		for _, spec := range d.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 || v.Names[0].Name == "_" {
				continue
			}
			t := &target{name: v.Names[0].Name, variable: v}
			if d.Tok == token.CONST {
				t.variable, t.constant = nil, v
			}
			list = append(list, t)
		}
		return list
	}
	return nil
}

// functionName is a function's name, with that of its receiver's type before it.
func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	of := d.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	switch generic := of.(type) {
	case *ast.IndexExpr:
		of = generic.X
	case *ast.IndexListExpr:
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// node is the declaration without its comment.
func (t *target) node() ast.Node {
	switch {
	case t.function != nil:
		return span{t.function.Type.Pos(), t.function.End()}
	case t.constant != nil:
		return t.constant
	}
	return t.variable
}

// span is a piece of source that is no node by itself.
type span struct{ from, to token.Pos }

func (s span) Pos() token.Pos { return s.from }
func (s span) End() token.Pos { return s.to }

// code is the declaration as tokens, without comments and line breaks.
func (t *target) code(m *Module) string {
	n := t.node()
	if t.function != nil && t.function.Recv != nil {
		n = span{t.function.Recv.Pos(), n.End()}
	}
	from, to := m.offset(n.Pos()), m.offset(n.End())
	text := t.file.text[from:to]
	var s scanner.Scanner
	set := token.NewFileSet()
	s.Init(set.AddFile("", -1, len(text)), text, nil, 0)
	var code strings.Builder
	for {
		_, tok, literal := s.Scan()
		if tok == token.EOF {
			return code.String()
		}
		if literal == "" {
			literal = tok.String()
		}
		if literal != "\n" {
			code.WriteString(literal + " ")
		}
	}
}

func (m *Module) offset(pos token.Pos) int { return m.set.Position(pos).Offset }
