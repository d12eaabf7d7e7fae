package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
)

// broken is a way in which a course can be wrong, and what its check must say.
type broken struct {
	name  string
	check string
	by    func(f fixture)
	says  []string
}

const (
	lesson1  = "site/content/steps/01-price.md"
	lesson2  = "site/content/steps/02-limit.md"
	hints1   = "site/content/hints/01-price.yaml"
	wrong1   = "solutions/01-price/wrong-answers/"
	sum      = wrong1 + "sum.patch"
	inFile   = wrong1 + "in-another-file.patch"
	noTable  = "solutions/02-limit/wrong-answers/no-table.patch"
	solution = "solutions/01-price/main.go"
)

func TestBrokenText(t *testing.T) {
	t.Parallel()
	tryAll(t, []broken{
		{"no title", "front-matter", func(f fixture) { f.replace(lesson1, "title: What a ticket costs", "title: ''") },
			[]string{lesson1, "title and summary must be one line"}},
		{"no measures", "front-matter", func(f fixture) { f.replace(lesson1, "measures: ", "measures: "+strings.Repeat("x", 71)) },
			[]string{lesson1, "measures must say in one line of at most 70 characters"}},
		{"no scenario", "front-matter", func(f fixture) { f.replace(lesson2, "scenario:", "#") }, []string{lesson2, "there is no scenario"}},
		{"a scenario with an unknown column", "front-matter", func(f fixture) { f.replace(lesson1, "columns: [p50]", "columns: [speed]") },
			[]string{lesson1, `the scenario shows "speed"`}},
		{"no minutes", "front-matter", func(f fixture) { f.replace(lesson1, "minutes: 10", "minutes: 0") },
			[]string{lesson1, "minutes must be a number above 0"}},
		{"nothing learned", "front-matter", func(f fixture) { f.replace(lesson1, "  - A price is a product.\n", "") },
			[]string{lesson1, "learned has 1 lines"}},
		{"unknown track", "front-matter", func(f fixture) { f.replace(lesson1, "[half-day]", "[halfday]") },
			[]string{lesson1, `unknown track "halfday"`}},
		{"builds on the future", "front-matter", func(f fixture) { f.replace(lesson2, "[1]", "[7]") },
			[]string{lesson2, "builds_on names step 7"}},
		{"task without a title", "front-matter", func(f fixture) { f.replace(lesson2, "At most eight tickets an order", "''") },
			[]string{lesson2, "task 1 has no title"}},
		{"no tasks", "front-matter", func(f fixture) {
			f.write(lesson1, "---\ntitle: a\nsummary: b\n---\n")
			f.write(hints1, "")
		},
			[]string{lesson1, "there are no tasks"}},
		{"dead link", "links", func(f fixture) { f.replace(lesson1, "(02-limit.md)", "(02-limits.md)") },
			[]string{lesson1, "line 16 links to 02-limits.md"}},
		{"file of a code block", "links", func(f fixture) { f.replace(lesson1, "file=solutions/01-price/main.go", "file=main.go") },
			[]string{lesson1, "line 18 pulls code from main.go"}},
		{"region of a code block", "links", func(f fixture) { f.replace(solution, "// region total", "// region totals") },
			[]string{lesson1, "line 18 pulls region total from solutions/01-price/main.go"}},
		{"site", "site", func(f fixture) {
			f.write("site/findings", lesson1+":14: links to guides/x.html\n"+lesson2+":3: no alternative text\n")
		}, []string{lesson1 + ":14: links to guides/x.html", lesson2 + ":3: no alternative text"}},
		{"minutes in a table", "minutes", func(f fixture) { f.replace("README.md", "15 min", "20 min") },
			[]string{"README.md", "line 6 says 20 minutes for 02-limit, its lesson says 15"}},
		{"minutes of a track", "minutes", func(f fixture) { f.replace("site/content/half-day.md", "25", "30") },
			[]string{"site/content/half-day.md", "says 30 minutes for the track half-day, whose steps take 25"}},
	})
}

func TestBrokenTasks(t *testing.T) {
	t.Parallel()
	tryAll(t, []broken{
		{"one hint", "tasks", func(f fixture) { f.replace(hints1, "  - What does one ticket cost?\n", "") },
			[]string{hints1, "task 1 has 1 of at least 2 hints"}},
		{"no tests", "tasks", func(f fixture) { f.replace(lesson2, "[TestOrdersAreLimited]", "[]") },
			[]string{lesson2, "task 1 has no tests"}},
		{"unknown test", "tasks", func(f fixture) { f.replace(lesson2, "TestOrdersAreLimited", "TestOrdersAreLimitd") },
			[]string{lesson2, "names TestOrdersAreLimitd, which no test file has"}},
		{"unclaimed test", "tasks", func(f fixture) { f.replace(lesson1, ", TestNothingCostsNothing", "") },
			[]string{lesson1, "TestNothingCostsNothing of task 1 is missing"}},
		{"test without a task", "tasks", func(f fixture) {
			f.replace("solutions/02-limit/limit_test.go", "\tlab.Task(t, 1)\n", "\t_ = lab.Task\n")
		},
			[]string{"solutions/02-limit/limit_test.go", "doesn't call lab.Task(t, 1)"}},
		{"test of another task", "tasks", func(f fixture) { f.replace("solutions/02-limit/limit_test.go", "lab.Task(t, 1)", "lab.Task(t, 2)") },
			[]string{"solutions/02-limit/limit_test.go", "calls lab.Task(t, 2)"}},
		{"no gap", "tasks", func(f fixture) { f.replace("steps/01-price/main.go", "TODO(task 1)", "TODO") },
			[]string{"steps/01-price: no file has a TODO(task 1)"}},
		{"gap of no task", "tasks", func(f fixture) { f.replace("steps/01-price/main.go", "return 1", "return 1 // TODO(task 2): more") },
			[]string{"steps/01-price/main.go", "TODO(task 2) belongs to no task"}},
		{"gap in the solution", "tasks", func(f fixture) {
			f.replace(solution, "\treturn quantity", "\t// TODO(task 1): really?\n\treturn quantity")
		},
			[]string{solution, "TODO(task 1) is left in the solution"}},
		{"two wrong answers", "tasks", func(f fixture) { f.remove("solutions/02-limit/wrong-answers/none.patch") },
			[]string{"solutions/02-limit/wrong-answers", "task 1 has 2 of at least 3 wrong answers"}},
		{"test of no wrong answer", "tasks", func(f fixture) {
			f.replace(wrong1+"minimum.patch", "Caught-by: TestNothingCostsNothing", "Caught-by: TestOrderCostsItsTickets")
		},
			[]string{lesson1 + ": line 13: no wrong answer names TestNothingCostsNothing", "put a mistake that it must reject into solutions/01-price/wrong-answers"}},
		{"caught by no test", "tasks", func(f fixture) { f.replace(sum, "Caught-by: TestOrderCostsItsTickets", "Caught-by: TestOrderCosts") },
			[]string{sum, "TestOrderCosts is no test of this step"}},
		{"no Caught-by", "tasks", func(f fixture) { f.replace(sum, "Caught-by: TestOrderCostsItsTickets\n", "") },
			[]string{sum, "(no Caught-by: line)"}},
		{"no Says", "tasks", func(f fixture) { f.replace(sum, "Says: three tickets of 1500 cost 1503\n", "") },
			[]string{sum, "there is no Says: line"}},
		{"no such task", "tasks", func(f fixture) { f.replace(sum, "Task: 1", "Task: 4") },
			[]string{sum, "Task: 4 is no task"}},
		{"misspelt trailer", "tasks", func(f fixture) { f.replace(sum, "Caught-by:", "Caught-By:") },
			[]string{sum, `"Caught-By:" must be written "Caught-by:"`}},
		{"right answer that is caught", "tasks", func(f fixture) {
			f.replace("solutions/01-price/right-answers/loop.patch", "The go command", "Caught-by: TestNothingCostsNothing\nThe go command")
		}, []string{"solutions/01-price/right-answers/loop.patch", "a right answer has no Caught-by"}},
	})
}

func TestBrokenCopies(t *testing.T) {
	t.Parallel()
	tryAll(t, []broken{
		{"test changed in one copy", "same-tests", func(f fixture) { f.replace("steps/01-price/price_test.go", "4500", "4501") },
			[]string{"steps/01-price/price_test.go: differs from solutions/01-price/price_test.go"}},
		{"test missing in the starter", "same-tests", func(f fixture) { f.remove("steps/02-limit/limit/limit_test.go") },
			[]string{"solutions/02-limit/limit/limit_test.go: the starter has no such test file"}},
		{"test missing in the solution", "same-tests", func(f fixture) { f.remove("solutions/02-limit/limit_test.go") },
			[]string{"steps/02-limit/limit_test.go: the solution has no such test file"}},
		{"file changed without a mark", "carried", func(f fixture) { f.replace("steps/02-limit/migrations/00001_init.sql", "bigint", "int") },
			[]string{"steps/02-limit/migrations/00001_init.sql: differs from solutions/01-price"}},
		{"file added without a mark", "carried", func(f fixture) { f.write("steps/02-limit/more.go", "package main\n") },
			[]string{"steps/02-limit/more.go: is not in solutions/01-price"}},
		{"file dropped without a mark", "carried", func(f fixture) { f.write("solutions/01-price/more.go", "package main\n") },
			[]string{"steps/02-limit/more.go: is missing, but stands in solutions/01-price"}},
		{"stale mark", "carried", func(f fixture) { f.replace(lesson2, "  - main.go", "  - main.go\n  - migrations/") },
			[]string{lesson2, "introduces lists migrations/, which is as solutions/01-price left it"}},
		{"starter.patch gone", "reset", func(f fixture) { f.remove("solutions/01-price/starter.patch") },
			[]string{"solutions/01-price/starter.patch"}},
		{"starter.patch stale", "reset", func(f fixture) { f.replace("steps/01-price/main.go", "return 1", "return 2") },
			[]string{"solutions/01-price/starter.patch: makes another main.go than the one in steps/01-price"}},
		{"migration changed", "migrations", func(f fixture) { f.both("02-limit/migrations/00001_init.sql", "bigint", "int") },
			[]string{"solutions/02-limit/migrations/00001_init.sql: differs from solutions/01-price/migrations"}},
		{"migration missing", "migrations", func(f fixture) { f.remove("steps/01-price/migrations/00001_init.sql") },
			[]string{"steps/01-price: there are no migrations", "00001_init.sql of solutions/01-price/migrations is missing"}},
	})
}

func TestBrokenModules(t *testing.T) {
	t.Parallel()
	tryAll(t, []broken{
		{"other version", "modules", func(f fixture) { f.replace("steps/02-limit/go.mod", "tools v0.0.0", "tools v0.0.1") },
			[]string{"steps/02-limit/go.mod", "example.com/boxoffice/tools v0.0.1, but steps/01-price/go.mod has v0.0.0"}},
		{"other Go", "modules", func(f fixture) { f.replace("steps/02-limit/go.mod", "go 1.26.0", "go 1.25.0") },
			[]string{"steps/02-limit/go.mod", "go 1.25.0"}},
		{"no replace", "modules", func(f fixture) { f.replace("steps/02-limit/go.mod", "=> ../../tools", "=> ../tools") },
			[]string{"steps/02-limit/go.mod", `no "replace example.com/boxoffice/tools => ../../tools"`}},
		{"module path", "modules", func(f fixture) {
			f.replace("solutions/01-price/go.mod", "module example.com/boxoffice/solutions", "module example.com/boxoffice/steps")
		},
			[]string{"solutions/01-price/go.mod", "the module is example.com/boxoffice/steps/01-price and must be"}},
		{"not in go.work", "modules", func(f fixture) { f.replace("go.work", "\t./steps/02-limit\n", "") },
			[]string{"go.work: doesn't use ./steps/02-limit"}},
		{"an editor that loads all modules", "modules", func(f fixture) { f.replace(".vscode/settings.json", "off", "") },
			[]string{".vscode/settings.json: gopls, build.env has GOWORK=\"\" and must have \"off\""}},
		{"not tidy", "tidy", func(f fixture) { f.replace("steps/02-limit/go.mod", "tools v0.0.0", "tools v0.0.0 // indirect") },
			[]string{"steps/02-limit/go.mod: GOWORK=off go mod tidy changes it", "+require example.com/boxoffice/tools v0.0.0"}},
		{"a go.mod that go work sync raises", "clean-sums", func(f fixture) { f.replace("steps/02-limit/go.mod", "go 1.26.0", "go 1.25.0") },
			[]string{"steps/02-limit/go.mod: go work sync changes it", "+ go 1.26.0"}},
		{"doesn't build alone", "standalone", func(f fixture) { f.replace("solutions/02-limit/go.mod", "../../tools", "../../toolz") },
			[]string{"solutions/02-limit: GOWORK=off go"}},
		{"API imports the lab", "imports", func(f fixture) {
			f.write("solutions/01-price/x.go", "package main\n\nimport _ \"example.com/boxoffice/tools/lab\"\n")
		},
			[]string{"solutions/01-price/x.go: imports example.com/boxoffice/tools/lab; the API must stand without tools"}},
		{"API imports another step", "imports", func(f fixture) {
			f.replace("solutions/02-limit/main.go", "solutions/02-limit/limit", "steps/02-limit/limit")
		},
			[]string{"solutions/02-limit/main.go: imports example.com/boxoffice/steps/02-limit/limit"}},
		{"test imports tools", "imports", func(f fixture) { f.replace("steps/01-price/price_test.go", "tools/lab", "tools/internal/x") },
			[]string{"steps/01-price/price_test.go", "tests import example.com/boxoffice/tools/lab and its contract alone"}},
		{"test imports its module", "imports", func(f fixture) {
			f.write("steps/02-limit/x_test.go", "package main\n\nimport _ \"example.com/boxoffice/steps/02-limit/limit\"\n")
		},
			[]string{"steps/02-limit/x_test.go", "has another path in the other copy"}},
		{"test imports what is below the lab", "imports", func(f fixture) { f.replace("steps/01-price/price_test.go", "tools/lab", "tools/lab/x") },
			[]string{"steps/01-price/price_test.go", "tests import example.com/boxoffice/tools/lab and its contract alone"}},
		{"contract imports what is inside", "imports", func(f fixture) {
			f.write("tools/lab/contract/x.go", "package contract\n\nimport _ \"example.com/boxoffice/tools/internal/x\"\n")
		},
			[]string{"tools/lab/contract/x.go", "like a step's test, it imports example.com/boxoffice/tools/lab alone"}},
		{"tools import a command", "imports", func(f fixture) {
			f.write("tools/lab/x.go", "package lab\n\nimport _ \"example.com/boxoffice/tools/cmd/workshop\"\n")
		},
			[]string{"tools/lab/x.go", "nothing imports a command"}},
		{"internal imports the lab", "imports", func(f fixture) {
			f.write("tools/internal/x/x.go", "package x\n\nimport _ \"example.com/boxoffice/tools/lab\"\n")
		},
			[]string{"tools/internal/x/x.go", "the lab stands on internal"}},
		{"a leaf imports", "imports", func(f fixture) {
			f.write("tools/internal/course/x.go", "package course\n\nimport _ \"example.com/boxoffice/tools/internal/x\"\n")
		},
			[]string{"tools/internal/course/x.go", "course imports nothing of the house"}},
		{"a part of a leaf imports", "imports", func(f fixture) {
			f.write("tools/internal/services/redis/x.go", "package redis\n\nimport _ \"example.com/boxoffice/tools/internal/services/state\"\n\nimport _ \"example.com/boxoffice/tools/internal/x\"\n")
		},
			[]string{"tools/internal/services/redis/x.go", "services imports nothing of the house"}},
		{"unformatted", "gofmt", func(f fixture) { f.replace(solution, "\treturn", "    return") },
			[]string{solution + ": is not formatted"}},
		{"vet", "vet", func(f fixture) { f.replace("solutions/01-price/main.go", "fmt.Println(", `fmt.Printf("%d\n", "x", `) },
			[]string{"main.go", "fmt.Printf"}},
		{"tests of tools", "tools", func(f fixture) {
			f.replace("tools/lab/lab_test.go", "{ Task(t, 1) }", `{ t.Error("broken on purpose") }`)
		},
			[]string{"tools: go test ./tools/...", "broken on purpose"}},
		{"tools don't compile", "tools", func(f fixture) {
			f.replace("tools/lab/lab_test.go", "{ Task(t, 1) }", "{ Task(t, one) }")
		},
			[]string{"tools: go test ./tools/...", "undefined: one"}},
		{"tests of tools panic", "tools", func(f fixture) {
			f.replace("tools/lab/lab_test.go", "{ Task(t, 1) }", `{ panic("on purpose") }`)
		},
			[]string{"panic: on purpose", "goroutine"}},
		{"too long", "size", func(f fixture) {
			f.write("solutions/02-limit/long.go", "package main\n\n"+lines(maxLines))
		}, []string{"solutions/02-limit: 30", "keep below 3000"}},
	})
}

func TestBrokenSuites(t *testing.T) {
	t.Parallel()
	tryAll(t, []broken{
		{"starter already green", "starter", func(f fixture) { f.replace("steps/01-price/main.go", "return 1", "return quantity * cents") },
			[]string{"steps/01-price: TestOrderCostsItsTickets of task 1 has passed, and should be red"}},
		{"starter doesn't compile", "starter", func(f fixture) { f.replace("steps/01-price/main.go", "return 1", "return one") },
			[]string{"steps/01-price: doesn't compile", "undefined: one"}},
		{"starter panics", "starter", func(f fixture) { f.replace("steps/01-price/main.go", "return 1", `panic("gap")`) },
			[]string{"steps/01-price: the tests died", "panic: gap"}},
		{"guard red in the starter", "starter", func(f fixture) { f.replace("steps/01-price/migrations/00001_init.sql", "orders", "sales") },
			[]string{"steps/01-price: TestSchemaIsBuiltIn is red, and belongs to no task", "no table of orders"}},
		{"red without a word", "starter", func(f fixture) {
			f.both("02-limit/limit_test.go", `t.Errorf("an order of %d is allowed: %t, want %t", quantity, got, want)`, "t.Fail()")
		},
			[]string{"steps/02-limit: TestOrdersAreLimited is red without a word"}},
		{"task never told", "starter", func(f fixture) {
			f.both("02-limit/limit_test.go", "lab.Task(t, 1)", "if false {\n\t\tlab.Task(t, 1)\n\t}")
		},
			[]string{"TestOrdersAreLimited told the lab task 0 while it ran; the lesson says 1"}},
		{"solution red", "solution", func(f fixture) { f.replace(solution, "quantity * cents", "quantity + cents") },
			[]string{"solutions/01-price: TestOrderCostsItsTickets has failed", "three tickets of 1500 cost 1503"}},
		{"solution skips", "solution", func(f fixture) {
			f.replace("solutions/02-limit/limit_test.go", "lab.Task(t, 1)", "lab.Task(t, 1)\n\tt.Skip()")
		},
			[]string{"solutions/02-limit: TestOrdersAreLimited was skipped"}},
		{"past broken", "past", func(f fixture) { f.replace("solutions/02-limit/main.go", "quantity * cents", "quantity*cents + 1") },
			[]string{"FAILED past 01-price on 02-limit", "solutions/02-limit: TestOrderCostsItsTickets has failed", "cost 4501"}},
	})
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	tryAll(t, eachAlone([]broken{
		{"not caught", "wrong-answers", func(f fixture) { f.replace(sum, "+\treturn quantity + cents", "+\treturn cents * quantity") },
			[]string{sum + ": TestOrderCostsItsTickets didn't turn red"}},
		{"caught by another", "wrong-answers", func(f fixture) {
			f.replace(wrong1+"one-ticket.patch", "Caught-by: TestOrderCostsItsTickets", "Caught-by: TestSchemaIsBuiltIn")
		},
			[]string{wrong1 + "one-ticket.patch: TestSchemaIsBuiltIn didn't turn red"}},
		{"other message", "wrong-answers", func(f fixture) {
			f.replace(sum, "Says: three tickets of 1500 cost 1503", "Says: three tickets are free")
		},
			[]string{sum, `doesn't say "three tickets are free"`, "cost 1503"}},
		{"reason missing", "wrong-answers", func(f fixture) {
			f.replace(noTable, " because the table is gone", "")
		}, []string{"no-table.patch", `must read "TestX because`}},
		{"doesn't compile", "wrong-answers", func(f fixture) { f.replace(sum, "+\treturn quantity + cents", "+\treturn quantity + dollars") },
			[]string{sum + ": doesn't compile", "undefined: dollars"}},
		{"doesn't apply", "wrong-answers", func(f fixture) { f.replace(solution, "return quantity * cents", "return cents * quantity") },
			[]string{sum + ": git apply refuses the patch", "main.go"}},
		{"no such file", "wrong-answers", func(f fixture) { f.replace(sum, "b/main.go", "b/mian.go"); f.replace(sum, "a/main.go", "a/mian.go") },
			[]string{sum + ": git apply refuses the patch", "mian.go"}},
		{"changes a test", "wrong-answers", func(f fixture) { f.replace(inFile, "sum.go", "sum_test.go") },
			[]string{inFile + ": the patch changes the test file sum_test.go"}},
		{"changes what isn't built", "wrong-answers", func(f fixture) { f.replace(inFile, "sum.go", "sum.conf") },
			[]string{inFile + ": the patch adds sum.conf, which the go command doesn't build in"}},
		{"no diff", "wrong-answers", func(f fixture) { f.write(sum, "A claim.\n\nTask: 1\n") },
			[]string{sum + ": there is no diff"}},
		{"no Caught-by", "wrong-answers", func(f fixture) { f.replace(sum, "Caught-by: TestOrderCostsItsTickets\n", "") },
			[]string{sum + ": there is no Caught-by: line"}},
		{"no claim", "wrong-answers", func(f fixture) { f.replace(sum, "The price is a sum.\n\nIt happens.\n", "") },
			[]string{sum + ": the first line must say in words"}},
		{"right answer refused", "right-answers", func(f fixture) {
			f.replace("solutions/01-price/right-answers/loop.patch", "sum += cents", "sum += quantity")
		},
			[]string{"solutions/01-price/right-answers/loop.patch: TestOrderCostsItsTickets has failed"}},
	}))
}

// A wrong answer meets the test that it names, or the whole suite: in a thorough round,
// and in one about some steps.
func TestWholeSuites(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]struct {
		by   func(f fixture)
		says string
	}{
		"another test red": {
			func(f fixture) { f.replace(noTable, "Also-red:", "As they say:") },
			noTable + ": TestSchemaIsBuiltIn is red too, and belongs to no task",
		},
		"another test dies": {
			func(f fixture) {
				f.replace("solutions/02-limit/schema_test.go", "\tif !", "\tpanic(\"at the disco\")\n\tif !")
			},
			noTable + ": the tests died",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			breakIt.by(f)
			f.keepAnswers("wrong-answers", noTable)
			c := f.open()
			only := []string{"wrong-answers"}
			if named := f.verify(Options{Course: c, Only: only}); named.Failed > 0 || named.AgainstWrong != againstWrong[false] {
				t.Errorf("with the test that each names: %s, against %s", named.Summary(), named.AgainstWrong)
			}
			for _, o := range []Options{{Thorough: true}, {Steps: c.Steps[1:]}} {
				o.Course, o.Only = c, only
				report := f.verify(o)
				expect(t, report, "wrong-answers", breakIt.says)
				if report.AgainstWrong != againstWrong[true] {
					t.Errorf("says that wrong answers met %s", report.AgainstWrong)
				}
			}
		})
	}
}

// A configuration isn't built in: tests read it where it lies.
func TestAnswersChangeConfigurations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("solutions/02-limit/deploy/limit.conf", "limit 8;\n")
	f.write("solutions/02-limit/deploy_test.go", `package main_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLimitIsConfigured(t *testing.T) {
	src, err := os.ReadFile(filepath.Join("deploy", "limit.conf"))
	here, _ := os.Getwd()
	if string(src) != "limit 8;\n" {
		t.Errorf("%s says %q: %v", filepath.Base(here), src, err)
	}
}
`)
	answer := func(name, says, diff string) {
		f.write("solutions/02-limit/wrong-answers/"+name, "Nine.\n\nTask: 1\nCaught-by: TestLimitIsConfigured\nSays: "+says+"\n"+diff)
	}
	answer("nine.patch", `02-limit says "limit 9;\n"`, "--- a/deploy/limit.conf\n+++ b/deploy/limit.conf\n@@ -1 +1 @@\n-limit 8;\n+limit 9;\n")
	answer("no-file.patch", `02-limit says ""`, "--- a/deploy/limit.conf\n+++ /dev/null\n@@ -1 +0,0 @@\n-limit 8;\n")
	o := Options{Course: f.open(), Only: []string{"wrong-answers"}}
	for _, o.Thorough = range []bool{false, true} {
		report := f.verify(o)
		if want := "9 passed, 0 failed"; report.Summary() != want {
			t.Errorf("thorough %t: %s, want %s", o.Thorough, report.Summary(), want)
			report.WriteFailures(t.Output())
		}
	}
}

// eachAlone keeps the one patch that a way breaks, the first path that it says, and
// removes the others: their results are TestWholeCoursePasses's.
func eachAlone(ways []broken) []broken {
	for i, way := range ways {
		keep, _, _ := strings.Cut(way.says[0], ":")
		ways[i].by = func(f fixture) {
			way.by(f)
			f.keepAnswers(way.check, keep)
		}
	}
	return ways
}

// keepAnswers removes all answers of a kind but one.
func (f fixture) keepAnswers(kind, keep string) {
	f.t.Helper()
	patches, _ := filepath.Glob(filepath.Join(f.dir, "solutions", "*", kind, "*.patch"))
	for _, path := range patches {
		if !strings.HasSuffix(path, keep) {
			f.remove(relative(f.dir, path))
		}
	}
}

// tryAll breaks a copy of the course in each way and runs the check that must see it.
func tryAll(t *testing.T, ways []broken) {
	t.Helper()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			way.by(f)
			o := Options{Only: []string{way.check}, Jobs: 1}
			if way.check == "starter" || way.check == "solution" {
				o.Course = f.open()
				o.Steps = o.Course.Steps[:1]
				if strings.Contains(way.says[0], "02-limit") || way.name == "task never told" {
					o.Steps = o.Course.Steps[1:]
				}
			}
			expect(t, f.verify(o), way.check, way.says...)
		})
	}
}

// lines is a Go comment of n lines.
func lines(n int) string {
	text := make([]byte, 0, 10*n)
	for range n {
		text = append(text, "var _ int\n"...)
	}
	return string(text)
}

func TestUnreadableCourse(t *testing.T) {
	f := newFixture(t)
	f.replace(lesson1, "minutes: 10", "minuts: 10")
	_, err := course.Open(f.dir)
	if err == nil {
		t.Fatal("an unknown key in the front matter is no error")
	}
	expect(t, Unreadable(err), "front-matter", lesson1, "minuts")
}

func TestOverlayFollowsLinks(t *testing.T) {
	f := newFixture(t)
	link := filepath.Join(f.dir, "link")
	if err := os.Symlink(filepath.Join(f.dir, "solutions", "01-price"), link); err != nil {
		t.Fatal(err)
	}
	a, err := answers.Read(filepath.Join(f.dir, sum))
	if err != nil {
		t.Fatal(err)
	}
	overlay, _, err := answers.Overlay(t.Context(), a, link, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if overlay[filepath.Join(f.dir, solution)] == "" || len(overlay) != 1 {
		t.Errorf("the overlay is %v; want the real path of main.go alone", overlay)
	}
}
