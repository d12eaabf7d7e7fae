package mutation

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	// chooser is the folder of the package that knows which mutant the program is.
	chooser = "internal/mutants"
	// words is the file of a package with what its changed bodies call.
	words = "mutants_words.go"
	// reached ends the name of the file, beside the binary, with the places that were reached.
	reached = ".reached"
	// original is the name of the binary that is the solution as it is, and that writes down
	// what is reached.
	original = "original"
)

// helpers are what changed bodies call. %s is what makes them know the mutant.
const helpers = `package %s

import (
	"context"
	"errors"
	"fmt"
	"sync"
%s
)

// mutantEndless is ctx without its end.
func mutantEndless(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

func mutantIgnored(error) error { return nil }

func mutantOther(error) error { return errors.New("another error") }

func mutantZero[T any](T) (zero T) { return zero }

type mutantResult[T any] struct {
	value T
	err   error
}

var mutantMemory sync.Map

func mutantKept[T any](key []any, load func() (T, error)) (T, error) {
	name := fmt.Sprintf("%%#v", key)
	if kept, ok := mutantMemory.Load(name); ok {
		return kept.(mutantResult[T]).value, nil
	}
	value, err := load()
	if err == nil {
		mutantMemory.Store(name, mutantResult[T]{value, nil})
	}
	return value, err
}
`

// knowing is what the helpers know more in the binary.
const knowing = `
var mutantChosen = mutants.Chosen

func mutantReached(place int) { mutants.Reached(place) }
`

// chooserText is the package that knows which mutant the program is: by the binary's name,
// "m17.test" or "original.NAME.test".
const chooserText = `// Package mutants knows which change this program is.
package mutants

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

var (
	binary = os.Args[0]
	// Chosen is the change's number, 0 for none.
	Chosen, tells = choose(filepath.Base(binary))
)

func choose(name string) (int, bool) {
	name, _, _ = strings.Cut(name, ".")
	number, _ := strconv.Atoi(strings.TrimPrefix(name, "m"))
	return number, name == "original"
}

var (
	mu   sync.Mutex
	seen = map[int]bool{}
	file *os.File
)

// Reached writes down that a place was reached, the first time that it is.
func Reached(place int) {
	if !tells {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if seen[place] {
		return
	}
	seen[place] = true
	if file == nil {
		var err error
		if file, err = os.OpenFile(binary+".reached", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			panic(err)
		}
	}
	if _, err := file.WriteString(strconv.Itoa(place) + "\n"); err != nil {
		panic(err)
	}
}
`

// weave writes the module's changed files into dir, with all mutants in them, and returns
// where the go command has to see them.
func (m *Module) weave(dir string, list []*Mutant) (overlay map[string]string, err error) {
	overlay = map[string]string{}
	add := func(rel string, text []byte) {
		written := filepath.Join(dir, filepath.FromSlash(rel))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(written), 0o755)
		}
		if err == nil {
			err = os.WriteFile(written, text, 0o644)
		}
		overlay[filepath.Join(m.Dir, filepath.FromSlash(rel))] = written
	}
	add(chooser+"/mutants.go", []byte(chooserText))
	packages := map[*goPackage]bool{}
	byFile := map[*goFile][]*Mutant{}
	for _, one := range list {
		byFile[one.target.file] = append(byFile[one.target.file], one)
		packages[one.target.of] = true
	}
	for f, mutants := range byFile {
		add(f.rel, m.woven(f, mutants))
	}
	for p := range packages {
		add(path.Join(p.folder, words), fmt.Appendf(nil, helpers+knowing, p.name, fmt.Sprintf("\n\t%q", m.Path+"/"+chooser)))
	}
	if err != nil {
		return nil, fmt.Errorf("write the mutants: %w", err)
	}
	return overlay, nil
}

// woven is a file in which each function holds its changed bodies, and says which of its
// places are reached.
func (m *Module) woven(f *goFile, list []*Mutant) []byte {
	byTarget := map[*target][]*Mutant{}
	for _, one := range list {
		byTarget[one.target] = append(byTarget[one.target], one)
	}
	targets := slices.SortedFunc(maps.Keys(byTarget), func(a, b *target) int { return int(a.node().Pos() - b.node().Pos()) })
	var edits []edit
	var inits bytes.Buffer
	for _, t := range targets {
		if t.function == nil {
			m.assignLater(&inits, t, byTarget[t])
			continue
		}
		edits = append(edits, m.body(t, byTarget[t])...)
	}
	text := apply(f.text, 0, edits)
	if inits.Len() > 0 {
		text = fmt.Appendf(text, "\nfunc init() {\n\tswitch mutantChosen {\n%s\t}\n}\n", inits.String())
	}
	return text
}

// assignLater assigns a variable's changed values when the program starts.
func (m *Module) assignLater(out *bytes.Buffer, t *target, list []*Mutant) {
	value := t.variable.Values[0]
	from, to := m.offset(value.Pos()), m.offset(value.End())
	for _, one := range list {
		fmt.Fprintf(out, "\tcase %d:\n\t\t%s = %s\n", one.Number, t.name, apply(t.file.text[from:to], from, one.edits))
	}
}

// body are the edits that put the changed bodies of a function before its own.
func (m *Module) body(t *target, list []*Mutant) []edit {
	block := t.function.Body
	from, to := m.offset(block.Lbrace)+1, m.offset(block.Rbrace)
	own := t.file.text[from:to]
	var cases bytes.Buffer
	for _, one := range list {
		changed := relabel(apply(own, from, one.edits), labels(block), one.Number)
		fmt.Fprintf(&cases, "\tcase %d:\n\t\t{%s\n\t\t}\n", one.Number, changed)
		if t.function.Type.Results == nil {
			cases.WriteString("\t\treturn\n")
		}
	}
	edits := []edit{{from, from, fmt.Sprintf("\n\tswitch mutantChosen {\n%s\t}\n", cases.String())}}
	for pos, place := range m.placesIn(block, list) {
		at := m.offset(pos)
		edits = append(edits, edit{at, at, fmt.Sprintf("mutantReached(%d); ", place)})
	}
	return edits
}

// placesIn are the places of mutants in a block, by where they are.
func (m *Module) placesIn(block *ast.BlockStmt, list []*Mutant) map[token.Pos]int {
	wanted := map[int]bool{}
	for _, one := range list {
		wanted[one.place] = true
	}
	found := map[token.Pos]int{}
	ast.Inspect(block, func(n ast.Node) bool {
		if s, ok := n.(ast.Stmt); ok && wanted[m.places.of[s.Pos()]] {
			found[s.Pos()] = m.places.of[s.Pos()]
		}
		return true
	})
	return found
}

// labels are those of a function's body.
func labels(block *ast.BlockStmt) []string {
	var list []string
	ast.Inspect(block, func(n ast.Node) bool {
		if s, ok := n.(*ast.LabeledStmt); ok {
			list = append(list, s.Label.Name)
		}
		return true
	})
	return list
}

// relabel gives the labels of a body's copy names of their own.
func relabel(body []byte, labels []string, number int) []byte {
	for _, label := range labels {
		name := regexp.MustCompile(`\b` + regexp.QuoteMeta(label) + `\b`)
		body = name.ReplaceAll(body, fmt.Appendf(nil, "%s%d", label, number))
	}
	return body
}

// helperText is what the helpers are for a check of types, where nothing is chosen.
func helperText(name string) string { return fmt.Sprintf(helpers, name, "") }

// nameOf is the name of the binary that is a mutant.
func nameOf(number int) string { return fmt.Sprintf("m%d.test", number) }

// placeNumbers reads what was reached.
func placeNumbers(text string) map[int]bool {
	found := map[int]bool{}
	for line := range strings.Lines(text) {
		var n int
		if _, err := fmt.Sscan(line, &n); err == nil {
			found[n] = true
		}
	}
	return found
}
