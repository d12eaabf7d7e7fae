package bundle

import (
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

	"example.com/boxoffice/tools/internal/course"
)

// Module is a solution that answers are patches on.
type Module struct {
	Dir  string // without symbolic links
	Path string // such as example.com/boxoffice/solutions/09-queues

	tree *tree
}

// Variant is one answer, applied.
type Variant struct {
	Name    string            // of its folder in the bundle; the answer's file name without .patch
	Copy    string            // the folder with the whole patched module
	Overlay map[string]string // what differs, as the go command's -overlay wants it
}

// tree is the source of a module, without its tests.
type tree struct {
	packages map[string][]*source // by folder relative to the module, "." for its root
	others   []string             // files that are not Go
}

// source is one Go file.
type source struct {
	rel  string
	text []byte
	file *ast.File
	set  *token.FileSet
}

// Read reads the source of the module.
func (m *Module) Read() (err error) {
	m.tree, err = readTree(m.Dir)
	return err
}

func readTree(dir string) (*tree, error) {
	files, err := course.Files(dir)
	if err != nil {
		return nil, err
	}
	t := &tree{packages: map[string][]*source{}}
	for _, rel := range files {
		switch {
		case strings.HasSuffix(rel, "_test.go"):
		case !strings.HasSuffix(rel, ".go"):
			t.others = append(t.others, rel)
		default:
			s, err := readSource(dir, rel)
			if err != nil {
				return nil, err
			}
			t.packages[path.Dir(rel)] = append(t.packages[path.Dir(rel)], s)
		}
	}
	return t, nil
}

func readSource(dir, rel string) (*source, error) {
	text, err := os.ReadFile(filepath.Join(dir, rel))
	if err != nil {
		return nil, err
	}
	s := &source{rel: rel, text: text, set: token.NewFileSet()}
	s.file, err = parser.ParseFile(s.set, rel, text, parser.SkipObjectResolution|parser.ParseComments)
	return s, err
}

// imports are the paths that the packages of the tree import, each with whether some file
// imports it only for what it does at the start.
func (t *tree) imports() map[string]bool {
	all := map[string]bool{}
	for _, files := range t.packages {
		for _, s := range files {
			for _, imported := range s.file.Imports {
				name, _ := strconv.Unquote(imported.Path.Value)
				blank := imported.Name != nil && imported.Name.Name == "_" && name != "embed"
				all[name] = all[name] || blank
			}
		}
	}
	return all
}

// copied are the folders of the packages that the bundle has to hold once more for a
// variant: those that it changes, and those that import them. None for a variant that
// changes nothing that is built.
func (t *tree) copied(module string, changed []string) []string {
	set := map[string]bool{}
	for _, rel := range changed {
		if folder := t.packageOf(rel); folder != "" && t.builds(folder, rel) {
			set[folder] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for folder, files := range t.packages {
			if !set[folder] && slices.ContainsFunc(files, func(s *source) bool { return s.importsOneOf(module, set) }) {
				set[folder], grown = true, true
			}
		}
	}
	if len(set) > 0 {
		set["."] = true // main chooses
	}
	return slices.Sorted(maps.Keys(set))
}

// builds reports whether a file of a package's folder is built in: Go, or embedded.
func (t *tree) builds(folder, rel string) bool {
	if strings.HasSuffix(rel, ".go") {
		return true
	}
	return slices.ContainsFunc(t.packages[folder], func(s *source) bool { return strings.Contains(string(s.text), "//go:embed ") }) &&
		slices.ContainsFunc(t.packages[folder], func(s *source) bool { return s.embeds(folder, rel) })
}

// embeds reports whether a go:embed line of the file may take in rel. A pattern that
// names a folder takes in all below it.
func (s *source) embeds(folder, rel string) bool {
	within, err := filepath.Rel(folder, rel)
	if err != nil {
		return false
	}
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			patterns, ok := strings.CutPrefix(c.Text, "//go:embed ")
			for _, pattern := range strings.Fields(patterns) {
				pattern = strings.TrimPrefix(strings.Trim(pattern, "\"`"), "all:")
				if matched, _ := path.Match(pattern, within); ok && (matched || strings.HasPrefix(within, pattern+"/")) {
					return true
				}
			}
		}
	}
	return false
}

// packageOf is the folder of the package that a file lies in or below, "" when there is
// none.
func (t *tree) packageOf(rel string) string {
	for folder := path.Dir(rel); ; folder = path.Dir(folder) {
		if _, ok := t.packages[folder]; ok {
			return folder
		}
		if folder == "." {
			return ""
		}
	}
}

func (s *source) importsOneOf(module string, folders map[string]bool) bool {
	return slices.ContainsFunc(s.file.Imports, func(imported *ast.ImportSpec) bool {
		name, _ := strconv.Unquote(imported.Path.Value)
		rel, ok := strings.CutPrefix(name, module)
		return ok && folders[path.Join(".", rel)]
	})
}

// folderName is what a variant may be called: its name is an element of an import path,
// and the name of a file.
var folderName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// Alone is why a variant can't be built into a bundle with others, "" when it can.
func (m *Module) Alone(v Variant) (string, error) {
	if !folderName.MatchString(v.Name) {
		return "its name is no element of an import path", nil
	}
	for rel := range v.changed(m.Dir) {
		if path.Base(rel) == "go.mod" || path.Base(rel) == "go.sum" {
			return "it changes " + rel, nil
		}
	}
	after, err := readTree(v.Copy)
	if err != nil {
		return "it can't be parsed", nil // the compiler tells better
	}
	if reason := m.importsOthers(after); reason != "" {
		return reason, nil
	}
	return m.startsOtherwise(after), nil
}

// changed yields the files that a variant changes, adds or removes, relative to the module.
func (v Variant) changed(module string) map[string]bool {
	all := map[string]bool{}
	for name := range v.Overlay {
		if rel, err := filepath.Rel(module, name); err == nil {
			all[filepath.ToSlash(rel)] = true
		}
	}
	return all
}

// acts matches packages of the standard library that change what the whole program does
// as soon as they are linked.
var acts = regexp.MustCompile(`^(expvar|net/http/pprof|plugin|testing|time/tzdata|unsafe|runtime/cgo|C|image/.*)$`)

// importsOthers is why what an answer imports must not be linked with others. A module
// more or less can be seen in what the program says of its build: by it the lab tells
// whether an API uses Redis.
func (m *Module) importsOthers(after *tree) string {
	was, is := m.tree.imports(), after.imports()
	for _, name := range slices.Sorted(maps.Keys(is)) {
		_, known := was[name]
		switch {
		case strings.HasPrefix(name, m.Path+"/"):
		case known && was[name] == is[name]:
		case acts.MatchString(name) || is[name]:
			return "it imports " + name + ", which acts when it is linked"
		case ofModule(name):
			return "it imports " + name + ", which the solution doesn't"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, kept := is[name]; !kept && ofModule(name) && !strings.HasPrefix(name, m.Path+"/") {
			return "it no longer imports " + name
		}
	}
	return ""
}

// ofModule reports whether a package comes with a module, and not with Go.
func ofModule(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.Contains(first, ".")
}

// harmless are the calls that a variable may be initialised by: they compute a value, and
// touch nothing that others see.
var harmless = []string{
	"errors.New", "fmt.Errorf", "fmt.Sprintf", "regexp.MustCompile", "strings.NewReplacer", "time.Date", "redis.NewScript",
	"sync.OnceFunc", "sync.OnceValue", "sync.OnceValues", "time.Duration",
	"make", "new", "len", "string", "int", "int64", "float64", "[]byte",
}

// aware are the words by which code can learn where it was built.
var aware = []string{
	"debug.ReadBuildInfo", "os.Executable", "runtime.Caller", "runtime.FuncForPC", "log.Lshortfile", "log.Llongfile",
	"AddSource", ".PkgPath(", "go:linkname", "os.Args[0]",
}

// startsOtherwise is why an answer must not be in the same program as others: what it has
// more than the solution happens at the start of all of them, or depends on the build.
// What the solution itself has is known to do no harm: each bundle holds it several times.
func (m *Module) startsOtherwise(after *tree) string {
	known := m.tree.starts()
	for _, start := range slices.Sorted(maps.Keys(after.starts())) {
		if _, ok := known[start]; !ok {
			return fmt.Sprintf("it does something when the program starts: %s", strings.TrimSpace(strings.SplitN(start, "\n", 2)[0]))
		}
	}
	for _, word := range aware {
		if m.tree.count(word) != after.count(word) {
			return "it uses " + word + " otherwise than the solution"
		}
	}
	return ""
}

// count is how often a word stands in the tree's source.
func (t *tree) count(word string) int {
	n := 0
	for _, files := range t.packages {
		for _, s := range files {
			n += strings.Count(string(s.text), word)
		}
	}
	return n
}

// starts are the pieces of source that run when the program starts and aren't known to be
// harmless: init functions, and variables that calls initialise.
func (t *tree) starts() map[string]bool {
	all := map[string]bool{}
	for _, files := range t.packages {
		for _, s := range files {
			for _, d := range s.file.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						all[s.between(d)] = true
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if v, ok := spec.(*ast.ValueSpec); ok && slices.ContainsFunc(v.Values, s.calls) {
							all[s.between(v)] = true
						}
					}
				}
			}
		}
	}
	return all
}

func (s *source) between(n ast.Node) string {
	return string(s.text[s.set.Position(n.Pos()).Offset:s.set.Position(n.End()).Offset])
}

// calls reports whether an expression calls something that isn't known to be harmless, or
// waits for a channel. What stands in a function's body isn't run yet.
func (s *source) calls(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		case *ast.CallExpr:
			_, literal := n.Fun.(*ast.FuncLit)
			found = found || literal || !slices.Contains(harmless, s.between(n.Fun))
		}
		return !found
	})
	return found
}
