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

// checks lists all of them in the order in which they start: the quick ones first, and no
// long one last, which would run on alone.
func checks() []check {
	return []check{
		{"front-matter", "each lesson's front matter is whole and fits the course", eachStep(frontMatter)},
		{"tasks", "each task has tests that declare it, two hints, a TODO and three wrong answers, and each test is named by one", eachStep(tasks)},
		{"same-tests", "test files are identical in starter and solution, and name nothing of the module", eachStep(sameTests)},
		{"carried", "what a starter doesn't mark as changed is as the previous solution left it", eachStep(carried)},
		{"reset", "the solution with its starter.patch makes the starter", eachStep(reset)},
		{"migrations", "a migration that a step has is the same in every later one", once(migrations)},
		{"modules", "the modules agree on versions and can be built by themselves", once(modules)},
		{"imports", "the API's code imports nothing of tools, and tools keeps its arrows", once(imports)},
		{"links", "links and code references of the site lead somewhere", once(links)},
		{"site", "the site renders: regions, links and anchors, alternative texts, tracks, and pages that are light enough (compiles tools/cmd/site)", whole(rendered)},
		{"minutes", "the stated minutes of steps and tracks add up", whole(minutes)},
		{"size", fmt.Sprintf("the last solution has fewer than %d lines of code without tests", maxLines), whole(size)},
		{"gofmt", "Go files are formatted", once(gofmt)},
		{"vet", "go vet has nothing to say", compiling(vet)},
		{"standalone", "each module compiles and vets with GOWORK=off", eachModule(standalone)},
		{"staticcheck", "staticcheck has nothing to say", once(staticcheck)},
		{"govulncheck", "no known vulnerability is called", whole(govulncheck)},
		{"tools", "the tests of tools are green", whole(toolsTests)},
		{"starter", "the starter's tests are red exactly where the tasks say", eachStep(starter)},
		{"solution", "the solution's tests are green", solutions(false)},
		{"race", "the solution's tests are green with the race detector (--race)", solutions(true)},
		{"wrong-answers", "each wrong answer is caught by the test that it names", wrongAnswers},
		{"right-answers", "each other right answer is accepted", rightAnswers},
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

// eachModule makes a job of every module in the round.
func eachModule(run func(*work, string)) func(*round) []job {
	return func(r *round) []job {
		var jobs []job
		for _, dir := range r.modules() {
			jobs = append(jobs, job{subject: r.rel(dir), run: func(w *work) { run(w, dir) }})
		}
		return jobs
	}
}

// once makes a single job.
func once(run func(*work)) func(*round) []job {
	return func(*round) []job { return []job{{run: run}} }
}

// compiling makes a single job that compiles for all that follow.
func compiling(run func(*work)) func(*round) []job {
	return func(*round) []job { return []job{{run: run, compiles: true}} }
}

// whole makes a single job that makes sense for the whole course alone.
func whole(run func(*work)) func(*round) []job {
	return func(r *round) []job {
		if r.partial {
			return nil
		}
		return []job{{run: run}}
	}
}
