package verify

import (
	"fmt"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// check is one thing that must stay true.
type check struct {
	name, about string
	jobs        func(r *round) []job
}

// checks lists all of them in the order of the report. What takes milliseconds is not
// worth remembering, and isn't.
func checks() []check {
	return []check{
		{"front-matter", "each lesson's front matter is whole and fits the course", eachStep(frontMatter)},
		{"tasks", "each task has tests that declare it, two hints, a TODO and three wrong answers, and each test is named by one", eachStep(tasks)},
		{"same-tests", "test files are identical in starter and solution, and name nothing of the module", eachStep(sameTests)},
		{"carried", "what a starter doesn't mark as changed is as the previous solution left it", eachStep(carried)},
		{"reset", "the solution with its starter.patch makes the starter", eachStep(reset)},
		{"migrations", "a migration that a step has is the same in every later one", once(job{run: migrations})},
		{"modules", "the modules agree on versions and can be built by themselves", once(job{run: modules})},
		{"tidy", "go mod tidy leaves each go.mod and go.sum as it is", tidies},
		{"clean-sums", "go list -m all, go doc, go work sync, go mod download and an editor leave go.work.sum, and each go.mod and go.sum, as they are", once(job{run: cleanSums, works: true, long: 5, reads: (*reads).workspace})},
		{"imports", "the API's code imports nothing of tools, and tools keeps its arrows", once(job{run: imports})},
		{"links", "links and code references of the site lead somewhere", once(job{run: links})},
		{"site", "the site renders: regions, links and anchors, alternative texts, tracks, and pages that are light enough (compiles tools/cmd/site)", whole(job{run: rendered, works: true, long: 15, reads: (*reads).everything})},
		{"minutes", "the stated minutes of steps and tracks add up", whole(job{run: minutes})},
		{"size", fmt.Sprintf("the last solution has fewer than %d lines of code without tests", maxLines), whole(job{run: size})},
		{"gofmt", "Go files are formatted", once(job{run: gofmt})},
		{"vet", "go vet has nothing to say", once(job{run: vet, compiles: true, works: true, long: 60, reads: (*reads).modules})},
		{"standalone", "each module compiles and vets with GOWORK=off", eachModule(job{works: true, long: 10}, standalone)},
		{"staticcheck", "staticcheck has nothing to say", once(job{run: staticcheck, works: true, long: 90, reads: (*reads).modules})},
		{"govulncheck", "no known vulnerability is called", whole(job{run: govulncheck, works: true, long: 30, reads: func(in *reads) { in.modules(); in.today() }})},
		{"tools", "the tests of tools are green", toolsTests},
		{"starter", "the starter's tests are red exactly where the tasks say", starters},
		{"solution", "the solution's tests are green", solutions(false)},
		{"race", "the solution's tests are green with the race detector (--race)", solutions(true)},
		{"wrong-answers", "each wrong answer is caught by the test that it names", wrongAnswers},
		{"right-answers", "each other right answer is accepted", rightAnswers},
		{"mutants", "the tests tell the small changes to what the learner writes, or a list explains why nobody can (--mutants tries them)", mutants},
		{"past", "the tests of earlier steps are green on the newest solution", past},
	}
}

// Names lists the checks with a line on each, in the order in which they run.
func Names() [][2]string {
	var list [][2]string
	for _, c := range checks() {
		list = append(list, [2]string{c.name, c.about})
	}
	return list
}

// Known fails for a name that is no check's.
func Known(names []string) error {
	all := known(checks())
	for _, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("there is no check %q; the checks are %s", name, strings.Join(all, ", "))
		}
	}
	return nil
}

// choose is the checks of the given names, all when there are none.
func choose(names []string) []check {
	return slices.DeleteFunc(checks(), func(c check) bool {
		return len(names) > 0 && !slices.Contains(names, c.name)
	})
}

func known(all []check) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

// eachStep makes a job of every chosen step.
func eachStep(run func(*work, *course.Step)) func(*round) []job {
	return func(r *round) []job {
		var jobs []job
		for _, s := range r.steps {
			jobs = append(jobs, job{subject: s.Name, run: func(w *work) { run(w, s) }})
		}
		return jobs
	}
}

// eachModule makes a job like another of every module in the round, which reads it.
func eachModule(like job, run func(*work, string)) func(*round) []job {
	return func(r *round) []job {
		var jobs []job
		for _, dir := range r.modules() {
			j := like
			j.subject = r.rel(dir)
			j.run = func(w *work) { run(w, dir) }
			j.reads = func(in *reads) { in.module(dir) }
			jobs = append(jobs, j)
		}
		return jobs
	}
}

// once makes a single job.
func once(j job) func(*round) []job {
	return func(*round) []job { return []job{j} }
}

// whole makes a single job that makes sense for the whole course alone.
func whole(j job) func(*round) []job {
	return func(r *round) []job {
		if r.partial {
			return nil
		}
		return []job{j}
	}
}
