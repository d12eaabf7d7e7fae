package verify

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/proof"
)

// remembering are the checks that are remembered, without those that fetch their tool.
var remembering = []string{"site", "vet", "tidy", "clean-sums", "standalone", "tools", "starter", "solution", "wrong-answers", "right-answers", "past"}

func memory(t *testing.T) *proof.Memory {
	t.Helper()
	m, err := proof.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stale are the names of what a round would run again, without running it.
func (f fixture) stale(m *proof.Memory) []string {
	f.t.Helper()
	o := Options{Course: f.open(), Memory: m}
	r := &round{Options: o, steps: o.Course.Steps}
	var err error
	if r.ground, err = newGround(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
	jobs := r.plan(choose(remembering))
	t := &tally{round: r, jobs: jobs, results: make([]Result, len(jobs))}
	var names []string
	for _, i := range t.recall() {
		names = append(names, jobs[i].name())
	}
	return names
}

// learn has the memory hold that all is green, without looking.
func (f fixture) learn(m *proof.Memory) {
	f.t.Helper()
	o := Options{Course: f.open(), Memory: m}
	r := &round{Options: o, steps: o.Course.Steps}
	var err error
	if r.ground, err = newGround(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
	for _, j := range r.plan(choose(remembering)) {
		if err := m.Keep(r.ground.key(j, false), j.name(), ""); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestWhatPassedIsNotRunAgain(t *testing.T) {
	t.Parallel()
	f, m := newFixture(t), memory(t)
	o := Options{Course: f.open(), Only: []string{"tasks", "solution", "wrong-answers", "past"}, Memory: m}
	first := f.verify(o)
	if first.Remembered != 0 || first.Failed > 0 {
		t.Errorf("at first: %s, %d remembered", first.Summary(), first.Remembered)
	}
	second := f.verify(o)
	if want := "12 passed, 0 failed"; second.Summary() != want || second.Summary() != first.Summary() || second.Remembered != 10 {
		t.Errorf("then: %s, %d remembered; want %s, 10 remembered", second.Summary(), second.Remembered, want)
	}
	var b strings.Builder
	second.WriteHow(&b)
	if want := "Remembered: 10 of 12, since nothing that they read has changed; --fresh runs all\n"; !strings.Contains(b.String(), want) {
		t.Errorf("the report says %q, without %q", b.String(), want)
	}
	for name, o := range map[string]Options{"fresh": {Fresh: true}, "alone": {Alone: true}, "repeated": {Repeat: 2}} {
		o.Course, o.Only, o.Memory = f.open(), []string{"solution"}, m
		if again := f.verify(o); again.Remembered != 0 {
			t.Errorf("%s: %d remembered", name, again.Remembered)
		}
	}
	f.replace("solutions/01-price/main.go", "quantity * cents", "cents * quantity")
	third := f.verify(o)
	expect(t, third, "wrong-answers", sum+": git apply refuses the patch")
	if fourth := f.verify(o); fourth.Failed != third.Failed {
		t.Errorf("what failed is remembered: %s, then %s", third.Summary(), fourth.Summary())
	}
}

// Each kind of change makes just that run again which reads it.
func TestChangesAreSeen(t *testing.T) {
	t.Parallel()
	const patch = "solutions/02-limit/wrong-answers/seven.patch"
	all := func(names ...string) []string { return names }
	everything := []string{"*"}
	for name, c := range map[string]struct {
		by    func(f fixture)
		again []string // what is run again: exactly these, or all for "*"; "-x" for what isn't
	}{
		"nothing": {func(fixture) {}, nil},
		"one wrong answer": {func(f fixture) { f.replace(patch, "Task: 1", "So it is.\nTask: 1") },
			all("site", "wrong-answers 02-limit/seven")},
		"a wrong answer more": {func(f fixture) { f.write("solutions/02-limit/wrong-answers/new.patch", "x") },
			all("site", "wrong-answers 02-limit/new")},
		"a lesson's words": {func(f fixture) { f.replace(lesson1, "What a ticket costs", "What one ticket costs") }, all("site")},
		"a lesson's tasks": {func(f fixture) { f.replace(lesson1, ", TestNothingCostsNothing", "") },
			all("site", "starter 01-price", "solution 01-price", "wrong-answers 01-price/*", "right-answers 01-price/*", "past 01-price on 02-limit")},
		"a hint": {func(f fixture) { f.replace(hints1, "one ticket", "a ticket") }, all("site")},
		"a solution": {func(f fixture) { f.replace("solutions/02-limit/limit/limit.go", "holds", "has") },
			all("site", "vet", "clean-sums", "standalone solutions/02-limit", "tidy solutions/02-limit", "starter 02-limit", "solution 02-limit", "wrong-answers 02-limit/*", "right-answers 02-limit/*", "past 01-price on 02-limit")},
		"a migration": {func(f fixture) { f.replace("solutions/02-limit/migrations/00001_init.sql", "bigint", "int") },
			all("site", "vet", "clean-sums", "standalone solutions/02-limit", "tidy solutions/02-limit", "starter 02-limit", "solution 02-limit", "wrong-answers 02-limit/*", "right-answers 02-limit/*", "past 01-price on 02-limit")},
		"an earlier test": {func(f fixture) { f.replace("solutions/01-price/price_test.go", "want 0", "not 0") },
			all("site", "vet", "clean-sums", "standalone solutions/01-price", "tidy solutions/01-price", "starter 01-price", "solution 01-price", "wrong-answers 01-price/*", "right-answers 01-price/*", "past 01-price on 02-limit")},
		"a starter": {func(f fixture) { f.replace("steps/01-price/main.go", "return 1", "return 2") },
			all("site", "vet", "clean-sums", "standalone steps/01-price", "tidy steps/01-price", "starter 01-price")},
		"a file more": {func(f fixture) { f.write("steps/01-price/more.go", "package main\n") },
			all("site", "vet", "clean-sums", "standalone steps/01-price", "tidy steps/01-price", "starter 01-price")},
		"a file less": {func(f fixture) { f.remove("steps/02-limit/limit/limit_test.go") },
			all("site", "vet", "clean-sums", "standalone steps/02-limit", "tidy steps/02-limit", "starter 02-limit")},
		"checksums of one module": {func(f fixture) { f.write("steps/01-price/go.sum", "x\n") },
			all("site", "vet", "clean-sums", "standalone steps/01-price", "tidy steps/01-price", "starter 01-price")},
		"a version": {func(f fixture) {
			f.write("steps/01-price/go.mod", f.read("steps/01-price/go.mod")+"\nrequire example.com/x v1.2.3\n")
		}, everything},
		"the workspace": {func(f fixture) { f.replace("go.work", "go 1.26.0", "go 1.26.1") }, everything},
		"the lab":       {func(f fixture) { f.replace("tools/lab/lab.go", "as much", "all") }, everything},
		"what the lab imports": {func(f fixture) {
			f.replace("tools/lab/lab.go", `"strconv"`, "\"strconv\"\n\t_ \"example.com/boxoffice/tools/internal/tap\"")
			f.write("tools/internal/tap/tap.go", "package tap\n")
		}, everything},
		"the verifier":            {func(f fixture) { f.write("tools/internal/verify/judge.go", "package verify\n") }, everything},
		"a test of tools":         {func(f fixture) { f.replace("tools/lab/lab_test.go", "1)", "2)") }, all("site", "vet", "clean-sums", "tools", "standalone tools", "tidy *")},
		"the command":             {func(f fixture) { f.replace("tools/cmd/workshop/main.go", "nothing", "naught") }, all("site", "vet", "clean-sums", "tools", "standalone tools", "tidy *")},
		"a page":                  {func(f fixture) { f.replace("README.md", "15 min", "16 min") }, all("site")},
		"a file that Git ignores": {func(f fixture) { f.write(".workshop/progress.json", "{}") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, m := newFixture(t), memory(t)
			f.learn(m)
			c.by(f)
			got := f.stale(m)
			want := slices.Clone(c.again)
			if slices.Equal(want, everything) {
				want = f.stale(memory(t))
			}
			for _, name := range got {
				if !slices.ContainsFunc(want, func(w string) bool { return matches(w, name) }) {
					t.Errorf("%s is run again", name)
				}
			}
			for _, w := range want {
				if !slices.ContainsFunc(got, func(name string) bool { return matches(w, name) }) {
					t.Errorf("%s is not run again, but only %q", w, got)
				}
			}
		})
	}
}

// matches reports whether a name is the wanted one, whose * stands for the rest.
func matches(want, name string) bool {
	start, any := strings.CutSuffix(want, "*")
	return want == name || any && strings.HasPrefix(name, start)
}

// Programs and settings are inputs too.
func TestMachineIsAnInput(t *testing.T) {
	f := newFixture(t)
	bin := filepath.Join(f.dir, "bin")
	program := func(text string) {
		f.write("bin/redis-server", text)
		if err := os.Chmod(filepath.Join(bin, "redis-server"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program("#!/bin/sh\n")
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	look := func() string {
		t.Helper()
		said, err := lookAtMachine(t.Context(), f.dir)
		if err != nil {
			t.Fatal(err)
		}
		return said.all
	}
	seen := []string{look()}
	changes := []func(){
		func() { program("#!/bin/sh\nexit 1\n") },
		func() { t.Setenv("WORKSHOP_POSTGRES_BIN", f.dir) },
		func() { t.Setenv("BOXOFFICE_ANYTHING", "1") },
		func() { t.Setenv("GOFLAGS", "-trimpath") },
		func() { t.Setenv("GODEBUG", "http2client=0") },
		func() { t.Setenv("TZ", "Asia/Tokyo") },
	}
	for i, change := range changes {
		change()
		now := look()
		if slices.Contains(seen, now) {
			t.Errorf("change %d isn't seen", i)
		}
		seen = append(seen, now)
	}
	t.Setenv("WORKSHOP_STATE", "/elsewhere")
	t.Setenv("HOME_OF_NOBODY", "1")
	before, err := lookAtMachine(t.Context(), f.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WORKSHOP_AXE", filepath.Join(bin, "redis-server"))
	after, err := lookAtMachine(t.Context(), f.dir)
	if err != nil {
		t.Fatal(err)
	}
	if before.tools == after.tools {
		t.Error("what judges pages isn't seen by the tests of tools")
	}
	if look() != seen[len(seen)-1] {
		t.Error("where the state lies, or what judges pages, changes what is remembered of suites")
	}
}

// What is green only because something wasn't there isn't remembered, and neither is what
// ran on a server that others may change.
func TestWhatIsNotRemembered(t *testing.T) {
	f := newFixture(t)
	f.replace("tools/lab/lab_test.go", "{ Task(t, 1) }", `{ t.Skip("no page was opened; to install it: get browser") }`)
	f.replace("solutions/02-limit/schema_test.go", "\tif !", "\tt.Skip(\"not here\")\n\tif !")
	m := memory(t)
	o := Options{Course: f.open(), Only: []string{"tools", "solution"}, Memory: m}
	for range 2 {
		report := f.verify(o)
		var names []string
		for _, v := range report.Results {
			if !v.Remembered {
				names = append(names, v.Name())
			}
		}
		if !slices.Contains(names, "tools") || !slices.Contains(names, "solution 02-limit") || report.Failed > 0 {
			t.Errorf("%s; ran %q", report.Summary(), names)
		}
	}
	t.Setenv("WORKSHOP_DATABASE_URL", "postgres://nobody")
	o.Only, o.Memory, o.Steps = []string{"solution"}, memory(t), o.Course.Steps[:1]
	for range 2 {
		if report := f.verify(o); report.Remembered != 0 || report.Failed > 0 {
			t.Errorf("on another's server: %s, %d remembered", report.Summary(), report.Remembered)
		}
	}
}

// What changes while a job runs may have been read before or after.
func TestWhatChangesMeanwhileIsNotRemembered(t *testing.T) {
	t.Parallel()
	f, m := newFixture(t), memory(t)
	f.replace("solutions/01-price/schema_test.go", `import (`, "import (\n\t\"os\"")
	f.replace("solutions/01-price/schema_test.go", "\tif !", "\t_ = os.WriteFile(\""+filepath.Join(f.dir, "solutions/01-price/late.txt")+"\", nil, 0o644)\n\tif !")
	c := f.open()
	o := Options{Course: c, Steps: c.Steps[:1], Only: []string{"solution"}, Memory: m}
	if first := f.verify(o); first.Failed > 0 {
		t.Error(first.Summary())
	}
	if second := f.verify(o); second.Remembered != 0 {
		t.Error("remembered what read files that changed meanwhile")
	}
	if third := f.verify(o); third.Remembered != 1 {
		t.Error("the second time nothing changed, and so the third should be remembered")
	}
}

func TestDamagedMemoryIsThrownAway(t *testing.T) {
	t.Parallel()
	f, dir := newFixture(t), t.TempDir()
	m, err := proof.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := f.open()
	o := Options{Course: c, Steps: c.Steps[:1], Only: []string{"solution"}, Memory: m}
	f.verify(o)
	kept, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(kept) != 1 {
		t.Fatalf("kept %q", kept)
	}
	if err := os.WriteFile(kept[0], []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	report := f.verify(o)
	var b strings.Builder
	report.WriteHow(&b)
	if want := "What was remembered of solution 01-price was damaged: thrown away\n"; report.Remembered != 0 || !strings.Contains(b.String(), want) {
		t.Errorf("%d remembered; the report says %q, without %q", report.Remembered, b.String(), want)
	}
}

// readsCourse matches what a test of tools says to find the course that it is part of.
var readsCourse = regexp.MustCompile(`course\.Open\(("\."|here)\)|Join\("\.\.", "\.\.", "\.\."`)

// Tests that read the course must be run again when it changes: ofCourse says so.
func TestPackagesThatReadTheCourseAreListed(t *testing.T) {
	tools, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	r := &round{Options: Options{Course: &course.Course{Root: filepath.Dir(tools)}}}
	for _, folder := range r.toolsFolders() {
		files, err := filepath.Glob(filepath.Join(tools, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen[folder] = seen[folder] || folder != "internal/verify" && readsCourse.Match(src)
		}
		if _, listed := ofCourse[folder]; seen[folder] && !listed {
			t.Errorf("the tests of %s read the course: name it in ofCourse, with what they read", folder)
		}
	}
	for folder := range ofCourse {
		if !seen[folder] {
			t.Errorf("ofCourse names %s, whose tests don't seem to read the course", folder)
		}
	}
}
