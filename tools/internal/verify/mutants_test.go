package verify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/mutation/score"
)

// tried runs the mutants of the shop.
func (f fixture) tried() *Report {
	f.t.Helper()
	c := f.open()
	return f.verify(Options{Course: c, Steps: []*course.Step{c.Steps[1]}, Only: []string{"mutants"}, Mutants: true})
}

func (f fixture) survivors() string {
	f.t.Helper()
	text := f.read(".workshop/mutants/02-limit.txt")
	left, _, _ := strings.Cut(text, "# All of them")
	return left
}

func TestMutantsAreTold(t *testing.T) {
	t.Parallel()
	f := shop(t)
	report := f.tried()
	if report.Failed > 0 {
		t.Errorf("all tests are there, and: %v", report.Results[0].Findings)
	}
	if left := f.survivors(); !strings.Contains(left, "solutions/02-limit: 0") {
		t.Errorf("survived: %s", left)
	}
	came, err := score.Read(filepath.Join(f.dir, "solutions", "02-limit"))
	if err != nil || came == nil || came.Mutants < 10 || came.Killed != came.Mutants {
		t.Errorf("the score is %v, %v", came, err)
	}
	c := f.open()
	plain := f.verify(Options{Course: c, Steps: []*course.Step{c.Steps[1]}, Only: []string{"mutants"}})
	if v := plain.Results[0]; v.Outcome != Passed || v.Note != came.String() {
		t.Errorf("read again: %+v", v)
	}
	f.replace("solutions/02-limit/limit/limit.go", "is how many", "is how many at most")
	plain = f.verify(Options{Course: c, Steps: []*course.Step{c.Steps[1]}, Only: []string{"mutants"}})
	if v := plain.Results[0]; v.Outcome != Passed || !strings.Contains(v.Note, "have changed since") {
		t.Errorf("after a change: %+v", v)
	}
	plain = f.verify(Options{Course: c, Steps: []*course.Step{c.Steps[1]}, Only: []string{"mutants"}, Thorough: true})
	expect(t, plain, "mutants", "solutions/02-limit/mutants.json: is of the files as they were on ")
}

// Without its test, a change of the price is one that nobody tells, until it is explained.
func TestSurvivorsAreShownUntilTheyAreExplained(t *testing.T) {
	t.Parallel()
	f := shop(t)
	f.replace("solutions/02-limit/shop_test.go", `got != "1500"`, `got == ""`)
	expect(t, f.tried(), "mutants", "limit/limit.go Price: change number\n    - var Price = 1500\n    + var Price = 1501")
	left := f.survivors()
	if !strings.Contains(left, "--- a/limit/limit.go") || strings.Contains(left, "- func Limit") {
		t.Errorf("shown: %s", left)
	}
	var list strings.Builder
	for block := range strings.SplitSeq(left, "limit/limit.go Price: ") {
		if change, _, ok := strings.Cut(block, "# line"); ok {
			list.WriteString("limit/limit.go Price: " + change + "because any price will do\n\n")
		}
	}
	f.write("solutions/02-limit/mutants.txt", list.String())
	if report := f.tried(); report.Failed > 0 {
		t.Errorf("explained: %v", report.Results[0].Findings)
	}
	f.replace("solutions/02-limit/shop_test.go", `got == ""`, `got != "1500"`)
	expect(t, f.tried(), "mutants", "solutions/02-limit/mutants.txt: explains what no mutant survives as; drop it")
}

// A step that was never tried is told from one whose tests tell too little.
func TestScoresAreRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	only := Options{Only: []string{"mutants"}}
	if v := f.verify(only).Results[0]; v.Outcome != Passed || v.Note != "97.5 % of 40 changes are told by a test (38) or explained (1), on 2026-11-30; the files have changed since: go tool workshop verify --mutants --step 01" {
		t.Errorf("an old one: %+v", v)
	}
	f.remove("solutions/02-limit/mutants.json")
	if v := f.verify(only).Results[1]; v.Outcome != Skipped || !strings.Contains(v.Reason, "never tried: go tool workshop verify --mutants --step 02") {
		t.Errorf("none: %+v", v)
	}
	f.replace("solutions/01-price/mutants.json", "38", "36")
	expect(t, f.verify(only), "mutants", "92.5 % of 40 changes are told by a test (36) or explained (1); 95 % are the least")
	f.write("solutions/01-price/mutants.json", "{")
	expect(t, f.verify(only), "mutants", "solutions/01-price/mutants.json: read the score of the mutants")
}

// A suite that is red by itself says nothing of a change.
func TestMutantsNeedAGreenSuite(t *testing.T) {
	t.Parallel()
	f := shop(t)
	f.replace("solutions/02-limit/shop_test.go", `got != "1500"`, `got != "1600"`)
	f.remove("solutions/02-limit/mutants.json")
	expect(t, f.tried(), "mutants", "TestTicketsHaveAPrice is red on the solution as it is")
	if _, err := os.Stat(filepath.Join(f.dir, "solutions", "02-limit", "mutants.json")); err == nil {
		t.Error("there is a score all the same")
	}
}
