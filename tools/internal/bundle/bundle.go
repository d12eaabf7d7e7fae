package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/command"
)

const (
	// folder is where the packages of the answers seem to be.
	folder = "internal/answers"
	// mainTest is the test file that hands main to the lab.
	mainTest = "main_test.go"
	// choice is the test file that a bundle adds.
	choice = "answers_test.go"
)

// Bundle is a test binary with several answers in it.
type Bundle struct {
	file    string
	refused map[string]string // by name: what the compiler said of a variant
}

// Suitable says why no answer to a module can be bundled, nil when they can: its tests
// must come to the API by the lab alone.
func (m *Module) Suitable() error {
	files, err := filepath.Glob(filepath.Join(m.Dir, "*_test.go"))
	if err != nil {
		return err
	}
	found := false
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly)
		switch {
		case err != nil:
			return err
		case filepath.Base(name) == mainTest:
			found = true
		case !strings.HasSuffix(file.Name.Name, "_test"):
			return fmt.Errorf("%s is in package %s, and sees what is in it", filepath.Base(name), file.Name.Name)
		}
	}
	if !found {
		return fmt.Errorf("there is no %s", mainTest)
	}
	if _, err := os.Stat(filepath.Join(m.Dir, folder)); err == nil {
		return fmt.Errorf("there is a folder %s", folder)
	}
	_, err = m.hand(nil)
	return err
}

// Build builds a test binary with the variants in dir. A variant that doesn't compile is
// left out: [Bundle.Refused] tells. It fails when the rest can't be built either.
func (m *Module) Build(ctx context.Context, place command.Place, dir string, variants []Variant) (*Bundle, error) {
	b := &Bundle{file: filepath.Join(dir, "bundle.test"), refused: map[string]string{}}
	place.Dir = m.Dir
	for {
		kept := slices.DeleteFunc(slices.Clone(variants), func(v Variant) bool { return b.refused[v.Name] != "" })
		overlay, err := m.overlay(dir, kept)
		if err != nil {
			return nil, err
		}
		flag, remove, err := command.OverlayFlag(dir, overlay)
		if err != nil {
			return nil, err
		}
		out, err := place.Run(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-w", flag, "-o", b.file, ".")
		remove()
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !b.refuse(out) {
			return nil, fmt.Errorf("the bundle doesn't compile: %s", command.FirstOf(out, err))
		}
	}
}

// refuse notes whom the compiler complains about, which names a file by where it is or by
// where it seems to be. It returns false when it is nobody new.
func (b *Bundle) refuse(out string) bool {
	before := len(b.refused)
	written := filepath.Base(filepath.Dir(b.file))
	culprit := regexp.MustCompile(`(?:` + regexp.QuoteMeta(folder) + `|` + regexp.QuoteMeta(written) + `)/([a-z0-9-]+)/[^\s:]+:\d+`)
	for line := range strings.Lines(out) {
		if m := culprit.FindStringSubmatch(line); m != nil && b.refused[m[1]] == "" {
			_, where, _ := strings.Cut(line, "/"+m[1]+"/")
			b.refused[m[1]] = strings.TrimSpace(where)
		}
	}
	return len(b.refused) > before
}

// Refused is what the compiler said of a variant that isn't in the bundle, "" when it is.
func (b *Bundle) Refused(name string) string { return b.refused[name] }

// Binary is the path of a test binary that runs a variant as the API.
func (b *Bundle) Binary(name string) (string, error) {
	link := filepath.Join(filepath.Dir(b.file), name+".test")
	if err := os.Link(b.file, link); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("name the test binary after the answer: %w", err)
	}
	return link, nil
}

// overlay lays the variants below the module, and their choice over its main_test.go. What
// has to be written lies in dir.
func (m *Module) overlay(dir string, variants []Variant) (map[string]string, error) {
	overlay := map[string]string{}
	chosen := map[string]bool{}
	for _, v := range variants {
		copied, err := m.lay(dir, v, overlay)
		if err != nil {
			return nil, fmt.Errorf("put %s into the bundle: %w", v.Name, err)
		}
		chosen[v.Name] = copied
	}
	handed, err := m.hand([]byte("chosenAnswer"))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{mainTest: handed, choice: m.choose(chosen)} {
		written := filepath.Join(dir, name)
		if err := os.WriteFile(written, text, 0o644); err != nil {
			return nil, fmt.Errorf("write the bundle: %w", err)
		}
		overlay[filepath.Join(m.Dir, name)] = written
	}
	return overlay, nil
}

// lay lays the packages of one variant below the module. It returns false when there are
// none, since the variant changes nothing that is built.
func (m *Module) lay(dir string, v Variant, overlay map[string]string) (bool, error) {
	after, err := readTree(v.Copy)
	if err != nil {
		return false, err
	}
	changed := slices.Collect(maps.Keys(v.changed(m.Dir)))
	copied := slices.Compact(slices.Sorted(slices.Values(append(
		after.copied(m.Path, changed), m.tree.copied(m.Path, changed)...))))
	if len(copied) == 0 {
		return false, nil
	}
	own := path.Join(folder, v.Name)
	for _, name := range copied {
		for _, s := range after.packages[name] {
			written := filepath.Join(dir, v.Name, filepath.FromSlash(s.rel))
			if err := write(written, s.moved(m.Path, m.Path+"/"+own, copied)); err != nil {
				return false, err
			}
			overlay[filepath.Join(m.Dir, own, s.rel)] = written
		}
	}
	for _, rel := range after.others {
		if name := after.packageOf(rel); slices.Contains(copied, name) && after.builds(name, rel) {
			overlay[filepath.Join(m.Dir, own, rel)] = filepath.Join(v.Copy, rel)
		}
	}
	exported := filepath.Join(dir, v.Name, "main_of_answer.go")
	overlay[filepath.Join(m.Dir, own, "main_of_answer.go")] = exported
	return true, write(exported, []byte("package answer\n\n// MainOfAnswer is main.\nfunc MainOfAnswer() { main() }\n"))
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// moved is the source as it reads in another folder: it imports the copied packages from
// there, and main has a name by which it can be imported. No line moves.
func (s *source) moved(module, to string, copied []string) []byte {
	text := s.text
	for _, imported := range slices.Backward(s.file.Imports) {
		name, _ := strconv.Unquote(imported.Path.Value)
		rel, ok := strings.CutPrefix(name, module)
		if !ok || !slices.Contains(copied, path.Join(".", rel)) {
			continue
		}
		text = s.replaced(text, imported.Path, strconv.Quote(to+rel))
	}
	if s.file.Name.Name == "main" {
		text = s.replaced(text, s.file.Name, "answer")
	}
	return text
}

// replaced is the text with something else in the place of a node of s, behind which
// nothing was replaced yet that stands before it.
func (s *source) replaced(text []byte, n ast.Node, by string) []byte {
	from, to := s.set.Position(n.Pos()).Offset, s.set.Position(n.End()).Offset
	return slices.Concat(text[:from], []byte(by), text[to:])
}

// hand is the module's main_test.go with another main handed to the lab, or with the same
// one when by is nil. It fails when the file doesn't call lab.Main(m, main, …) once.
func (m *Module) hand(by []byte) ([]byte, error) {
	s, err := readSource(m.Dir, mainTest)
	if err != nil {
		return nil, err
	}
	var handed []*ast.Ident
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		main, isName := call.Args[1].(*ast.Ident)
		if called, ok := call.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Main" && isName && main.Name == "main" {
			handed = append(handed, main)
		}
		return true
	})
	if len(handed) != 1 {
		return nil, fmt.Errorf("%s doesn't hand main to lab.Main", mainTest)
	}
	if by == nil {
		return s.text, nil
	}
	return s.replaced(s.text, handed[0], string(by)), nil
}

// choose is the file with the main that becomes one of the answers. One without packages
// of its own is the solution.
func (m *Module) choose(answers map[string]bool) []byte {
	var imports, cases bytes.Buffer
	for i, name := range slices.Sorted(maps.Keys(answers)) {
		called := "main"
		if answers[name] {
			called = fmt.Sprintf("answer%d.MainOfAnswer", i)
			fmt.Fprintf(&imports, "\tanswer%d %q\n", i, m.Path+"/"+folder+"/"+name)
		}
		fmt.Fprintf(&cases, "\tcase %q:\n\t\t%s()\n", name, called)
	}
	return fmt.Appendf(nil, `package main

import (
	"os"
	"path/filepath"
	"strings"

%s)

// nameOfAnswer is what this binary is called.
var nameOfAnswer = strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")

// chosenAnswer is main.
func chosenAnswer() {
	switch nameOfAnswer {
%s	default:
		panic("this test binary holds no answer that is called " + nameOfAnswer)
	}
}
`, imports.String(), cases.String())
}
