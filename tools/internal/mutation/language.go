package mutation

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// The operators of the language. Where a change would leave a variable unused, which
// doesn't compile, the way to compile it still looks at the variable.

// turned are comparisons and their opposites; moved, those that are off by one.
var (
	turned = map[token.Token]token.Token{
		token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
	}
	moved      = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}
	arithmetic = map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL}
)

// errorCheck is the comparison by which an expression asks whether an error is nil; 0 for
// any other expression.
func (g *generator) errorCheck(e ast.Expr) token.Token {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	if ok && (b.Op == token.NEQ || b.Op == token.EQL) && g.isError(b.X) && isNil(b.Y) {
		return b.Op
	}
	return 0
}

func (g *generator) ifStatement(n *ast.IfStmt) {
	cond := g.text(n.Cond)
	switch g.errorCheck(n.Cond) {
	case token.NEQ:
		g.replace("ignore error", n.Cond, "false", "("+cond+") && false")
		return
	case token.EQL:
		g.replace("ignore error", n.Cond, "true", "("+cond+") || true")
		return
	}
	g.replace("condition never holds", n.Cond, "false", "("+cond+") && false")
	if n.Else != nil || !leaves(n.Body.List) {
		g.replace("condition always holds", n.Cond, "true", "("+cond+") || true")
	}
	g.turn(n.Cond)
}

// turn proposes the opposite of a condition that isn't made of operators, which have
// opposites of their own.
func (g *generator) turn(cond ast.Expr) {
	switch e := ast.Unparen(cond).(type) {
	case *ast.BinaryExpr:
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			g.replace("turn condition", cond, g.text(e.X))
		}
	default:
		g.replace("turn condition", cond, "!"+g.text(cond))
	}
}

// leaves reports whether a list of statements ends the function, the loop or its turn.
func leaves(list []ast.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	switch last := list[len(list)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := last.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		return ok && name.Name == "panic"
	}
	return false
}

func (g *generator) binary(n *ast.BinaryExpr) {
	switch n.Op {
	case token.LAND, token.LOR:
		g.dropOperand(n)
		return
	case token.EQL, token.NEQ:
		if g.errorCheck(n) == 0 {
			g.operator("turn comparison", n, turned[n.Op])
		}
		g.anyError(n)
		return
	}
	if by, ok := moved[n.Op]; ok {
		if g.countsInSteps(n.X) {
			g.operator("move comparison by one", n, by)
		}
		g.operator("turn comparison", n, turned[n.Op])
	}
	if by, ok := arithmetic[n.Op]; ok && isNumber(g.typeOf(n)) {
		g.operator("change arithmetic", n, by)
	}
}

// countsInSteps reports whether a value can be equal to a limit by more than chance.
func (g *generator) countsInSteps(e ast.Expr) bool {
	t := g.typeOf(e)
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&(types.IsInteger|types.IsString) != 0 && !isNamed(t, "time.Duration")
}

func isNumber(t types.Type) bool {
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsNumeric != 0
}

// operator proposes another operator in a binary expression.
func (g *generator) operator(name string, n *ast.BinaryExpr, by token.Token) {
	from := g.module.offset(n.OpPos)
	g.propose(proposal{operator: name, at: n.OpPos, shown: []edit{{from, from + len(n.Op.String()), by.String()}}})
}

func (g *generator) dropOperand(n *ast.BinaryExpr) {
	x, y := g.text(n.X), g.text(n.Y)
	neutral := "|| true" // A && B without B is A && (B || true)
	if n.Op == token.LOR {
		neutral = "&& false"
	}
	op := " " + n.Op.String() + " "
	g.replace("drop condition", n, y, y, "(("+x+") "+neutral+")"+op+"("+y+")")
	g.replace("drop condition", n, x, x, "("+x+")"+op+"(("+y+") "+neutral+")")
}

// caseOf has the conditions of a switch without a tag never hold.
func (g *generator) caseOf(n *ast.CaseClause) {
	s, ok := g.stack[len(g.stack)-3].(*ast.SwitchStmt)
	if !ok || s.Tag != nil {
		return
	}
	for _, e := range n.List {
		g.replace("condition never holds", e, "false", "("+g.text(e)+") && false")
	}
}

// clauses drops those of a switch or a select, one at a time. Those of a switch without a
// tag are conditions, and never hold instead.
func (g *generator) clauses(body *ast.BlockStmt, whole bool) {
	if len(body.List) < 2 {
		return
	}
	for _, s := range body.List {
		clause, ok := s.(*ast.CaseClause)
		if ok && !whole && clause.List != nil {
			continue
		}
		if ok && len(clause.List) > 1 {
			for i, e := range clause.List {
				g.replaceList("drop case", clause.List, i, e)
			}
			continue
		}
		g.propose(proposal{operator: "drop case", at: s.Pos(), shown: []edit{g.without(s)}})
	}
}

// replaceList proposes a list of expressions without one of them.
func (g *generator) replaceList(operator string, list []ast.Expr, i int, e ast.Expr) {
	g.propose(proposal{operator: operator, at: e.Pos(), shown: []edit{g.cut(list, i, i+1)}})
}

// cut is the edit that takes list[from:to] away, with the comma that goes with it.
func (g *generator) cut(list []ast.Expr, from, to int) edit {
	start, end := g.module.offset(list[from].Pos()), g.module.offset(list[to-1].End())
	switch {
	case to < len(list):
		end = g.module.offset(list[to].Pos())
	case from > 0:
		start = g.module.offset(list[from-1].End())
	}
	return edit{start, end, ""}
}

// loop ends a loop after its first turn.
func (g *generator) loop(body *ast.BlockStmt) {
	if leaves(body.List) || len(body.List) == 0 {
		return
	}
	end := g.module.offset(body.Rbrace)
	start := end
	for g.file.text[start-1] == '\t' {
		start--
	}
	indent := string(g.file.text[start:end])
	g.propose(proposal{operator: "only one turn", at: body.Pos(), shown: []edit{{start, end, indent + "\tbreak\n" + indent}}})
}

// statements drops the statements of a list, one at a time, and swaps neighbours.
func (g *generator) statements(list []ast.Stmt) {
	for i, s := range list {
		g.at(s, func() { g.dropStatement(list, i) })
	}
	g.swaps(list)
}

func (g *generator) dropStatement(list []ast.Stmt, i int) {
	s := list[i]
	switch s := s.(type) {
	case *ast.ExprStmt, *ast.SendStmt, *ast.IncDecStmt:
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE || isBlank(s) && !contains[*ast.CallExpr](s) {
			return
		}
	case *ast.GoStmt:
		g.replace("do it at once", s, g.text(s.Call))
	case *ast.DeferStmt:
		if strings.HasSuffix(g.callee(s.Call), "nlock") { // Unlock, RUnlock
			g.replace("unlock at once", s, g.text(s.Call))
		}
	case *ast.ReturnStmt:
		if len(list) == 1 || i == len(list)-1 && g.isBody(list) {
			return
		}
	case *ast.BranchStmt:
		if len(list) == 1 || s.Tok == token.GOTO {
			return
		}
	case *ast.IfStmt:
		if s.Init == nil || !contains[*ast.CallExpr](s.Init) {
			return
		}
	case *ast.ForStmt, *ast.RangeStmt:
	default:
		return
	}
	if len(list) == 1 && g.isOnlyBranch(list) {
		return // as if the condition never held
	}
	if g.dropLock(list, i) {
		return
	}
	drop := g.edit(s, "if false { "+g.text(s)+" }")
	g.propose(proposal{operator: "drop statement", at: s.Pos(), shown: []edit{g.without(s)}, variants: [][]edit{{drop}}})
}

func isBlank(s *ast.AssignStmt) bool {
	return !slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool {
		name, ok := e.(*ast.Ident)
		return !ok || name.Name != "_"
	})
}

// contains reports whether there is a node of a kind in a part of the source, bodies of
// functions in it aside.
func contains[N ast.Node](in ast.Node) bool {
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if _, ok := n.(N); ok {
			found = true
		}
		return !found
	})
	return found
}

// isBody reports whether the list at hand is a function's.
func (g *generator) isBody(list []ast.Stmt) bool {
	for i, n := range slices.Backward(g.stack) {
		if b, ok := n.(*ast.BlockStmt); ok && i > 0 && len(b.List) > 0 && b.List[0] == list[0] {
			switch g.stack[i-1].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				return true
			}
			return false
		}
	}
	return false
}

// isOnlyBranch reports whether the list at hand is all that an if does.
func (g *generator) isOnlyBranch(list []ast.Stmt) bool {
	for i, n := range slices.Backward(g.stack) {
		if b, ok := n.(*ast.BlockStmt); ok && i > 0 && len(b.List) > 0 && b.List[0] == list[0] {
			s, ok := g.stack[i-1].(*ast.IfStmt)
			return ok && s.Else == nil
		}
	}
	return false
}

// unit are statements that belong together: something is done, and its error is looked at.
type unit []ast.Stmt

func (u unit) Pos() token.Pos { return u[0].Pos() }
func (u unit) End() token.Pos { return u[len(u)-1].End() }

// swaps swaps neighbours that both do something, and what is done with what is refused
// before it. Those that depend on each other mostly don't compile any more.
func (g *generator) swaps(list []ast.Stmt) {
	if len(list) > 0 && isClause(list[0]) {
		return
	}
	units := g.units(list)
	for i := 0; i+1 < len(units); i++ {
		first, second := units[i], units[i+1]
		does := g.acts(first) && (g.acts(second) || refuses(second)) || refuses(first) && g.acts(second)
		if !does || g.text(first) == g.text(second) {
			continue
		}
		from, to := g.module.offset(first.Pos()), g.module.offset(second.End())
		between := string(g.file.text[g.module.offset(first.End()):g.module.offset(second.Pos())])
		g.at(first[0], func() {
			g.propose(proposal{
				operator: "swap statements", at: first.Pos(), swapped: []string{firstLine(g.text(first)), firstLine(g.text(second))},
				shown: []edit{{from, to, g.text(second) + between + g.text(first)}},
			})
		})
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.Join(strings.Fields(line), " ")
}

// refuses reports whether a statement ends the function under a condition.
func refuses(u unit) bool {
	check, ok := u[0].(*ast.IfStmt)
	return ok && check.Else == nil && leaves(check.Body.List)
}

func (g *generator) units(list []ast.Stmt) []unit {
	var units []unit
	for i := 0; i < len(list); i++ {
		u := unit{list[i]}
		if assigned, ok := list[i].(*ast.AssignStmt); ok && i+1 < len(list) {
			if check, ok := list[i+1].(*ast.IfStmt); ok && check.Init == nil && g.checks(check.Cond, assigned) {
				u = append(u, check)
				i++
			}
		}
		units = append(units, u)
	}
	return units
}

// checks reports whether a condition looks at an error that a statement has assigned.
func (g *generator) checks(cond ast.Expr, assigned *ast.AssignStmt) bool {
	for _, left := range assigned.Lhs {
		name, ok := left.(*ast.Ident)
		if !ok || !g.isError(left) {
			continue
		}
		found := false
		ast.Inspect(cond, func(n ast.Node) bool {
			used, ok := n.(*ast.Ident)
			found = found || ok && used.Name == name.Name
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

// pure matches functions whose turn nobody notices.
var pure = []string{"strings.", "strconv.", "errors.", "fmt.Sprint", "fmt.Errorf", "cmp.", "slices.", "maps.", "time.Now", "time.Since", "bytes."}

// acts reports whether the turn of some statements may matter: they call something that
// does more than compute, or wait for somebody.
func (g *generator) acts(u unit) bool {
	switch u[0].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt, *ast.LabeledStmt, *ast.DeclStmt:
		return false
	}
	acts := false
	for _, part := range parts(u[0]) {
		ast.Inspect(part, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.SendStmt:
				acts = true
			case *ast.UnaryExpr:
				acts = acts || n.Op == token.ARROW
			case *ast.CallExpr:
				acts = acts || !g.onlyComputes(n)
			}
			return !acts
		})
	}
	return acts
}

// parts are what a statement does in any case: of one that refuses, not how it refuses.
func parts(s ast.Stmt) []ast.Node {
	if !refuses(unit{s}) {
		return []ast.Node{s}
	}
	check := s.(*ast.IfStmt)
	if check.Init == nil {
		return []ast.Node{check.Cond}
	}
	return []ast.Node{check.Init, check.Cond}
}

func (g *generator) onlyComputes(call *ast.CallExpr) bool {
	if g.of.info.Types[call.Fun].IsType() || g.of.info.Types[call.Fun].IsBuiltin() {
		name, _ := call.Fun.(*ast.Ident)
		return name == nil || name.Name != "close" && name.Name != "delete"
	}
	name := g.callee(call)
	return g.isLog(call) || slices.ContainsFunc(pure, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// returned swallows errors that are returned, or returns others, and turns truths.
func (g *generator) returned(n *ast.ReturnStmt) {
	results := g.results()
	if results == nil || results.Len() != len(n.Results) || len(n.Results) == 0 {
		return
	}
	last := n.Results[len(n.Results)-1]
	t := results.At(results.Len() - 1).Type()
	switch {
	case isNil(last):
	case types.Identical(t, errorType):
		g.swallow(last)
	case types.Identical(t, types.Typ[types.Bool]) && !g.isConstant(last):
		g.turn(last)
	}
}

// swallow proposes no error, or one that nobody knows, in the place of another.
func (g *generator) swallow(e ast.Expr) {
	call, isCall := ast.Unparen(e).(*ast.CallExpr)
	does := isCall && g.does(call)
	if does {
		g.replace("drop call", e, "nil")
		g.replace("swallow error", e, "ignored("+g.text(e)+")", "mutantIgnored("+g.text(e)+")")
		return
	}
	g.replace("swallow error", e, "nil", "nil", "mutantIgnored("+g.text(e)+")")
	if g.sentinelOf(e) == nil {
		g.replace("other error", e, `errors.New("another error")`, "mutantOther("+g.text(e)+")")
	}
}

// does reports whether a call that returns an error may do more than make it: it has a
// context, or is a method of something.
func (g *generator) does(call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if g.isContext(arg) {
			return true
		}
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		_, named := call.Fun.(*ast.Ident)
		signature, ok := g.typeOf(call.Fun).(*types.Signature)
		return !named || ok && signature.Params().Len() == 0
	}
	return g.of.info.Selections[selector] != nil
}

// results are those of the function around the node at hand.
func (g *generator) results() *types.Tuple {
	for _, n := range slices.Backward(g.stack) {
		switch n := n.(type) {
		case *ast.FuncLit:
			return g.typeOf(n).(*types.Signature).Results()
		case *ast.FuncDecl:
			return g.of.info.Defs[n.Name].Type().(*types.Signature).Results()
		}
	}
	return nil
}

// assignment turns += and -= around.
func (g *generator) assignment(n *ast.AssignStmt) {
	by := map[token.Token]token.Token{token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN}[n.Tok]
	if by == 0 || !isNumber(g.typeOf(n.Lhs[0])) {
		return
	}
	from := g.module.offset(n.TokPos)
	g.propose(proposal{operator: "change arithmetic", at: n.TokPos, shown: []edit{{from, from + 2, by.String()}}})
}

func (g *generator) incDec(n *ast.IncDecStmt) {
	if s, ok := g.parent().(*ast.ForStmt); ok && s.Post == n {
		return // a loop that never ends
	}
	by := map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok]
	from := g.module.offset(n.TokPos)
	g.propose(proposal{operator: "change arithmetic", at: n.TokPos, shown: []edit{{from, from + 2, by}}})
}

// literal drops the fields and elements of a composite literal, one at a time.
func (g *generator) literal(n *ast.CompositeLit) {
	if len(n.Elts) == 0 {
		return
	}
	_, isStruct := g.typeOf(n).Underlying().(*types.Struct)
	for i, e := range n.Elts {
		pair, keyed := e.(*ast.KeyValueExpr)
		switch {
		case isStruct && !keyed:
			return
		case isStruct:
			if name, ok := pair.Key.(*ast.Ident); ok && name.Name == "Help" {
				continue // for people alone
			}
			zero := []edit{g.edit(pair.Value, "mutantZero("+g.text(pair.Value)+")")}
			cut := []edit{g.cut(n.Elts, i, i+1)}
			g.propose(proposal{operator: "drop field", at: e.Pos(), shown: cut, variants: [][]edit{cut, zero}})
		default:
			g.replaceList("drop element", n.Elts, i, e)
		}
	}
}
