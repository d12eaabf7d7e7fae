package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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
	if !Within(within, condition) {
		f.Measured += fmt.Sprintf(" (waited %v)", within)
		t.Fatal(f.String())
	}
}

// Within waits until the condition is true, and reports whether it came to that in time. It
// looks every few milliseconds at first, and less often the longer it has waited: to look
// may take a request, and keep a core from what is waited for.
func Within(d time.Duration, condition func() bool) bool {
	began := time.Now()
	for !condition() {
		waited := time.Since(began)
		if waited > d {
			return false
		}
		time.Sleep(min(max(waited/20, lookSoonest), lookLatest))
	}
	return true
}

// How long Within pauses between two looks.
const (
	lookSoonest = 2 * time.Millisecond
	lookLatest  = 50 * time.Millisecond
)

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
		{"test", textElsewhere()},
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

// textElsewhere is where the running test's text is to be read when it isn't in the
// step's folder, such as tools/lab/contract/orders.go:42, and else "". Such a test does
// nothing but call a function of another package that has its name: TestX calls X.
func textElsewhere() string {
	const deep = 64 // more calls than any test nests
	callers := make([]uintptr, deep)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	called, more := frames.Next()
	for more {
		var caller runtime.Frame
		caller, more = frames.Next()
		folder, name := splitFunction(called.Function)
		if _, test := splitFunction(caller.Function); test == "Test"+name {
			return fmt.Sprintf("%s/%s:%d", folder, filepath.Base(called.File), called.Line)
		}
		called = caller
	}
	return ""
}

// splitFunction parts a function's full name into its package's folder, from the root of
// the course, and its own name.
func splitFunction(full string) (folder, name string) {
	slash := strings.LastIndexByte(full, '/') + 1
	last, name, _ := strings.Cut(full[slash:], ".")
	return strings.TrimPrefix(full[:slash], "example.com/boxoffice/") + last, name
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
