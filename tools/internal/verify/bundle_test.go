package verify

import (
	"strings"
	"testing"
)

// shop makes the fixture's second step a course of its own that can be bundled: its tests
// come to the API by the lab alone, which runs the test binary again.
func shop(t *testing.T) fixture {
	t.Helper()
	f := newFixture(t)
	f.replace("tools/lab/lab.go", `import (
	"strconv"
	"testing"
)`, `import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Main runs the tests, or the API.
func Main(m *testing.M, app func()) {
	if os.Getenv("SHOP") != "" {
		app()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Ask is what the API prints when it is asked something.
func Ask(t *testing.T, question string) string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SHOP="+question)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("the API died: %v: %s", err, out)
	}
	return string(out)
}`)
	const dir = "solutions/02-limit/"
	for _, old := range []string{"schema_test.go", "limit_test.go", "limit/limit_test.go", "limit/limit.go", "wrong-answers/none.patch", "wrong-answers/no-table.patch", "wrong-answers/seven.patch", "right-answers/moved.patch"} {
		f.remove(dir + old)
	}
	f.write(dir+"main_test.go", "package main\n\nimport (\n\t\"testing\"\n\n\t\"example.com/boxoffice/tools/lab\"\n)\n\nfunc TestMain(m *testing.M) { lab.Main(m, main) }\n")
	f.write(dir+"shop_test.go", `package main_test

import (
	"testing"

	"example.com/boxoffice/tools/lab"
)

func TestOrdersAreLimited(t *testing.T) {
	lab.Task(t, 1)
	if got := lab.Ask(t, "limit"); got != "8" {
		t.Errorf("the limit is %s", got)
	}
}

func TestTicketsHaveAPrice(t *testing.T) {
	if got := lab.Ask(t, "price"); got != "1500" {
		t.Errorf("a ticket costs %s", got)
	}
}

func TestSchemaIsBuiltIn(t *testing.T) {
	if got := lab.Ask(t, "schema"); got != "create table orders (id bigint);\n" {
		t.Errorf("the schema is %q", got)
	}
}
`)
	f.write(dir+"main.go", `// Command boxoffice answers one question.
package main

import (
	"fmt"
	"os"

	"example.com/boxoffice/solutions/02-limit/limit"
	"example.com/boxoffice/solutions/02-limit/store"
)

func main() {
	switch os.Getenv("SHOP") {
	case "limit":
		fmt.Print(limit.Limit())
	case "price":
		fmt.Print(limit.Price)
	case "schema":
		fmt.Print(store.Schema)
	}
}
`)
	f.write(dir+"limit/limit.go", "// Package limit limits.\npackage limit\n\n// Price is in cents.\nvar Price = 1500\n\n// Limit is how many.\nfunc Limit() int { return 8 }\n")
	f.write(dir+"store/store.go", "// Package store stores.\npackage store\n\nimport _ \"embed\"\n\n// Schema is SQL.\n//\n//go:embed sql/schema.sql\nvar Schema string\n")
	f.write(dir+"store/sql/schema.sql", "create table orders (id bigint);\n")
	return f
}

// answer writes an answer to the shop.
func (f fixture) answer(name, says, diff string) {
	f.t.Helper()
	f.write("solutions/02-limit/"+name+".patch", "A mistake.\n\n"+says+diff)
}

const (
	caughtByLimit = "Task: 1\nCaught-by: TestOrdersAreLimited\nSays: "
	limitDiff     = "--- a/limit/limit.go\n+++ b/limit/limit.go\n@@ -4,5 +4,5 @@\n // Price is in cents.\n var Price = 1500\n \n // Limit is how many.\n-func Limit() int { return 8 }\n+"
)

// limited is an answer with another function in the place of Limit.
func (f fixture) limited(name, says, function string) {
	f.t.Helper()
	added := strings.Count(function, "\n")
	diff := strings.Replace(limitDiff, "+4,5 @@", "+4,"+string(rune('5'+added))+" @@", 1)
	f.answer("wrong-answers/"+name, caughtByLimit+says+"\n", diff+strings.ReplaceAll(function, "\n", "\n+")+"\n")
}

// of are the results by the names of their answers.
func of(report *Report) map[string]Result {
	all := map[string]Result{}
	for _, v := range report.Results {
		_, name, _ := strings.Cut(v.Subject, "/")
		all[name] = v
	}
	return all
}

// Answers in one binary have the results that they have alone: each is caught by what it
// does itself, one that does nothing is not caught, and one that doesn't compile sinks
// nobody else.
func TestBundledVerdictsAreThoseOfAnswersAlone(t *testing.T) {
	t.Parallel()
	f := shop(t)
	f.limited("nine", "the limit is 9", "func Limit() int { return 9 }")
	f.limited("seven", "the limit is 7", "func Limit() int { return 7 }")
	f.limited("nothing-wrong", "the limit is", "func Limit() int { return 4 + 4 }")
	f.limited("nothing-compiles", "the limit is", "func Limit() int { return eight }")
	f.limited("says-another", "the limit is 9", "func Limit() int { return 6 }")
	f.limited("panics", "the API died", "func Limit() int { panic(8) }")
	f.answer("wrong-answers/no-table", "Task: 1\nCaught-by: TestSchemaIsBuiltIn\nSays: create table sales\n",
		"--- a/store/sql/schema.sql\n+++ b/store/sql/schema.sql\n@@ -1 +1 @@\n-create table orders (id bigint);\n+create table sales (id bigint);\n")
	f.answer("right-answers/nine", "Another way.\n", limitDiff+"func Limit() int { return 16 / 2 }\n")
	f.answer("right-answers/too-many", "Another way.\n", limitDiff+"func Limit() int { return 10 }\n")
	o := Options{Course: f.open(), Only: []string{"wrong-answers", "right-answers"}, Answers: []string{
		"nine", "seven", "nothing-wrong", "nothing-compiles", "says-another", "panics", "no-table", "too-many"}}
	together := f.verify(o)
	o.Alone = true
	alone := f.verify(o)
	want := map[string]Outcome{
		"wrong-answers 02-limit/nine": Passed, "wrong-answers 02-limit/seven": Passed, "wrong-answers 02-limit/panics": Passed,
		"wrong-answers 02-limit/no-table": Passed, "wrong-answers 02-limit/nothing-wrong": Failed,
		"wrong-answers 02-limit/nothing-compiles": Failed, "wrong-answers 02-limit/says-another": Failed,
		"right-answers 02-limit/nine": Passed, "right-answers 02-limit/too-many": Failed,
	}
	for name, report := range map[string]*Report{"together": together, "alone": alone} {
		got := map[string]Outcome{}
		for _, v := range report.Results {
			got[v.Name()] = v.Outcome
		}
		for of, outcome := range want {
			if got[of] != outcome {
				t.Errorf("%s: %s has %q, want %q", name, of, got[of], outcome)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d results, want %d", name, len(got), len(want))
		}
	}
	if together.Bundles != 1 || alone.Bundles != 0 {
		t.Errorf("built %d and %d bundles; want one, and none", together.Bundles, alone.Bundles)
	}
	for name, v := range of(together) {
		if compiles := name != "nothing-compiles"; compiles != (v.Alone == "") {
			t.Errorf("%s was built alone for %q", name, v.Alone)
		}
	}
	expect(t, together, "wrong-answers", "nothing-wrong.patch: TestOrdersAreLimited didn't turn red",
		"nothing-compiles.patch: doesn't compile", "limit/limit.go:8:27: undefined: eight",
		`says-another.patch: TestOrdersAreLimited is red, but doesn't say "the limit is 9"`,
		"See it again: go tool workshop verify --step 02 --only wrong-answers --answer nothing-wrong --alone --named")
	if t.Failed() {
		together.WriteFailures(t.Output())
		together.WriteHow(t.Output())
	}
}

// Each reason for which an answer can't be built with others, and what it looks like.
func TestAnswersThatAreBuiltAlone(t *testing.T) {
	t.Parallel()
	f := shop(t)
	why := map[string]string{}
	alone := func(name, reason, function string) {
		f.limited(name, "the limit is 9", function)
		why[name] = reason
	}
	alone("asks", "it looks at the clock", "func Limit() int { return 9 }")
	f.replace("solutions/02-limit/wrong-answers/asks.patch", "Task: 1", "Task: 1\nBuild-alone: it looks at the clock")
	alone("registers", "it does something when the program starts: func init() { Price = 1 }", "func Limit() int { return 9 }\n\nfunc init() { Price = 1 }")
	alone("calls", "it does something when the program starts: nine = Limit()", "func Limit() int { return 9 }\n\nvar nine = Limit()")
	alone("knows-its-file", "it uses runtime.Caller otherwise than the solution", "func Limit() int { return 9 } // see runtime.Caller")
	f.answer("wrong-answers/acts", caughtByLimit+"the limit is 9\n", "--- a/limit/limit.go\n+++ b/limit/limit.go\n@@ -1,8 +1,10 @@\n // Package limit limits.\n package limit\n \n+import _ \"net/http/pprof\"\n+\n // Price is in cents.\n var Price = 1500\n \n // Limit is how many.\n-func Limit() int { return 8 }\n+func Limit() int { return 9 }\n")
	why["acts"] = "it imports net/http/pprof, which acts when it is linked"
	f.answer("wrong-answers/module", caughtByLimit+"the limit is 9\n", limitDiff+"func Limit() int { return 9 }\n--- a/go.mod\n+++ b/go.mod\n@@ -1,3 +1,3 @@\n-module example.com/boxoffice/solutions/02-limit\n+module example.com/boxoffice/solutions/02-limit // with a word\n \n go 1.26.0\n")
	why["module"] = "it changes go.mod"
	f.limited("first", "the limit is 7", "func Limit() int { return 7 }")
	f.limited("second", "the limit is 6", "func Limit() int { return 6 }")
	report := f.verify(Options{Course: f.open(), Only: []string{"wrong-answers"}, Answers: []string{
		"asks", "registers", "calls", "knows-its-file", "acts", "module", "first", "second"}})
	if want := "8 passed, 0 failed"; report.Summary() != want || report.Bundles != 1 {
		t.Errorf("%s with %d bundles, want %s with one", report.Summary(), report.Bundles, want)
		report.WriteFailures(t.Output())
	}
	for name, v := range of(report) {
		if v.Alone != why[name] {
			t.Errorf("%s is alone for %q, want %q", name, v.Alone, why[name])
		}
	}
}

// Where the tests see what is in the API's packages, nothing is bundled.
func TestTestsInsideOfPackagesMeetAnswersAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	report := f.verify(Options{Only: []string{"wrong-answers"}})
	if report.Bundles != 0 || report.Failed > 0 {
		t.Errorf("%d bundles, %s", report.Bundles, report.Summary())
	}
	for _, v := range report.Results {
		if want := "there is no main_test.go"; v.Alone != want && !strings.Contains(v.Alone, "sees what is in it") {
			t.Errorf("%s is alone for %q", v.Name(), v.Alone)
		}
	}
	g := shop(t)
	g.write("solutions/02-limit/limit/limit_test.go", "package limit\n\nimport \"testing\"\n\nfunc TestInside(t *testing.T) {\n\tif Limit() != 8 {\n\t\tt.Errorf(\"it is %d\", Limit())\n\t}\n}\n")
	g.limited("seven", "the limit is 7", "func Limit() int { return 7 }")
	g.limited("six", "the limit is 6", "func Limit() int { return 6 }")
	g.answer("wrong-answers/inside", "Task: 1\nCaught-by: TestInside\nSays: it is 9\n", limitDiff+"func Limit() int { return 9 }\n")
	c := g.open()
	o := Options{Course: c, Only: []string{"wrong-answers"}, Answers: []string{"seven", "six", "inside"}}
	named := g.verify(o)
	if v := of(named)["inside"]; v.Alone != "TestInside is inside of a package" || named.Bundles != 1 || named.Failed > 0 {
		t.Errorf("the test inside: %+v; %d bundles, %s", v, named.Bundles, named.Summary())
	}
	o.Steps = c.Steps[1:]
	if whole := g.verify(o); whole.Bundles != 0 {
		t.Error("whole suites have tests inside of packages, which a bundle doesn't run")
	}
}

// An answer that finds out where it is built, in a way that no rule knows.
func TestCompareTellsVerdictsThatDiffer(t *testing.T) {
	t.Parallel()
	f := shop(t)
	f.limited("seven", "the limit is 7", "func Limit() int { return 7 }")
	f.answer("wrong-answers/sly", caughtByLimit+"the limit is 9\n", `--- a/limit/limit.go
+++ b/limit/limit.go
@@ -1,8 +1,18 @@
 // Package limit limits.
 package limit
 
+import (
+	"runtime/debug"
+	"strings"
+)
+
 // Price is in cents.
 var Price = 1500
 
 // Limit is how many.
-func Limit() int { return 8 }
+func Limit() int {
+	if strings.Contains(string(debug.Stack()), "internal/answers") {
+		return 9
+	}
+	return 8
+}
`)
	o := Options{Course: f.open(), Only: []string{"wrong-answers"}, Answers: []string{"sly", "seven"}}
	if report := f.verify(o); report.Failed > 0 {
		t.Errorf("without comparing: %s", report.Summary())
	}
	o.Compare = true
	report := f.verify(o)
	expect(t, report, "wrong-answers", "sly.patch: has another verdict when it is built alone",
		"sly.patch: TestOrdersAreLimited didn't turn red", "and when it is built with others:\n    passed")
	if v := of(report)["seven"]; v.Outcome != Passed || v.Note != "the same when it is built alone" {
		t.Errorf("seven: %+v", v)
	}
}
