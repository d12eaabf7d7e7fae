package learner

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/boxoffice/tools/internal/answers"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/patch"
)

// beginAt is the gap of a task to begin with, for a test that is red. Which code a test is about is
// known from the wrong answers that it catches: where people get it wrong is where the work is. The
// gap that most of them change comes first, else the first one of the task; nil when it has none.
func beginAt(s *course.Step, task int, test string, gaps []course.Gap) *course.Gap {
	var begin *course.Gap
	best, spots := -1, spotsOf(s, test)
	for i, g := range gaps {
		if g.Task != task {
			continue
		}
		near := 0
		own := spot{g.File, declarationAt(read(s.Dir, g.File), g.Line)}
		for spot, times := range spots {
			if spot.file == own.file {
				near += times
			}
			if spot == own {
				near += len(spots) * times
			}
		}
		if near > best {
			begin, best = &gaps[i], near
		}
	}
	return begin
}

// spot is a top-level declaration of a file; "" for what stands in none.
type spot struct{ file, declaration string }

// spotsOf counts what the wrong answers change that a test catches.
func spotsOf(s *course.Step, test string) map[spot]int {
	spots := map[spot]int{}
	paths, _ := filepath.Glob(filepath.Join(s.SolutionDir, "wrong-answers", "*.patch"))
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(src), "Caught-by: "+test+"\n") {
			continue
		}
		if a, err := answers.Parse(path, src); err != nil || a.CaughtBy != test {
			continue
		}
		for changed := range changedIn(s.SolutionDir, string(src)) {
			spots[changed]++
		}
	}
	return spots
}

// changedIn are the spots that a patch on a folder changes.
func changedIn(dir, text string) map[spot]bool {
	changed := map[spot]bool{}
	changes, err := patch.Parse(text)
	if err != nil {
		return nil
	}
	for _, c := range changes {
		lines := read(dir, c.Old)
		for _, at := range c.Touched() {
			changed[spot{c.Old, declarationAt(lines, at)}] = true
		}
	}
	return changed
}

// read is a file in lines; none of one that can't be read.
func read(dir, file string) []string {
	src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		return nil
	}
	return strings.Split(string(src), "\n")
}

// declaration matches the first line of a top-level declaration of Go.
var declaration = regexp.MustCompile(`^(?:func (?:\([^)]*\) )?|type |var |const )(\w+)`)

// declarationAt names the top-level declaration that a line, counted from 1, stands in or right above.
func declarationAt(lines []string, line int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	for at := line - 1; at < len(lines) && strings.HasPrefix(lines[at], "//"); at++ { // a doc comment
		if at+1 < len(lines) && declaration.MatchString(lines[at+1]) {
			return declaration.FindStringSubmatch(lines[at+1])[1]
		}
	}
	for at := line - 1; at >= 0; at-- {
		if m := declaration.FindStringSubmatch(lines[at]); m != nil {
			return m[1]
		}
	}
	return ""
}
