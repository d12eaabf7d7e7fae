package mutation

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Mutants are the changes to what a starter, in a folder of its own, doesn't have. Each
// compiles.
func (m *Module) Mutants(starter string) ([]*Mutant, error) {
	targets, err := m.targets(starter)
	if err != nil {
		return nil, err
	}
	m.places = &places{of: map[token.Pos]int{}}
	var list []*Mutant
	for _, t := range targets {
		g := &generator{module: m, target: t}
		g.run()
		list = append(list, g.kept...)
	}
	number(list)
	return list, nil
}

// places numbers the statements that tests must reach, from 1.
type places struct{ of map[token.Pos]int }

func (p *places) number(pos token.Pos) int {
	if p.of[pos] == 0 {
		p.of[pos] = len(p.of) + 1
	}
	return p.of[pos]
}

// generator makes the mutants of one target.
type generator struct {
	module *Module
	*target
	stack []ast.Node // from the target to the node at hand
	kept  []*Mutant
}

func (g *generator) run() {
	var root ast.Node = g.function
	if g.function == nil {
		root = g.variable.Values[0]
	} else if g.target.uses == nil {
		g.keepInProcess()
	}
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			g.stack = g.stack[:len(g.stack)-1]
			return true
		}
		g.stack = append(g.stack, n)
		descend := g.visit(n)
		if !descend {
			g.stack = g.stack[:len(g.stack)-1] // Inspect doesn't come back
		}
		return descend
	})
}

// visit applies the operators to a node, and reports whether its parts are looked at.
func (g *generator) visit(n ast.Node) bool {
	if e, ok := n.(ast.Expr); ok {
		if g.isConstant(e) {
			if g.target.uses == nil || g.of.uses(e, g.target.uses) {
				g.constant(e)
			}
			return false
		}
	}
	if g.target.uses != nil {
		return true
	}
	if e, ok := n.(ast.Expr); ok {
		g.sentinel(e)
		g.transaction(e)
	}
	switch n := n.(type) {
	case *ast.FuncType, *ast.FieldList:
		return false
	case *ast.GenDecl:
		return n.Tok != token.TYPE
	case *ast.BlockStmt:
		g.statements(n.List)
	case *ast.CaseClause:
		g.statements(n.Body)
		g.caseOf(n)
	case *ast.CommClause:
		g.statements(n.Body)
	case *ast.IfStmt:
		g.ifStatement(n)
	case *ast.ForStmt:
		g.loop(n.Body)
	case *ast.RangeStmt:
		g.loop(n.Body)
	case *ast.SwitchStmt:
		g.clauses(n.Body, n.Tag != nil)
	case *ast.TypeSwitchStmt:
		g.clauses(n.Body, true)
	case *ast.SelectStmt:
		g.clauses(n.Body, true)
	case *ast.ReturnStmt:
		g.returned(n)
	case *ast.BinaryExpr:
		g.binary(n)
	case *ast.CallExpr:
		g.call(n)
	case *ast.CompositeLit:
		g.literal(n)
	case *ast.AssignStmt:
		g.assignment(n)
	case *ast.IncDecStmt:
		g.incDec(n)
	}
	return true
}

// proposal is a change that may turn out not to compile.
type proposal struct {
	operator string
	at       token.Pos
	shown    []edit   // how somebody would write it
	variants [][]edit // ways to compile it, of which the first that compiles counts
	swapped  []string // see Mutant
}

// propose keeps the change if it compiles in one of its ways. Without any, it is compiled as
// it is shown.
func (g *generator) propose(p proposal) {
	if len(p.variants) == 0 {
		p.variants = [][]edit{p.shown}
	}
	for _, edits := range p.variants {
		if !g.module.compiles(g.of, g.file, apply(g.file.text, 0, edits)) {
			continue
		}
		g.kept = append(g.kept, &Mutant{
			Operator: p.operator, File: g.file.rel, In: g.name, Line: g.module.set.Position(p.at).Line,
			target: g.target, edits: edits, shown: p.shown, before: g.file.text, place: g.place(), swapped: p.swapped,
		})
		return
	}
}

// replace proposes another text for a node.
func (g *generator) replace(operator string, n ast.Node, shown string, compiled ...string) {
	p := proposal{operator: operator, at: n.Pos(), shown: []edit{g.edit(n, shown)}}
	for _, text := range compiled {
		p.variants = append(p.variants, []edit{g.edit(n, text)})
	}
	g.propose(p)
}

func (g *generator) edit(n ast.Node, text string) edit {
	return edit{g.module.offset(n.Pos()), g.module.offset(n.End()), text}
}

func (g *generator) text(n ast.Node) string {
	return string(g.file.text[g.module.offset(n.Pos()):g.module.offset(n.End())])
}

// without is the edit that removes a node, with its whole lines when nothing else is on
// them.
func (g *generator) without(n ast.Node) edit {
	e := g.edit(n, "")
	from, to := e.from, e.to
	for from > 0 && (g.file.text[from-1] == '\t' || g.file.text[from-1] == ' ') {
		from--
	}
	if from > 0 && g.file.text[from-1] == '\n' && to < len(g.file.text) && g.file.text[to] == '\n' {
		return edit{from, to + 1, ""}
	}
	return e
}

// place is the number of the statement that the node at hand is in, 0 for what runs when
// the program starts.
func (g *generator) place() int {
	for i, n := range slices.Backward(g.stack) {
		if i == 0 {
			break
		}
		if s, ok := n.(ast.Stmt); ok && inList(g.stack[i-1], s) {
			return g.module.places.number(s.Pos())
		}
	}
	if g.function != nil && len(g.function.Body.List) > 0 {
		return g.module.places.number(g.function.Body.List[0].Pos())
	}
	return 0
}

// at is place for a statement in a list below the node at hand.
func (g *generator) at(s ast.Stmt, propose func()) {
	g.stack = append(g.stack, s)
	propose()
	g.stack = g.stack[:len(g.stack)-1]
}

// inList reports whether a statement is one of those that its parent runs in turn.
func inList(parent ast.Node, s ast.Stmt) bool {
	switch parent := parent.(type) {
	case *ast.BlockStmt:
		return !isClause(s)
	case *ast.CaseClause:
		return true
	case *ast.CommClause:
		return parent.Comm != s
	}
	return false
}

func isClause(s ast.Stmt) bool {
	switch s.(type) {
	case *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// parent is the node around the one at hand; nil at the top.
func (g *generator) parent() ast.Node {
	if len(g.stack) < 2 {
		return nil
	}
	return g.stack[len(g.stack)-2]
}

func (g *generator) typeOf(e ast.Expr) types.Type { return g.of.info.TypeOf(e) }

var errorType = types.Universe.Lookup("error").Type()

func (g *generator) isError(e ast.Expr) bool {
	t := g.typeOf(e)
	return t != nil && types.Identical(t, errorType)
}

func isNil(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "nil"
}

// isNamed reports whether a type, or what it points to, has a name such as "time.Duration",
// with the package's whole path.
func isNamed(t types.Type, names ...string) bool {
	if pointer, ok := t.(*types.Pointer); ok {
		t = pointer.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil {
		return false
	}
	return slices.Contains(names, named.Obj().Pkg().Path()+"."+named.Obj().Name())
}

// used is what an expression names, such as fmt.Errorf or a variable; nil for what is no name.
func (g *generator) used(e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.Ident:
		return g.of.info.Uses[e]
	case *ast.SelectorExpr:
		return g.of.info.Uses[e.Sel]
	}
	return nil
}

// callee is the whole name of the function that is called, such as "errors.Is" or
// "(*sync.Mutex).Lock"; "" for what has none. Type arguments aren't part of it.
func (g *generator) callee(call *ast.CallExpr) string {
	fun := ast.Unparen(call.Fun)
	switch generic := fun.(type) {
	case *ast.IndexExpr:
		fun = generic.X
	case *ast.IndexListExpr:
		fun = generic.X
	}
	switch used := g.used(fun).(type) {
	case *types.Func:
		return used.FullName()
	case *types.Builtin:
		return used.Name()
	}
	return ""
}

// isLog reports whether a call writes to a log.
func (g *generator) isLog(call *ast.CallExpr) bool {
	name := g.callee(call)
	return strings.HasPrefix(name, "log.") || strings.HasPrefix(name, "log/slog.") ||
		strings.HasPrefix(name, "(*log.Logger).") || strings.HasPrefix(name, "(*log/slog.Logger).")
}
