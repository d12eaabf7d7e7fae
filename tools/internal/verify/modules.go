package verify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
)

const (
	rootPath  = "example.com/boxoffice"
	toolsPath = rootPath + "/tools"
	labPath   = toolsPath + "/lab"
	// contractPath is what stands once of the steps' tests.
	contractPath = labPath + "/contract"
)

// goMod is what `go mod edit -json` prints, as far as it is of interest.
type goMod struct {
	Module  struct{ Path string }
	Go      string
	Require []struct{ Path, Version string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// modules checks the go.mod of every module, go.work, and which modules an editor loads.
func modules(w *work) {
	first := map[string]pinned{}
	for _, dir := range w.modules() {
		m, err := readMod(w, dir)
		if err != nil {
			w.add(filepath.Join(dir, "go.mod"), "%v", err)
			continue
		}
		w.agree(filepath.Join(dir, "go.mod"), m, first)
	}
	for _, s := range w.steps {
		w.ownModule(s, s.Dir, false)
		w.ownModule(s, s.SolutionDir, true)
	}
	w.workspace()
	w.editorsModule()
}

// readMod reads the go.mod of a folder.
func readMod(w *work, dir string) (*goMod, error) {
	out, err := command.Place{Dir: dir}.Output(w.ctx, "go", "mod", "edit", "-json", filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	m := new(goMod)
	return m, json.Unmarshal(out, m)
}

// pinned is a version, and the first go.mod that asks for it.
type pinned struct{ version, file string }

// agree compares a module's requirements with those of the modules before it.
func (w *work) agree(file string, m *goMod, first map[string]pinned) {
	type requirement = struct{ Path, Version string }
	for _, r := range append(m.Require, requirement{"go", m.Go}) {
		seen, ok := first[r.Path]
		if !ok {
			first[r.Path] = pinned{r.Version, file}
		} else if seen.version != r.Version {
			w.add(file, "%s %s, but %s has %s", r.Path, cmp.Or(r.Version, "(none)"), w.rel(seen.file), seen.version)
		}
	}
}

// ownModule checks the path of a step's module and its way to tools.
func (w *work) ownModule(s *course.Step, dir string, solution bool) {
	file := filepath.Join(dir, "go.mod")
	m, err := readMod(w, dir)
	if err != nil {
		return
	}
	if want := s.ModulePath(solution); m.Module.Path != want {
		w.add(file, "the module is %s and must be %s", m.Module.Path, want)
	}
	for _, r := range m.Replace {
		if r.Old.Path == toolsPath && r.New.Path == "../../tools" {
			return
		}
	}
	w.add(file, "there is no \"replace %s => ../../tools\"", toolsPath)
}

// workspace checks that go.work uses each module.
func (w *work) workspace() {
	file := filepath.Join(w.Course.Root, "go.work")
	out, err := command.Place{Dir: w.Course.Root}.Output(w.ctx, "go", "work", "edit", "-json", file)
	var doc struct{ Use []struct{ DiskPath string } }
	if err == nil {
		err = json.Unmarshal(out, &doc)
	}
	if err != nil {
		w.add(file, "%v", err)
		return
	}
	used := map[string]bool{}
	for _, u := range doc.Use {
		used[path.Clean(u.DiskPath)] = true
	}
	for _, dir := range w.modules() {
		if !used[w.rel(dir)] {
			w.add(file, "doesn't use ./%s", w.rel(dir))
		}
	}
}

// standalone compiles and vets one module as somebody would who copied it out. go vet
// compiles what it looks at; go build would link besides, which costs a second and more,
// and which the tests do.
func standalone(w *work, dir string) {
	if out, err := w.command(dir, "GOWORK=off").Run(w.ctx, "go", "vet", "./..."); err != nil {
		w.add(dir, "GOWORK=off go vet ./...\n%s", command.FirstOf(out, err))
	}
}

// imports checks which packages may know which.
func imports(w *work) {
	for _, s := range w.steps {
		w.stepImports(s.Dir, s.ModulePath(false))
		w.stepImports(s.SolutionDir, s.ModulePath(true))
	}
	if !w.partial {
		w.toolsImports()
	}
}

// stepImports: the API's code knows no other module of the house, and its tests know the
// lab and the contract alone. They are the same in starter and solution, so they can't name their own
// module's packages either.
func (w *work) stepImports(dir, module string) {
	w.eachImport(dir, func(file, imported string) {
		switch {
		case !within(imported, rootPath):
		case isTest(file) && within(imported, module):
			w.add(file, "imports %s, which has another path in the other copy of this test", imported)
		case isTest(file) && imported != labPath && imported != contractPath:
			w.add(file, "imports %s; tests import %s and its contract alone", imported, labPath)
		case !isTest(file) && !within(imported, module):
			w.add(file, "imports %s; the API must stand without tools and other steps", imported)
		}
	})
}

// toolsImports: nothing knows the command, what the lab stands on doesn't know the lab,
// the contract measures from outside, as steps do, and leaves know nothing of the house
// but what may be imported everywhere.
func (w *work) toolsImports() {
	w.eachImport(w.tools(), func(file, imported string) {
		from := path.Dir(strings.TrimPrefix(w.rel(file), "tools/"))
		leaf, isLeaf := leafOf(from)
		switch {
		case !within(imported, rootPath):
		case within(imported, toolsPath+"/cmd"):
			w.add(file, "imports %s; nothing imports a command", imported)
		case within(imported, labPath) && within(from, "internal"):
			w.add(file, "imports %s; the lab stands on internal, not the other way round", imported)
		case from == "lab/contract" && !isTest(file) && imported != labPath:
			w.add(file, "imports %s; like a step's test, it imports %s alone", imported, labPath)
		case isLeaf && !within(imported, toolsPath+"/"+leaf) && !slices.Contains(everywhere, imported):
			w.add(file, "imports %s; %s imports nothing of the house", imported, path.Base(leaf))
		case !within(imported, toolsPath):
			w.add(file, "imports %s; tools imports no step", imported)
		}
	})
}

// leaves are folders whose packages know nothing of the house but each other and what is everywhere.
var leaves = []string{
	"internal/course", "internal/environment", "internal/machine", "internal/patch", "internal/process", "internal/resp", "internal/services",
}

// leafOf returns the leaf that a folder of tools is, or is below.
func leafOf(folder string) (leaf string, ok bool) {
	i := slices.IndexFunc(leaves, func(leaf string) bool { return within(folder, leaf) })
	if i < 0 {
		return "", false
	}
	return leaves[i], true
}

// everywhere are packages that anything may import: they know nothing of the house themselves.
var everywhere = []string{
	toolsPath + "/internal/environment", toolsPath + "/internal/machine", toolsPath + "/internal/patch", toolsPath + "/internal/process", toolsPath + "/internal/resp",
}

// within reports that an import path is root, or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// eachImport calls visit for each import of each Go file below dir.
func (w *work) eachImport(dir string, visit func(file, imported string)) {
	for _, file := range w.goFiles(dir) {
		list, err := importsOf(file)
		if err != nil {
			w.add(file, "%v", err)
		}
		for _, imported := range list {
			visit(file, imported)
		}
	}
}

// goFiles lists the Go files below dir, without testdata.
func (w *work) goFiles(dir string) []string {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && apart(d.Name()):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		w.add(dir, "%v", err)
	}
	return files
}

// apart reports folders that hold no code of the module.
func apart(name string) bool { return name == "testdata" || strings.HasPrefix(name, ".") }

// maxLines is what a learner can be asked to read, in lines of code.
const maxLines = 3000

// size counts the lines of code of the last solution's Go files, without tests. What
// explains the code isn't counted: nobody shall write less of that to stay below.
func size(w *work) {
	if len(w.Course.Steps) == 0 {
		return
	}
	last := slices.MaxFunc(w.Course.Steps, func(a, b *course.Step) int { return a.Number - b.Number })
	code, all := 0, 0
	for _, file := range w.goFiles(last.SolutionDir) {
		src, err := os.ReadFile(file)
		if err != nil {
			w.add(file, "%v", err)
		}
		if !isTest(file) {
			code += codeLines(src)
			all += bytes.Count(src, []byte("\n"))
		}
	}
	w.note = fmt.Sprintf("%d lines of code, %d with comments and blank lines", code, all)
	if code >= maxLines {
		w.add(last.SolutionDir, "%d lines of code without tests; a learner reads all of them, so keep below %d", code, maxLines)
	}
}

// codeLines counts the lines that have a token on them: neither blank, nor a comment
// alone.
func codeLines(src []byte) int {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(src))
	var tokens scanner.Scanner
	tokens.Init(file, src, nil, 0) // no mode: comments are skipped
	lines, last := 0, 0
	for {
		pos, kind, literal := tokens.Scan()
		if kind == token.EOF {
			return lines
		}
		if kind == token.SEMICOLON && literal == "\n" {
			continue // the end of a line, not a token of its own
		}
		first := file.Line(pos)
		end := first + strings.Count(literal, "\n") // a raw string has several lines
		lines += end - max(first-1, last)
		last = end
	}
}
