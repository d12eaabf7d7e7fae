package carry

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// proof is the arguments of `workshop verify` that prove the steps which differ from the
// base: the checks that the change can break, and of the answers those that touch what
// changed, each with the test that it names.
func (p *planner) proof() []string {
	numbers := p.touched()
	if len(numbers) == 0 {
		return nil
	}
	var steps []string
	for _, n := range numbers {
		steps = append(steps, fmt.Sprintf("%02d", n))
	}
	args := []string{"verify", "--step", strings.Join(steps, ","), "--named", "--only", strings.Join(p.checks(), ",")}
	var answers []string
	for _, file := range p.concern {
		answers = append(answers, strings.TrimSuffix(path.Base(file), ".patch"))
	}
	if len(answers) > 0 {
		slices.Sort(answers)
		args = append(args, "--answer", strings.Join(slices.Compact(answers), ","))
	}
	return args
}

// checks are the names of verify's that look at what changed.
func (p *planner) checks() []string {
	checks := []string{"tasks", "same-tests", "carried", "reset", "gofmt", "vet"}
	changes := func(match func(file string) bool) bool {
		return slices.ContainsFunc(p.paths(), func(file string) bool { return p.wanted(file) != p.base.file(file) && match(file) })
	}
	in := func(folder string) func(string) bool {
		return func(file string) bool { return strings.HasPrefix(file, folder) }
	}
	if changes(func(file string) bool { return strings.Contains(file, "/migrations/") }) {
		checks = append(checks, "migrations")
	}
	if changes(func(file string) bool {
		return strings.HasSuffix(file, "/go.mod") || strings.HasSuffix(file, "/go.sum")
	}) {
		checks = append(checks, "modules", "standalone")
	}
	if changes(in("steps/")) {
		checks = append(checks, "starter")
	}
	if changes(in("solutions/")) {
		checks = append(checks, "links", "solution", "past")
	}
	for _, kind := range []string{"wrong-answers", "right-answers"} {
		if slices.ContainsFunc(p.concern, func(file string) bool { return path.Base(path.Dir(file)) == kind }) {
			checks = append(checks, kind)
		}
	}
	return checks
}
