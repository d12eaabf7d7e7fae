package mutation

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// The operators of the field: what goes wrong around contexts, errors, locks, transactions,
// middleware and caches.

// call applies the operators of calls.
func (g *generator) call(n *ast.CallExpr) {
	name := g.callee(n)
	g.anyError(n)
	g.endless(n)
	g.passThrough(n, name)
	switch {
	case name == "fmt.Errorf":
		g.unwrap(n)
	case name == "errors.Join":
		for i, arg := range n.Args {
			g.replaceList("drop error", n.Args, i, arg)
		}
	case g.isLog(n):
		g.logFields(n)
	default:
		g.variadic(n)
	}
	g.durations(n)
}

func (g *generator) isContext(e ast.Expr) bool {
	t := g.typeOf(e)
	return t != nil && isNamed(t, "context.Context")
}

// endless replaces contexts by others with the same values, but without an end.
func (g *generator) endless(n *ast.CallExpr) {
	for _, arg := range n.Args {
		if !g.isContext(arg) {
			continue
		}
		if made, ok := arg.(*ast.CallExpr); ok && slices.Contains([]string{"context.Background", "context.TODO", "context.WithoutCancel"}, g.callee(made)) {
			continue
		}
		text := g.text(arg)
		g.replace("context without an end", arg, "context.WithoutCancel("+text+")", "mutantEndless("+text+")")
	}
}

// anyError takes every error for the one that is asked for.
func (g *generator) anyError(e ast.Expr) {
	asks := e
	if b, ok := e.(*ast.BinaryExpr); ok { // pq.As(err, code) != nil
		if b.Op.String() != "!=" || !isNil(b.Y) {
			return
		}
		asks = b.X
	}
	call, ok := asks.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || !g.isError(call.Args[0]) {
		return
	}
	t := g.typeOf(asks)
	_, pointer := t.(*types.Pointer)
	if (asks == e && types.Identical(t, types.Typ[types.Bool])) || (asks != e && pointer) {
		err := g.text(call.Args[0])
		g.replace("any error", e, err+" != nil")
	}
}

// unwrap has an error's text say what its cause was, and nothing else.
func (g *generator) unwrap(n *ast.CallExpr) {
	format, ok := n.Args[0].(*ast.BasicLit)
	if !ok {
		return
	}
	text := g.text(format)
	for i := range len(text) - 1 {
		if text[i:i+2] == "%w" {
			from := g.module.offset(format.Pos()) + i
			g.propose(proposal{operator: "unwrap error", at: format.Pos(), shown: []edit{{from, from + 2, "%v"}}})
		}
	}
}

// passThrough replaces a call by one of its arguments, or by what it is a method of, where
// that has the same type: the value stays as it was.
func (g *generator) passThrough(n *ast.CallExpr, name string) {
	if name == "fmt.Errorf" || name == "errors.Join" || g.of.info.Types[n.Fun].IsType() {
		return
	}
	if _, ok := g.parent().(*ast.ExprStmt); ok {
		return
	}
	result := g.typeOf(n)
	if result == nil || result == types.Typ[types.Invalid] {
		return
	}
	if selector, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && g.of.info.Selections[selector] != nil && g.fits(selector.X, result) {
		g.replace("drop call", n, g.text(selector.X))
	}
	all := slices.Contains([]string{"min", "max", "cmp.Or"}, name)
	for _, arg := range n.Args {
		if !all && g.isConstant(arg) || !g.fits(arg, result) {
			continue
		}
		g.replace("drop call", n, g.text(arg))
		if !all {
			return
		}
	}
}

// fits reports whether an expression can stand where a type is expected, for a reason.
func (g *generator) fits(e ast.Expr, t types.Type) bool {
	own := g.typeOf(e)
	if own == nil {
		return false
	}
	if types.Identical(own, t) {
		return true
	}
	if g.isConstant(e) {
		return types.AssignableTo(own, t)
	}
	wants, ok := t.Underlying().(*types.Interface)
	return ok && wants.NumMethods() > 0 && types.AssignableTo(own, t)
}

// logFields drops what is logged beside the message.
func (g *generator) logFields(n *ast.CallExpr) {
	_, at := g.message(n)
	if strings.HasPrefix(g.callee(n), "log.") || strings.HasPrefix(g.callee(n), "(*log.") {
		return // a format wants them all
	}
	for i := at + 1; i < len(n.Args) && at >= 0; i++ {
		width := 1
		if basic, ok := g.typeOf(n.Args[i]).Underlying().(*types.Basic); ok && basic.Info()&types.IsString != 0 {
			width = 2 // a key and its value
		}
		if i+width <= len(n.Args) {
			g.propose(proposal{operator: "drop log field", at: n.Args[i].Pos(), shown: []edit{g.cut(n.Args, i, i+width)}})
		}
		i += width - 1
	}
}

// message is the argument of a call that is a text for people, and its place; -1 when there
// is none.
func (g *generator) message(n *ast.CallExpr) (ast.Expr, int) {
	name := g.callee(n)
	at := -1
	switch {
	case strings.HasPrefix(name, "log/slog.") || strings.HasPrefix(name, "(*log/slog.Logger)."):
		for i, arg := range n.Args {
			if basic, ok := g.typeOf(arg).Underlying().(*types.Basic); ok && basic.Info()&types.IsString != 0 {
				at = i
				break
			}
		}
		if slices.ContainsFunc([]string{"slog.String", "slog.Int", "slog.Float", "slog.Any", "slog.Bool", "slog.Duration", "slog.Time", "slog.Group"},
			func(attribute string) bool { return strings.HasPrefix(strings.TrimPrefix(name, "log/"), attribute) }) {
			at = -1 // a key
		}
	case strings.HasPrefix(name, "log."), name == "fmt.Errorf", name == "errors.New", name == "panic":
		at = 0
	}
	if at < 0 || at >= len(n.Args) {
		return nil, -1
	}
	return n.Args[at], at
}

// variadic drops and swaps the arguments of a list of handlers, options and the like.
func (g *generator) variadic(n *ast.CallExpr) {
	signature, ok := g.typeOf(n.Fun).(*types.Signature)
	if !ok || !signature.Variadic() || n.Ellipsis.IsValid() {
		return
	}
	first := signature.Params().Len() - 1
	slice, ok := signature.Params().At(first).Type().(*types.Slice)
	if !ok || len(n.Args) <= first {
		return
	}
	switch of := slice.Elem().Underlying().(type) {
	case *types.Signature, *types.Struct:
	case *types.Interface:
		if of.NumMethods() == 0 {
			return
		}
	default:
		return
	}
	for i := first; i < len(n.Args); i++ {
		g.replaceList("drop argument", n.Args, i, n.Args[i])
		if i+1 < len(n.Args) {
			g.propose(proposal{operator: "swap arguments", at: n.Args[i].Pos(), shown: []edit{
				g.edit(n.Args[i], g.text(n.Args[i+1])), g.edit(n.Args[i+1], g.text(n.Args[i])),
			}})
		}
	}
}

// durations changes those among the arguments that are computed. Constants have operators
// of their own.
func (g *generator) durations(n *ast.CallExpr) {
	if g.isLog(n) {
		return
	}
	for _, arg := range n.Args {
		if t := g.typeOf(arg); t != nil && isNamed(t, "time.Duration") && !g.isConstant(arg) {
			g.longerOrShorter(arg)
		}
	}
}

func (g *generator) longerOrShorter(e ast.Expr) {
	text := g.text(e)
	if _, simple := e.(*ast.Ident); !simple {
		text = "(" + text + ")"
	}
	g.replace("longer", e, "100*"+text)
	g.replace("shorter", e, text+"/100")
}

// sentinelOf is the package's variable that an expression is, when it is an error.
func (g *generator) sentinelOf(e ast.Expr) *types.Var {
	v, ok := g.used(e).(*types.Var)
	if !ok || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() || !types.Identical(v.Type(), errorType) {
		return nil
	}
	return v
}

// sentinel swaps a well-known error for another one of its package.
func (g *generator) sentinel(e ast.Expr) {
	v := g.sentinelOf(e)
	if v == nil {
		return
	}
	if s, ok := g.parent().(*ast.SelectorExpr); ok && s.Sel == e {
		return // the selector has been looked at
	}
	other := g.sibling(v, func(o types.Object) bool {
		another, ok := o.(*types.Var)
		return ok && types.Identical(another.Type(), errorType)
	})
	if other != "" {
		g.replaceName("swap error", e, other)
	}
}

// replaceName replaces the last name of a name with or without a package before it.
func (g *generator) replaceName(operator string, e ast.Expr, other string) {
	var n ast.Node = e
	if s, ok := e.(*ast.SelectorExpr); ok {
		n = s.Sel
	}
	g.replace(operator, n, other)
}

// sibling is the next name of a package, in their order, for which something holds; "" when
// there is none but the object itself.
func (g *generator) sibling(of types.Object, holds func(types.Object) bool) string {
	scope := of.Pkg().Scope()
	names := scope.Names()
	at := slices.Index(names, of.Name())
	for i := 1; i < len(names); i++ {
		name := names[(at+i)%len(names)]
		o := scope.Lookup(name)
		if (of.Pkg() == g.of.types || o.Exported()) && holds(o) {
			return name
		}
	}
	return ""
}

var transactions = []string{"database/sql.Tx", "github.com/jmoiron/sqlx.Tx"}

// transaction has a statement run beside the transaction.
func (g *generator) transaction(e ast.Expr) {
	name, ok := e.(*ast.Ident)
	if !ok || g.function == nil || !isNamed(g.typeOf(e), transactions...) || g.of.info.Uses[name] == nil {
		return
	}
	switch parent := g.parent().(type) {
	case *ast.CallExpr:
	case *ast.SelectorExpr:
		if slices.Contains([]string{"Commit", "Rollback"}, parent.Sel.Name) {
			return
		}
	default:
		return
	}
	for _, db := range g.databases() {
		if db != name.Name {
			g.replace("outside of the transaction", e, db)
		}
	}
}

// databases are the ways to write the database at hand: what a transaction of the function
// is begun on, and the fields of its receiver.
func (g *generator) databases() []string {
	var found []string
	ast.Inspect(g.function, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "Begin") {
			found = append(found, g.text(s.X))
		}
		return true
	})
	if g.function.Recv != nil && len(g.function.Recv.List[0].Names) == 1 {
		receiver := g.function.Recv.List[0].Names[0]
		t := g.of.info.Defs[receiver].Type()
		if pointer, ok := t.(*types.Pointer); ok {
			t = pointer.Elem()
		}
		if fields, ok := t.Underlying().(*types.Struct); ok {
			for f := range fields.Fields() {
				if isNamed(f.Type(), "database/sql.DB", "github.com/jmoiron/sqlx.DB") {
					found = append(found, receiver.Name+"."+f.Name())
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// dropLock drops a lock together with the statement that gives it back, and reports whether
// there is one. The other way round it would be found by a panic.
func (g *generator) dropLock(list []ast.Stmt, i int) bool {
	of, name := g.lockCall(list[i])
	switch name {
	case "Lock", "RLock":
	case "Unlock", "RUnlock":
		_, deferred := list[i].(*ast.DeferStmt)
		return !deferred // a lock that is never given back is found by the next who waits
	default:
		return false
	}
	for _, s := range list[i+1:] {
		if same, back := g.lockCall(s); same == of && back == strings.Replace(name, "Lock", "Unlock", 1) {
			g.propose(proposal{operator: "drop lock", at: list[i].Pos(), shown: []edit{g.without(list[i]), g.without(s)}})
			return true
		}
	}
	return false
}

// lockCall is what a statement locks or unlocks, and the method's name.
func (g *generator) lockCall(s ast.Stmt) (of, name string) {
	var call *ast.CallExpr
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, _ = s.X.(*ast.CallExpr)
	case *ast.DeferStmt:
		call = s.Call
	}
	if call == nil {
		return "", ""
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) > 0 {
		return "", ""
	}
	return g.text(selector.X), selector.Sel.Name
}

// keepInProcess has a function remember in the process what it returned, for ever.
func (g *generator) keepInProcess() {
	d := g.function
	signature := g.of.info.Defs[d.Name].Type().(*types.Signature)
	results := signature.Results()
	if signature.TypeParams() != nil || results.Len() != 2 || !types.Identical(results.At(1).Type(), errorType) || !g.worthKeeping(results.At(0).Type()) {
		return
	}
	var key []string
	context := false
	for _, field := range d.Type.Params.List {
		for _, name := range field.Names {
			switch t := g.of.info.Defs[name]; {
			case t == nil || name.Name == "_":
				return
			case isNamed(t.Type(), "context.Context"):
				context = true
			case !types.Comparable(t.Type()) || types.IsInterface(t.Type()):
				return
			default:
				key = append(key, name.Name)
			}
		}
	}
	if !context {
		return
	}
	g.stack = []ast.Node{d}
	from, to := g.module.offset(d.Body.Lbrace)+1, g.module.offset(d.Body.Rbrace)
	body := string(g.file.text[from:to])
	results0 := g.text(d.Type.Results)
	if !strings.HasPrefix(results0, "(") {
		results0 = "(" + results0 + ")"
	}
	remember := func(kept string) string {
		return fmt.Sprintf("\n\treturn %s(fmt.Sprint(%s), func() %s {%s})\n", kept, strings.Join(slices.Concat([]string{`"` + g.name + `"`}, key), ", "), results0, body)
	}
	call := fmt.Sprintf("mutantKept([]any{%s}, func() %s {%s})", strings.Join(slices.Concat([]string{`"` + g.name + `"`}, key), ", "), results0, body)
	g.propose(proposal{
		operator: "keep in the process", at: d.Pos(),
		shown:    []edit{{from, to, remember("rememberForEver")}},
		variants: [][]edit{{{from, to, "return " + call + "\n"}}},
	})
	g.stack = nil
}

// worthKeeping reports whether results of a type are data, and not a tool.
func (g *generator) worthKeeping(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Slice:
		return g.worthKeeping(t.Elem())
	case *types.Pointer:
		return g.worthKeeping(t.Elem())
	case *types.Basic:
		return true
	case *types.Named:
		_, isStruct := t.Underlying().(*types.Struct)
		return isStruct && t.Obj().Pkg() != nil && strings.HasPrefix(t.Obj().Pkg().Path(), g.module.Path+"/")
	}
	return false
}
