package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Finding is what a failed test tells: what was measured, what should have been,
// why that matters in production, and how to see it for yourself. It never tells
// the answer.
type Finding struct {
	// Measured is what came out, with its unit.
	Measured string
	// Expected is what should have come out.
	Expected string
	// Why says in a sentence what this costs in production.
	Why string
	// Try is a command that reproduces it; empty where none can.
	Try string
	// Read is where to read on; the step's lesson when empty.
	Read string
}

// Require ends the test with the finding when ok is false.
func Require(t testing.TB, ok bool, f Finding) {
	t.Helper()
	if !ok {
		t.Fatal(f.String())
	}
}

// Eventually waits until the condition is true, and ends the test with the
// finding when that takes longer than within.
func Eventually(t testing.TB, within time.Duration, condition func() bool, f Finding) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !condition() {
		if time.Now().After(deadline) {
			f.Measured += fmt.Sprintf(" (waited %v)", within)
			t.Fatal(f.String())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Findings are wrapped so that they fit a terminal of 80 columns.
const (
	labelWidth = 10
	textWidth  = 66
)

// String lays the finding out as it stands in the test's output.
func (f Finding) String() string {
	if f.Read == "" {
		f.Read = lessonPath()
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, row := range []struct{ label, text string }{
		{"measured", f.Measured},
		{"expected", f.Expected},
		{"why", f.Why},
		{"try", f.Try},
		{"read on", f.Read},
	} {
		writeRow(&b, row.label, row.text)
	}
	return b.String()
}

func writeRow(b *strings.Builder, label, text string) {
	if text == "" {
		return
	}
	for i, line := range wrap(text, textWidth) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(b, "  %-*s%s\n", labelWidth, label, line)
	}
}

// wrap breaks the lines of text between words, and keeps their indentation. Commands, which are there to be
// copied, are left alone, and so are words longer than a line.
func wrap(text string, width int) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if isCommand(line) {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, wrapLine(line, width)...)
	}
	return lines
}

// aCommand matches a line for a shell, perhaps with variables set before it.
var aCommand = regexp.MustCompile(`^(TOKEN=|([A-Z_]+=\S+ )*(curl|go) )`)

func isCommand(line string) bool { return aCommand.MatchString(line) }

func wrapLine(line string, width int) []string {
	var lines []string
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	current := ""
	for word := range strings.FieldsSeq(line) {
		if current != "" && len(indent)+len(current)+1+len(word) > width {
			lines = append(lines, indent+current)
			current = word
			continue
		}
		current = strings.TrimPrefix(current+" "+word, " ")
	}
	return append(lines, indent+current)
}

// stepSlug is the folder name of the step whose tests these are, such as
// "06-pooling": the folder of the nearest go.mod.
func stepSlug() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Base(dir)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func lessonPath() string {
	slug := stepSlug()
	if slug == "" {
		return ""
	}
	return "site/content/steps/" + slug + ".md"
}

// runCommand is how the learner starts the API of this step by hand.
func runCommand() string {
	number, _, _ := strings.Cut(stepSlug(), "-")
	return "go tool workshop run " + number
}
