package verify

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/internal/course"
)

// update writes the starter patches of the fixture anew.
var update = flag.Bool("update", false, "write testdata/course/solutions/*/starter.patch")

// fixture is a copy of the course in testdata.
type fixture struct {
	t   *testing.T
	dir string
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "course"))); err != nil {
		t.Fatal(err)
	}
	return fixture{t, dir}
}

// replace changes what stands in a file.
func (f fixture) replace(file, old, new string) {
	f.t.Helper()
	path := filepath.Join(f.dir, file)
	src, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.Contains(string(src), old) {
		f.t.Fatalf("%s doesn't hold %q", file, old)
	}
	f.write(file, strings.ReplaceAll(string(src), old, new))
}

// both changes a file of the starter and the solution alike.
func (f fixture) both(file, old, new string) {
	f.t.Helper()
	f.replace("steps/"+file, old, new)
	f.replace("solutions/"+file, old, new)
}

func (f fixture) write(file, text string) {
	f.t.Helper()
	path := filepath.Join(f.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f fixture) read(file string) string {
	f.t.Helper()
	src, err := os.ReadFile(filepath.Join(f.dir, file))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(src)
}

func (f fixture) remove(file string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.dir, file)); err != nil {
		f.t.Fatal(err)
	}
}

func (f fixture) open() *course.Course {
	f.t.Helper()
	c, err := course.Open(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// verify runs checks on the fixture.
func (f fixture) verify(o Options) *Report {
	f.t.Helper()
	if o.Course == nil {
		o.Course = f.open()
	}
	report, err := Run(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, ".workshop", "verify", "*", "*")); len(left) > 0 {
		f.t.Errorf("left behind: %v", left)
	}
	return report
}

// quick is every check but those that fetch their tool.
func quick() []string {
	return slices.DeleteFunc(known(checks()), func(name string) bool {
		return name == "staticcheck" || name == "govulncheck" || name == "race"
	})
}

func TestWholeCoursePasses(t *testing.T) {
	t.Parallel()
	report := newFixture(t).verify(Options{Only: quick()})
	for _, v := range report.Results {
		if v.Outcome != Passed {
			t.Errorf("%s %s: %s", v.Name(), v.Outcome, strings.Join(v.Findings, "\n"))
		}
	}
	if want := "47 passed, 0 failed"; report.Summary() != want {
		t.Errorf("the summary is %q, want %q", report.Summary(), want)
	}
}

// The contract's tests stand once, beside the lab, and each step calls them.
func TestStepsMayImportTheContract(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("tools/lab/contract/contract.go", "package contract\n\nimport _ \"example.com/boxoffice/tools/lab\"\n")
	for _, folder := range []string{"steps", "solutions"} {
		f.write(folder+"/01-price/contract_test.go", "package main_test\n\nimport _ \"example.com/boxoffice/tools/lab/contract\"\n")
	}
	report := f.verify(Options{Only: []string{"imports"}})
	if want := "1 passed, 0 failed"; report.Summary() != want {
		t.Errorf("%s, want %s", report.Summary(), want)
		report.WriteFailures(t.Output())
	}
}

// TestFixtureStarters keeps the fixture's starter patches as `workshop starter` makes
// them.
func TestFixtureStarters(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	c, err := course.Open(filepath.Join("testdata", "course"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		src, err := s.MakeStarterPatch()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.SolutionDir, course.StarterFile), src, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStepNarrowsTheRound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.open()
	report := f.verify(Options{Course: c, Steps: c.Steps[:1], Only: []string{"tasks", "size", "past", "gofmt"}})
	var names []string
	for _, v := range report.Results {
		names = append(names, v.Name())
	}
	want := []string{"tasks 01-price", "gofmt", "past 01-price on 02-limit"}
	if !slices.Equal(names, want) {
		t.Errorf("checked %q, want %q", names, want)
	}
}

// A later step's main_test.go may tell the lab of a worker, without which the tests of
// earlier steps would wait for its mail in vain.
func TestEarlierTestsRunUnderTheLaterMain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, step := range []string{"01-price", "02-limit"} {
		f.write("solutions/"+step+"/main_test.go", "package main\n\n// of "+step+"\n")
	}
	c := f.open()
	overlay, err := transplant(c.Steps[0], c.Steps[1])
	if err != nil {
		t.Fatal(err)
	}
	to := c.Steps[1].SolutionDir
	if with, ok := overlay[filepath.Join(to, mainTest)]; ok {
		t.Errorf("main_test.go becomes %q", with)
	}
	if with := overlay[filepath.Join(to, "price_test.go")]; with != filepath.Join(c.Steps[0].SolutionDir, "price_test.go") {
		t.Errorf("price_test.go becomes %q", with)
	}
	if with, ok := overlay[filepath.Join(to, "limit_test.go")]; !ok || with != "" {
		t.Errorf("limit_test.go becomes %q, %t", with, ok)
	}
}

func TestPastMeetsTheNewest(t *testing.T) {
	one, two, three := &course.Step{Name: "1"}, &course.Step{Name: "2"}, &course.Step{Name: "3"}
	c := &course.Course{Steps: []*course.Step{one, two, three}}
	for _, try := range []struct {
		name string
		round
		want []string
	}{
		{"whole course", round{steps: c.Steps}, []string{"1 on 3", "2 on 3"}},
		{"thorough", round{steps: c.Steps, Options: Options{Thorough: true}}, []string{"1 on 2", "1 on 3", "2 on 3"}},
		{"first step", round{steps: []*course.Step{one}, partial: true}, []string{"1 on 3"}},
		{"second step", round{steps: []*course.Step{two}, partial: true}, []string{"1 on 2", "2 on 3"}},
		{"last step", round{steps: []*course.Step{three}, partial: true}, []string{"1 on 3", "2 on 3"}},
	} {
		try.Course = c
		var got []string
		for _, j := range past(&try.round) {
			got = append(got, j.subject)
		}
		if !slices.Equal(got, try.want) {
			t.Errorf("%s: %q, want %q", try.name, got, try.want)
		}
	}
}

func TestSkippedToolsTestsTellWhatToInstall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.replace("tools/lab/lab_test.go", "{ Task(t, 1) }", `{ t.Skip("no page was opened; to install it: get browser") }

func TestTwin(t *testing.T) { t.Skip("no page was opened; to install it: get browser") }

func TestPart(t *testing.T) { t.Skip("it is a part of TestTask") }`)
	report := f.verify(Options{Only: []string{"tools"}})
	if want := "1 passed, 0 failed"; report.Summary() != want {
		t.Errorf("the summary is %q, want %q", report.Summary(), want)
	}
	var b strings.Builder
	report.WriteUnchecked(&b)
	if want := "Skipped by tools: no page was opened; to install it: get browser\n"; b.String() != want {
		t.Errorf("the report says %q, want %q", b.String(), want)
	}
}

func TestUnknownCheckIsRefused(t *testing.T) {
	_, err := Run(t.Context(), Options{Course: &course.Course{Root: t.TempDir()}, Only: []string{"tests"}})
	if err == nil || !strings.Contains(err.Error(), `no check "tests"`) || !strings.Contains(err.Error(), "wrong-answers") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.open()
	f.replace("solutions/01-price/schema_test.go", "\tif !", "\tselect {}\n\tif !")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began := time.Now()
	_, err := Run(ctx, Options{Course: c, Only: []string{"wrong-answers"}, Watch: watcher(stop)})
	if err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v to stop", took)
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, ".workshop", "verify", "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// watcher ends a run soon after its first job has begun.
type watcher func()

func (w watcher) Started(int, string, string) { time.AfterFunc(300*time.Millisecond, w) }
func (w watcher) Progressed(int, string)      {}
func (w watcher) Finished(int, Result)        {}

func TestRepeatCountsFlakyTests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.replace("solutions/01-price/schema_test.go", `	if !strings`, `	path := os.Getenv("FLAKY")
	old, _ := os.ReadFile(path)
	os.WriteFile(path, append(old, 'x'), 0o644)
	if len(old) == 1 {
		t.Error("the second time is bad luck")
	}
	if !strings`)
	f.replace("solutions/01-price/schema_test.go", `import (`, "import (\n\t\"os\"")
	f.replace("solutions/01-price/schema_test.go", `os.Getenv("FLAKY")`, "\""+filepath.Join(f.dir, "runs")+"\"")
	c := f.open()
	report := f.verify(Options{Course: c, Steps: c.Steps[:1], Only: []string{"solution"}, Repeat: 4, Busy: true})
	expect(t, report, "solution", "solutions/01-price", "TestSchemaIsBuiltIn failed in 1 of 4 runs, first in run 2", "the second time is bad luck")
}

func TestKilledRunIsSweptUp(t *testing.T) {
	root := t.TempDir()
	stale := filepath.Join(root, ".workshop", "verify", "123")
	if err := os.MkdirAll(filepath.Join(stale, "copy-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := newScratch(root)
	if err != nil {
		t.Fatal(err)
	}
	defer first.remove()
	if exists(stale) {
		t.Error("the folder of a killed run is still there")
	}
	second, err := newScratch(root)
	if err != nil {
		t.Fatal(err)
	}
	second.remove()
	if !exists(first.dir) {
		t.Error("a run removed the folder of another that is alive")
	}
}

// expect demands that a check failed, and that its findings hold every text.
func expect(t *testing.T, report *Report, check string, texts ...string) {
	t.Helper()
	var b strings.Builder
	report.WriteFailures(&b)
	if !strings.Contains(b.String(), "FAILED "+check) {
		t.Fatalf("%s didn't fail: %s\n%s", check, report.Summary(), b.String())
	}
	for _, text := range texts {
		if !strings.Contains(b.String(), text) {
			t.Errorf("the report doesn't say %q:\n%s", text, b.String())
		}
	}
}
