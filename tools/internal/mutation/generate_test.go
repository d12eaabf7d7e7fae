package mutation

import (
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imported is what the fixtures import, asked for once: go takes a second for it.
var imported struct {
	sync.Once
	set *token.FileSet
	types.Importer
	err error
}

// module writes a module of these files and loads it. Tests that call it don't run side by
// side, since they share what is imported.
func module(t *testing.T, files map[string]string) *Module {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	imported.Do(func() {
		of := t.TempDir()
		write(t, of, map[string]string{"main.go": prelude})
		m, err := Load(t.Context(), of, "example.com/fixture")
		if err == nil {
			imported.set, imported.Importer = m.set, m.importer
		}
		imported.err = err
	})
	require.NoError(t, imported.err)
	m := &Module{Dir: dir, Path: "example.com/fixture", set: imported.set, importer: imported.Importer}
	require.NoError(t, m.parse())
	for _, p := range m.packages {
		require.NoError(t, m.check(p))
	}
	return m
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	files["go.mod"] = "module example.com/fixture\n\ngo 1.26.0\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// empty is a starter without anything.
func empty(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.go": "package main\n\nfunc main() {}\n"})
	return dir
}

const prelude = `package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

var (
	_ = cmp.Or[int]
	_ context.Context
	_ sql.DB
	_ = errors.New
	_ = fmt.Sprint
	_ = slog.Info
	_ http.Handler
	_ = strings.ToLower
	_ sync.Mutex
	_ time.Duration
)

func main() {}

func do(...any) error { return nil }

type row struct{ A, B int }

var (
	errOne = errors.New("one")
	errTwo = errors.New("two")
)
`

// mutations are the mutants of a function with these lines: the operator, what goes and
// what comes.
func mutations(t *testing.T, function string) []string {
	t.Helper()
	starter := t.TempDir()
	write(t, starter, map[string]string{"main.go": prelude})
	m := module(t, map[string]string{"main.go": prelude + "\n" + function + "\n"})
	list, err := m.Mutants(starter)
	require.NoError(t, err)
	var all []string
	for _, one := range list {
		gone, come := one.Lines()
		all = append(all, strings.TrimSpace(one.Operator+": "+strings.Join(gone, " / ")+" => "+strings.Join(come, " / ")))
	}
	return all
}

func TestOperators(t *testing.T) {
	for name, c := range map[string]struct {
		function string
		want     []string
	}{
		"an error is ignored": {"func f() error {\n\terr := do()\n\tif err != nil {\n\t\treturn err\n\t}\n\treturn nil\n}", []string{
			"ignore error: if err != nil { => if false {",
			"swallow error: return err => return nil",
			`other error: return err => return errors.New("another error")`,
		}},
		"a condition": {"func f(n int) int {\n\tif n < 3 && n != 1 {\n\t\tn = 4\n\t}\n\treturn n\n}", []string{
			"condition never holds: if n < 3 && n != 1 { => if false {",
			"condition always holds: if n < 3 && n != 1 { => if true {",
			"drop condition: if n < 3 && n != 1 { => if n != 1 {",
			"drop condition: if n < 3 && n != 1 { => if n < 3 {",
			"move comparison by one: if n < 3 && n != 1 { => if n <= 3 && n != 1 {",
			"turn comparison: if n < 3 && n != 1 { => if n >= 3 && n != 1 {",
			"turn comparison: if n < 3 && n != 1 { => if n < 3 && n == 1 {",
			"change number: if n < 3 && n != 1 { => if n < 4 && n != 1 {",
			"change number: if n < 3 && n != 1 { => if n < 2 && n != 1 {",
			"change number: if n < 3 && n != 1 { => if n < 3 && n != 2 {",
			"change number: if n < 3 && n != 1 { => if n < 3 && n != 0 {",
			"change number: n = 4 => n = 5",
			"change number: n = 4 => n = 3",
		}},
		"statements": {"func f(a, b func()) {\n\tdefer a()\n\tb()\n}", []string{
			"drop statement: defer a() =>",
			"drop statement: b() =>",
			"swap statements: defer a() / b() => b() / defer a()",
		}},
		"a dropped statement leaves its variable": {"func f() {\n\tx := row{}\n\tx.A = 1\n\tdo(x)\n}", []string{
			"drop statement: x.A = 1 =>",
			"drop statement: do(x) =>",
			"change number: x.A = 1 => x.A = 2",
			"change number: x.A = 1 => x.A = 0",
		}},
		"what is refused, and what is done": {"func f(ok bool, do func()) {\n\tif !ok {\n\t\treturn\n\t}\n\tdo()\n}", []string{
			"condition never holds: if !ok { => if false {",
			"turn condition: if !ok { => if ok {",
			"drop statement: do() =>",
			"swap statements: if !ok { / do() => do() / if !ok {",
		}},
		"a commit": {"func f(tx *sql.Tx) error {\n\treturn tx.Commit()\n}", []string{
			"drop call: return tx.Commit() => return nil",
			"swallow error: return tx.Commit() => return ignored(tx.Commit())",
		}},
		"a transaction": {"func f(db *sql.DB) error {\n\ttx, err := db.Begin()\n\tif err != nil {\n\t\treturn errOne\n\t}\n\t_, err = tx.Exec(\"x\")\n\treturn errors.Join(err, tx.Commit())\n}", []string{
			"ignore error: if err != nil { => if false {",
			"swallow error: return errOne => return nil",
			"swap error: return errOne => return errTwo",
			`outside of the transaction: _, err = tx.Exec("x") => _, err = db.Exec("x")`,
			`drop statement: _, err = tx.Exec("x") =>`,
			`change text: _, err = tx.Exec("x") => _, err = tx.Exec("xx")`,
			"drop error: return errors.Join(err, tx.Commit()) => return errors.Join(tx.Commit())",
			"drop error: return errors.Join(err, tx.Commit()) => return errors.Join(err)",
			"swallow error: return errors.Join(err, tx.Commit()) => return nil",
			`other error: return errors.Join(err, tx.Commit()) => return errors.New("another error")`,
		}},
		"a lock": {"func f(mu *sync.Mutex, n *row) {\n\tmu.Lock()\n\tdefer mu.Unlock()\n\tn.A++\n}", []string{
			"drop lock: mu.Lock() / defer mu.Unlock() =>",
			"unlock at once: defer mu.Unlock() => mu.Unlock()",
			"drop statement: n.A++ =>",
			"swap statements: mu.Lock() / defer mu.Unlock() => defer mu.Unlock() / mu.Lock()",
			"change arithmetic: n.A++ => n.A--",
			"drop statement: defer mu.Unlock() =>",
		}},
		"a context": {"func f(ctx context.Context, db *sql.DB) error {\n\treturn db.PingContext(ctx)\n}", []string{
			"drop call: return db.PingContext(ctx) => return nil",
			"swallow error: return db.PingContext(ctx) => return ignored(db.PingContext(ctx))",
			"context without an end: return db.PingContext(ctx) => return db.PingContext(context.WithoutCancel(ctx))",
		}},
		"a deadline": {"func f(ctx context.Context) (context.Context, func()) {\n\treturn context.WithTimeout(ctx, 5*time.Second)\n}", []string{
			"context without an end: return context.WithTimeout(ctx, 5*time.Second) => return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)",
			"longer: return context.WithTimeout(ctx, 5*time.Second) => return context.WithTimeout(ctx, 100*(5*time.Second))",
			"shorter: return context.WithTimeout(ctx, 5*time.Second) => return context.WithTimeout(ctx, (5*time.Second)/100)",
		}},
		"an error that is asked for": {"func f(err error) bool {\n\treturn errors.Is(err, sql.ErrNoRows)\n}", []string{
			"turn condition: return errors.Is(err, sql.ErrNoRows) => return !errors.Is(err, sql.ErrNoRows)",
			"any error: return errors.Is(err, sql.ErrNoRows) => return err != nil",
			"swap error: return errors.Is(err, sql.ErrNoRows) => return errors.Is(err, sql.ErrTxDone)",
		}},
		"a wrapped error": {"func f(err error) error {\n\treturn fmt.Errorf(\"do it: %w\", err)\n}", []string{
			`swallow error: return fmt.Errorf("do it: %w", err) => return nil`,
			`other error: return fmt.Errorf("do it: %w", err) => return errors.New("another error")`,
			`unwrap error: return fmt.Errorf("do it: %w", err) => return fmt.Errorf("do it: %v", err)`,
		}},
		"an answer": {"func f(w http.ResponseWriter) {\n\tw.Header().Set(\"Retry-After\", \"1\")\n\tw.WriteHeader(http.StatusCreated)\n}", []string{
			`drop statement: w.Header().Set("Retry-After", "1") =>`,
			"drop statement: w.WriteHeader(http.StatusCreated) =>",
			`swap statements: w.Header().Set("Retry-After", "1") / w.WriteHeader(http.StatusCreated) => w.WriteHeader(http.StatusCreated) / w.Header().Set("Retry-After", "1")`,
			`change text: w.Header().Set("Retry-After", "1") => w.Header().Set("Retry-Afterx", "1")`,
			`change text: w.Header().Set("Retry-After", "1") => w.Header().Set("Retry-After", "1x")`,
			"change status: w.WriteHeader(http.StatusCreated) => w.WriteHeader(http.StatusOK)",
		}},
		"a call that changes its value": {"func f(s string) string {\n\treturn strings.ToLower(s)\n}", []string{
			"drop call: return strings.ToLower(s) => return s",
		}},
		"a limit": {"func f(n int) int {\n\treturn min(n, 100)\n}", []string{
			"drop call: return min(n, 100) => return n",
			"drop call: return min(n, 100) => return 100",
			"change number: return min(n, 100) => return min(n, 101)",
			"change number: return min(n, 100) => return min(n, 99)",
		}},
		"fields": {"func f(n int) row {\n\treturn row{A: n, B: 2}\n}", []string{
			"drop field: return row{A: n, B: 2} => return row{B: 2}",
			"drop field: return row{A: n, B: 2} => return row{A: n}",
			"change number: return row{A: n, B: 2} => return row{A: n, B: 3}",
			"change number: return row{A: n, B: 2} => return row{A: n, B: 1}",
		}},
		"a log line": {"func f(ctx context.Context, id int) {\n\tslog.InfoContext(ctx, \"done\", \"id\", id)\n}", []string{
			`drop statement: slog.InfoContext(ctx, "done", "id", id) =>`,
			`context without an end: slog.InfoContext(ctx, "done", "id", id) => slog.InfoContext(context.WithoutCancel(ctx), "done", "id", id)`,
			`drop log field: slog.InfoContext(ctx, "done", "id", id) => slog.InfoContext(ctx, "done")`,
			`change text: slog.InfoContext(ctx, "done", "id", id) => slog.InfoContext(ctx, "done", "idx", id)`,
		}},
		"a loop": {"func f(all []int) {\n\tfor _, n := range all {\n\t\tdo(n)\n\t}\n}", []string{
			"drop statement: for _, n := range all { / do(n) / } =>",
			"only one turn:  => break",
			"drop statement: do(n) =>",
		}},
		"a switch": {"func f(err error, n *int) {\n\tswitch {\n\tcase err == nil:\n\t\t*n = 0\n\tdefault:\n\t\tdo(n)\n\t}\n}", []string{
			"condition never holds: case err == nil: => case false:",
			"drop case: default: / do(n) =>",
			"drop statement: *n = 0 =>",
			"change number: *n = 0 => *n = 1",
			"drop statement: do(n) =>",
		}},
		"a load": {"func load(ctx context.Context, id int) (int, error) {\n\treturn id, do(ctx)\n}", []string{
			`keep in the process:  => return rememberForEver(fmt.Sprint("load", id), func() (int, error) { / })`,
			"context without an end: return id, do(ctx) => return id, do(context.WithoutCancel(ctx))",
			"drop call: return id, do(ctx) => return id, nil",
			"swallow error: return id, do(ctx) => return id, ignored(do(ctx))",
		}},
		"a variable": {"var statuses = []int{http.StatusOK, 7}", []string{
			"drop element: var statuses = []int{http.StatusOK, 7} => var statuses = []int{7}",
			"drop element: var statuses = []int{http.StatusOK, 7} => var statuses = []int{http.StatusOK}",
			"change status: var statuses = []int{http.StatusOK, 7} => var statuses = []int{http.StatusAccepted, 7}",
			"change number: var statuses = []int{http.StatusOK, 7} => var statuses = []int{http.StatusOK, 8}",
			"change number: var statuses = []int{http.StatusOK, 7} => var statuses = []int{http.StatusOK, 6}",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ElementsMatch(t, c.want, mutations(t, c.function))
		})
	}
}

func TestOnlyWhatTheLearnerWritesIsChanged(t *testing.T) {
	starter := t.TempDir()
	write(t, starter, map[string]string{
		"main.go":   "package main\n\nfunc main() {}\n\nfunc same(n int) int { return n + 1 }\n\nfunc gap(n int) int {\n\t// TODO(task 1): add\n\treturn n\n}\n",
		"a/a.go":    "package a\n\nvar Same = []int{1}\n\nvar Other = []int{1}\n",
		"a/test.go": "package a\n",
	})
	m := module(t, map[string]string{
		"main.go": "package main\n\nfunc main() {}\n\n// New words.\nfunc same(n int) int { return n + 1 }\n\nfunc gap(n int) int {\n\treturn n + 1\n}\n\nfunc added() int { return 3 }\n",
		"a/a.go":  "package a\n\nvar Same = []int{1}\n\nvar Other = []int{2}\n",
	})
	targets, err := m.targets(starter)
	require.NoError(t, err)
	var names []string
	for _, one := range targets {
		names = append(names, one.of.folder+" "+one.name)
	}
	assert.Equal(t, []string{"a Other", ". gap", ". added"}, names)
}

// A constant is changed where it is used, also where the learner writes nothing else.
func TestConstantsAreChangedWhereTheyAreUsed(t *testing.T) {
	starter := t.TempDir()
	text := func(n string) string {
		return "package main\n\nconst most = " + n + "\n\nconst other = 1\n\nfunc main() {\n\tprintln(other)\n\tprintln(2 * most)\n}\n"
	}
	write(t, starter, map[string]string{"main.go": text("0 // TODO(task 1): how many?")})
	list, err := module(t, map[string]string{"main.go": text("7")}).Mutants(starter)
	require.NoError(t, err)
	var all []string
	for _, one := range list {
		_, come := one.Lines()
		all = append(all, strings.Join(come, " "))
	}
	assert.Equal(t, []string{"println((2 * most)+1)", "println((2 * most)-1)"}, all)
}

func TestIdentityStaysWhenOtherLinesMove(t *testing.T) {
	one := module(t, map[string]string{"main.go": "package main\n\nfunc main() { println(1) }\n"})
	two := module(t, map[string]string{"main.go": "package main\n\nvar x = 1\n\nfunc main()     { println(1) }\nfunc other() { println(x) }\n"})
	starter := t.TempDir()
	write(t, starter, map[string]string{"other.go": "package main\n\nvar x = 1\n\nfunc other() { println(x) }\n"})
	first, err := one.Mutants(starter)
	require.NoError(t, err)
	second, err := two.Mutants(starter)
	require.NoError(t, err)
	require.Equal(t, len(first), len(second))
	for i := range first {
		assert.Equal(t, first[i].Identity(), second[i].Identity())
	}
}

func TestEqualMutantsAreToldApart(t *testing.T) {
	m := module(t, map[string]string{"main.go": "package main\n\nfunc main() {\n\tprintln(1)\n\tprintln(1)\n}\n"})
	list, err := m.Mutants(empty(t))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, one := range list {
		assert.False(t, seen[one.Identity()], one.Identity())
		seen[one.Identity()] = true
	}
}
