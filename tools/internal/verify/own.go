package verify

import (
	"encoding/json"
	"maps"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
)

// ofCourse are the packages of tools whose tests look at the course itself, each with what
// they read of it: nothing for all of it, or else files and folders, answers aside. How the
// pages of mistakes look in a browser doesn't hang on one mistake more.
var ofCourse = map[string][]string{
	"internal/browser":   {"."},
	"internal/site":      nil,
	"internal/stopwatch": {"site/content", "solutions"},
	"internal/stack":     {"docker-compose.yml", ".dockerignore", "deploy", "solutions", "steps", "site/content/guides"},
}

// toolsTests makes jobs of the tests of the tools themselves: one of those that look at
// the course for each such package, and one of all others.
func toolsTests(r *round) []job {
	if r.partial {
		return nil
	}
	var others []string
	jobs := []job{{works: true, long: 240, run: func(w *work) { toolsOf(w, others) }, reads: readsTools}}
	for _, folder := range r.toolsFolders() {
		course, ok := ofCourse[folder]
		if !ok {
			others = append(others, folder)
			continue
		}
		jobs = append(jobs, job{
			subject: folder, works: true, long: 60,
			run: func(w *work) { toolsOf(w, []string{folder}) },
			reads: func(in *reads) {
				readsTools(in)
				in.group("of the course for "+folder, func() map[string]string { return in.below(course...) })
			},
		})
	}
	return jobs
}

// readsTools: tests may start whatever program tools has.
func readsTools(in *reads) {
	in.Value("machine of tools", in.machine.tools)
	in.allOfTools()
	in.versions()
}

// toolsFolders are the folders of tools with Go files in them.
func (r *round) toolsFolders() []string {
	files, _ := course.Files(r.tools())
	set := map[string]bool{}
	for _, rel := range files {
		if strings.HasSuffix(rel, ".go") && !inTestdata(rel) {
			set[path.Dir(rel)] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// toolsOf runs the tests in some folders of tools, and tells what they skipped for want of
// a program.
func toolsOf(w *work, folders []string) {
	args := []string{"test", "-count=1", "-json", "-ldflags=-w"}
	if len(folders) > 1 {
		args = append(args, "-p="+strconv.Itoa(2*runtime.NumCPU()))
	}
	for _, folder := range folders {
		args = append(args, "./tools/"+folder)
	}
	// Not with w.command: testing.T.TempDir follows GOTMPDIR, into the course.
	out, err := command.Place{Dir: w.Course.Root, CPU: &w.cpu}.Run(w.ctx, "go", args...)
	said := readTests(out)
	if err != nil {
		w.add(w.tools(), "go test ./tools/...\n%s", command.FirstOf(said.failures(), err))
	}
	w.unchecked = said.wants()
}

// spoken is what tests and packages said, in the order in which they began.
type spoken []*speech

// speech is what one of them said.
type speech struct {
	of     [2]string // package and test; "" for what belongs to no test
	action string    // how it ended: pass, fail or skip; "" when it didn't
	text   string
}

// readTests reads the lines of `go test -json` (see `go doc test2json`). A line that is no
// event is what go itself says.
func readTests(out string) spoken {
	var all spoken
	known := map[[2]string]*speech{}
	for line := range strings.Lines(out) {
		event := struct{ Action, Package, Test, Output string }{Action: "build-output", Output: line}
		if json.Unmarshal([]byte(line), &event) != nil {
			event.Output = line
		}
		of := [2]string{event.Package, event.Test}
		s := known[of]
		if s == nil {
			s = &speech{of: of}
			known[of] = s
			all = append(all, s)
		}
		switch event.Action {
		case "output", "build-output":
			s.text += event.Output
		case "pass", "fail", "skip":
			s.action = event.Action
		}
	}
	return all
}

// failures is what was said by all that failed, and by what belongs to no package, such as
// a build.
func (all spoken) failures() string {
	var text strings.Builder
	for _, s := range all {
		if s.action == "fail" || s.of[0] == "" {
			text.WriteString(s.text)
		}
	}
	return text.String()
}

// installs stands in the reason of a skipped test that a program would let run, before the
// command that installs it.
const installs = "; to install it: "

// wants are the reasons of skipped tests that name what to install, each once.
func (all spoken) wants() []string {
	var list []string
	for _, s := range all {
		for line := range strings.Lines(s.text) {
			if s.action != "skip" || !strings.Contains(line, installs) {
				continue
			}
			if _, reason, ok := strings.Cut(strings.TrimSpace(line), ".go:"); ok {
				_, line, _ = strings.Cut(reason, ": ")
			}
			if line = strings.TrimSpace(line); !slices.Contains(list, line) {
				list = append(list, line)
			}
		}
	}
	return list
}
