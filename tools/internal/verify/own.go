package verify

import (
	"encoding/json"
	"slices"
	"strings"
)

// toolsTests runs the tests of the tools themselves, and tells what they skipped for want
// of a program.
func toolsTests(w *work) {
	// Not with w.command: testing.T.TempDir follows GOTMPDIR, into the course.
	out, err := command{Dir: w.Course.Root}.run(w.ctx, "go", "test", "-count=1", "-json", "./tools/...")
	said := readTests(out)
	if err != nil {
		w.add(w.tools(), "go test ./tools/...\n%s", firstOf(said.failures(), err))
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
