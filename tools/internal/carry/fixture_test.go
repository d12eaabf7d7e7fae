package carry

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

// author is somebody with a clone of a course of three steps. The package shop differs from
// folder to folder: step 2 has a gap in Total and gives it a rebate, step 3 has one in
// Name. The package plain is the same everywhere.
type author struct {
	t      *testing.T
	root   string
	course *course.Course
}

const (
	mul    = "return price * n"
	rebate = "if n >= 10 {\n\t\tprice--\n\t}\n\treturn price * n"
	name   = "return first + last"
	polite = "return strings.TrimSpace(first + \" \" + last)"
	gap1   = "return 0 // TODO(task 1): add up"
	gap2   = "return \"\" // TODO(task 1): join"
)

func newAuthor(t *testing.T) *author {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	a := &author{t: t, root: root}
	a.put(".gitignore", ".workshop/\n")
	a.put("go.work", "go 1.26.0\n")
	for number, step := range []string{"01-one", "02-two", "03-three"} {
		a.put("site/content/steps/"+step+".md", "---\ntitle: "+step+"\ntasks:\n  - {title: it, tests: [TestIt]}\n---\n")
		for _, kind := range []string{"steps", "solutions"} {
			folder := kind + "/" + step
			a.put(folder+"/go.mod", "module example.com/boxoffice/"+folder+"\n\ngo 1.26.0\n")
			a.put(folder+"/main.go", "package main\n\nimport \"example.com/boxoffice/"+folder+"/shop\"\n\nfunc main() { println(shop.Price()) }\n")
			a.put(folder+"/plain/plain.go", "package plain\n\n// One is one.\nfunc One() int { return 1 }\n\n// Two is two.\nfunc Two() int { return 2 }\n")
			a.put(folder+"/shared_test.go", "package main\n\nimport \"testing\"\n\nfunc TestShared(t *testing.T) {}\n")
			a.put(folder+"/"+step[3:]+"_test.go", "package main\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) {}\n")
			a.put(folder+"/shop/shop.go", shop(number, kind))
		}
	}
	a.put("solutions/02-two/wrong-answers/no-rebate.patch", "There is no rebate\n\nTask: 1\nCaught-by: TestIt\nSays: dear\n"+
		"--- a/shop/shop.go\n+++ b/shop/shop.go\n@@ -14,7 +14,7 @@ func Price() int { return 5 }\n \n // Total is what all cost.\n func Total(price, n int) int {\n"+
		"-\tif n >= 10 {\n+\tif n >= 1000 {\n \t\tprice--\n \t}\n \treturn price * n\n")
	a.open()
	for _, s := range a.course.Steps {
		src, err := s.MakeStarterPatch()
		require.NoError(t, err)
		a.put("solutions/"+s.Name+"/starter.patch", string(src))
	}
	a.git("init", "-q")
	a.commit()
	return a
}

// shop is the file that differs: by the number of the step from 0, and by the folder.
func shop(number int, kind string) string {
	total, join := mul, name
	if number >= 1 {
		total = rebate
	}
	if number >= 2 {
		join = polite
	}
	if number == 1 && kind == "steps" {
		total = gap1
	}
	if number == 2 && kind == "steps" {
		join = gap2
	}
	imports := ""
	if join == polite {
		imports = "import \"strings\"\n\n"
	}
	return "// Package shop sells.\npackage shop\n\n" + imports + pad("a") +
		"// Price is what one costs.\nfunc Price() int { return 5 }\n\n" + pad("b") +
		"// Total is what all cost.\nfunc Total(price, n int) int {\n\t" + total + "\n}\n\n" + pad("c") +
		"// Name is the buyer's.\nfunc Name(first, last string) string {\n\t" + join + "\n}\n\n" + pad("d")
}

// pad keeps changes apart.
func pad(letter string) string {
	return "const " + letter + "1 = 1\n\nconst " + letter + "2 = 2\n\n"
}

func (a *author) open() { a.course = coursetest.Open(a.t, a.root) }

func (a *author) put(path, content string) {
	coursetest.Write(a.t, filepath.Join(a.root, path), content)
}

func (a *author) read(path string) string {
	a.t.Helper()
	src, err := os.ReadFile(filepath.Join(a.root, path))
	require.NoError(a.t, err)
	return string(src)
}

func (a *author) has(path string) bool {
	_, err := os.Stat(filepath.Join(a.root, path))
	return err == nil
}

// change replaces one piece of a file.
func (a *author) change(path, old, new string) {
	a.t.Helper()
	src := a.read(path)
	require.Equal(a.t, 1, strings.Count(src, old), "%q in %s", old, path)
	a.put(path, strings.Replace(src, old, new, 1))
}

func (a *author) remove(path string) {
	a.t.Helper()
	require.NoError(a.t, os.Remove(filepath.Join(a.root, path)))
}

func (a *author) git(args ...string) string {
	a.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Dir = a.root
	out, err := cmd.CombinedOutput()
	require.NoError(a.t, err, string(out))
	return string(out)
}

func (a *author) commit() {
	a.git("add", "-A")
	a.git("commit", "-qm", "x")
}

// state is what git sees of the working tree.
func (a *author) state() string { return a.git("status", "--porcelain") + a.git("diff") }

func (a *author) carry(keep ...string) *Report {
	a.t.Helper()
	report, err := Run(a.t.Context(), Options{Course: a.course, Keep: keep})
	require.NoError(a.t, err)
	return report
}

// carriesAll carries, which must leave nothing to a person and nothing for a second run.
func (a *author) carriesAll() *Report {
	a.t.Helper()
	report := a.carry()
	require.Empty(a.t, conflicts(report))
	before := a.state()
	again := a.carry()
	require.Zero(a.t, again.Written, "%v", again.Rows)
	require.Empty(a.t, conflicts(again))
	require.Equal(a.t, before, a.state())
	a.startersFit()
	return report
}

// startersFit checks that each starter.patch makes its starter.
func (a *author) startersFit() {
	a.t.Helper()
	for _, s := range a.course.Steps {
		want, err := s.MakeStarterPatch()
		require.NoError(a.t, err)
		require.Equal(a.t, string(want), a.read("solutions/"+s.Name+"/starter.patch"), s.Name)
	}
}

func conflicts(r *Report) []string { return pathsOf(r, Conflict) }

func pathsOf(r *Report, kind Kind) []string {
	var paths []string
	for _, row := range r.Rows {
		if row.Kind == kind {
			paths = append(paths, row.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

func why(r *Report, path string) string {
	for _, row := range r.Rows {
		if row.Path == path && row.Kind == Conflict {
			return row.Why
		}
	}
	return ""
}
