package mutation

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

func (g *generator) isConstant(e ast.Expr) bool { return g.of.info.Types[e].Value != nil }

// constant changes an expression that the compiler knows the value of: numbers by one,
// durations by much, statuses and the like to others of their kind, texts that programs
// read. What people read stays.
func (g *generator) constant(e ast.Expr) {
	value, t := g.of.info.Types[e].Value, g.typeOf(e)
	if value.Kind() == constant.String {
		g.textConstant(e)
		return
	}
	if g.indifferent(e) {
		return
	}
	switch {
	case isNamed(t, "time.Duration"):
		if constant.Sign(value) != 0 {
			g.longerOrShorter(e)
		}
	case g.status(e):
	case g.enumerated(e):
	case value.Kind() == constant.Bool:
		g.replace("turn constant", e, strconv.FormatBool(!constant.BoolVal(value)))
	case value.Kind() == constant.Int:
		g.number(e, value)
	}
}

// number moves a number by one. Large ones are sizes, of which one way is enough.
func (g *generator) number(e ast.Expr, value constant.Value) {
	n, exact := constant.Int64Val(value)
	up, down := g.text(e)+"+1", g.text(e)+"-1"
	if _, literal := e.(*ast.BasicLit); literal && exact && !strings.HasPrefix(g.text(e), "'") {
		up, down = strconv.FormatInt(n+1, 10), strconv.FormatInt(n-1, 10)
	} else if _, compound := e.(*ast.BinaryExpr); compound {
		up, down = "("+g.text(e)+")+1", "("+g.text(e)+")-1"
	}
	g.replace("change number", e, up)
	if exact && n > 0 && n <= 1000 {
		g.replace("change number", e, down)
	}
}

// indifferent reports whether a constant stands where its value says little: beside an
// error, which callers look at first, or as the room that is made for something.
func (g *generator) indifferent(e ast.Expr) bool {
	switch parent := g.parent().(type) {
	case *ast.ReturnStmt:
		last := parent.Results[len(parent.Results)-1]
		return last != e && g.isError(last) && !isNil(last)
	case *ast.ArrayType:
		return true
	case *ast.CallExpr:
		if g.callee(parent) != "make" {
			return false
		}
		_, isMap := g.typeOf(parent).Underlying().(*types.Map)
		return isMap || len(parent.Args) == 3 && parent.Args[2] == e
	}
	return false
}

// statuses are those of HTTP, each with another that a program might send instead.
var statuses = map[string]string{
	"StatusOK": "StatusAccepted", "StatusCreated": "StatusOK", "StatusAccepted": "StatusOK", "StatusNoContent": "StatusOK",
	"StatusBadRequest": "StatusUnprocessableEntity", "StatusUnprocessableEntity": "StatusBadRequest",
	"StatusUnauthorized": "StatusForbidden", "StatusForbidden": "StatusUnauthorized",
	"StatusNotFound": "StatusBadRequest", "StatusConflict": "StatusBadRequest",
	"StatusInternalServerError": "StatusServiceUnavailable", "StatusServiceUnavailable": "StatusInternalServerError",
	"StatusTooManyRequests": "StatusServiceUnavailable", "StatusRequestEntityTooLarge": "StatusBadRequest",
}

// status swaps a status of HTTP for another one.
func (g *generator) status(e ast.Expr) bool {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	c, ok := g.of.info.Uses[selector.Sel].(*types.Const)
	if !ok || c.Pkg() == nil || c.Pkg().Path() != "net/http" || !strings.HasPrefix(c.Name(), "Status") {
		return false
	}
	other := statuses[c.Name()]
	if other == "" {
		other = "StatusBadRequest"
	}
	g.replaceName("change status", e, other)
	return true
}

// enumerated swaps a constant of a type of its own for the next one of that type.
func (g *generator) enumerated(e ast.Expr) bool {
	c, ok := g.used(e).(*types.Const)
	if !ok || c.Pkg() == nil {
		return false
	}
	if _, named := types.Unalias(c.Type()).(*types.Named); !named || isNamed(c.Type(), "time.Duration") {
		return false
	}
	other := g.sibling(c, func(o types.Object) bool {
		another, ok := o.(*types.Const)
		return ok && types.Identical(another.Type(), c.Type()) && !constant.Compare(another.Val(), token.EQL, c.Val())
	})
	if other != "" {
		g.replaceName("change constant", e, other)
	}
	return other != ""
}

// textConstant changes what a program reads: a key, a header, a path, SQL.
func (g *generator) textConstant(e ast.Expr) {
	isSQL := false
	ast.Inspect(e, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && looksLikeSQL(literal.Value) {
			isSQL = true
			g.sql(literal)
		}
		return true
	})
	text := constant.StringVal(g.of.info.Types[e].Value)
	if isSQL || g.forPeople(e, text) {
		return
	}
	if g.enumerated(e) {
		return
	}
	literal, ok := e.(*ast.BasicLit)
	switch {
	case text == "":
		g.replace("change text", e, `"x"`)
	case ok && literal.Value[0] == '"':
		changed := literal.Value[:len(literal.Value)-1] + `x"`
		if rest, padded := strings.CutSuffix(text, " "); padded {
			changed = strconv.Quote(rest + "x ")
		}
		g.replace("change text", e, changed)
	default:
		g.replace("change text", e, g.text(e)+`+"x"`)
	}
}

// forPeople reports whether nobody but people reads a text: it is a message, or a sentence.
func (g *generator) forPeople(e ast.Expr, text string) bool {
	if strings.ContainsAny(strings.TrimSpace(text), " \n") {
		return true
	}
	for i, n := range slices.Backward(g.stack) {
		call, ok := n.(*ast.CallExpr)
		if !ok || i+1 >= len(g.stack) {
			continue
		}
		message, at := g.message(call)
		return at >= 0 && message == g.stack[i+1]
	}
	if pair, ok := g.parent().(*ast.KeyValueExpr); ok {
		name, ok := pair.Key.(*ast.Ident)
		return ok && name.Name == "Help" && pair.Value == e
	}
	return false
}

// sql changes a piece of SQL.
func (g *generator) sql(literal *ast.BasicLit) {
	inside := literal.Value[1 : len(literal.Value)-1]
	if literal.Value[0] == '"' && strings.Contains(inside, `\`) {
		return // offsets would differ
	}
	start := g.module.offset(literal.Pos()) + 1
	for _, change := range sqlChanges(inside) {
		p := proposal{operator: change.operator, at: literal.Pos() + token.Pos(1+change.shown.from)}
		p.shown = []edit{{start + change.shown.from, start + change.shown.to, change.shown.text}}
		p.variants = [][]edit{{{start + change.run.from, start + change.run.to, change.run.text}}}
		g.propose(p)
	}
}

// sqlChange is a change to a statement, as it is sent and as it reads.
type sqlChange struct {
	operator   string
	run, shown edit // offsets in the piece of SQL
}

func (c sqlChange) String() string { return fmt.Sprintf("%s: %q", c.operator, c.run.text) }
