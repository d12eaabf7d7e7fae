package course

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Gap is a place in the learner's code where work waits.
type Gap struct {
	Task int
	File string // relative to the step, with slashes
	Line int    // from 1
	Text string // what the comment says after the colon, its lines joined
}

var gap = regexp.MustCompile(`TODO\(task (\d+)\):?\s*(.*)`)

// Gaps are the `TODO(task K): …` comments in the Go and SQL files and the
// configuration of dir, in the order of files and lines.
func Gaps(dir string) ([]Gap, error) {
	files, err := Files(dir)
	if err != nil {
		return nil, err
	}
	var gaps []Gap
	for _, f := range files {
		if IsTest(f) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f)))
		if err != nil {
			return nil, fmt.Errorf("look for TODO(task …): %w", err)
		}
		gaps = append(gaps, gapsOf(f, strings.Split(string(src), "\n"))...)
	}
	return gaps, nil
}

func gapsOf(file string, lines []string) []Gap {
	var gaps []Gap
	for i, line := range lines {
		m := gap.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1]) // the pattern saw digits
		text := []string{strings.TrimSpace(m[2])}
		for _, below := range lines[i+1:] {
			more, ok := comment(below)
			if !ok || gap.MatchString(below) {
				break
			}
			text = append(text, more)
		}
		gaps = append(gaps, Gap{Task: n, File: file, Line: i + 1, Text: strings.Join(text, " ")})
	}
	return gaps
}

// comment is what a line says that is nothing but a comment in Go, SQL or a configuration,
// and something.
func comment(line string) (text string, ok bool) {
	line = strings.TrimSpace(line)
	for _, sign := range []string{"//", "--", "#"} {
		if text, ok := strings.CutPrefix(line, sign); ok {
			return strings.TrimSpace(text), strings.TrimSpace(text) != ""
		}
	}
	return "", false
}
