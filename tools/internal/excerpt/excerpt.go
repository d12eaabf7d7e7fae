// Package excerpt reads the fences of pages that pull code out of real files
// (```go file=solutions/01-baseline/main.go region=getEvent), and cuts the named
// regions out of these files.
package excerpt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Fence is what the opening line of a block of code says.
type Fence struct {
	Language string // "go"; "" when it names none
	File     string // from the course's root, with slashes; "" for code that stands in the page
	Region   string // of the file; "" for all of it
}

// ErrFenceWithoutFile says that a fence names a region, but not of which file.
var ErrFenceWithoutFile = errors.New("names a region without a file=")

var attribute = regexp.MustCompile(`\b(file|region)="?([^\s"}]+)"?`)

// ParseFence reads an opening line, with or without its backticks. It returns
// ErrFenceWithoutFile, with the fence, when it names a region alone.
func ParseFence(line string) (Fence, error) {
	line = strings.TrimLeft(strings.TrimSpace(line), "`~")
	var f Fence
	if word, _, _ := strings.Cut(strings.TrimSpace(line), " "); !strings.Contains(word, "=") {
		f.Language = word
	}
	for _, m := range attribute.FindAllStringSubmatch(line, -1) {
		if m[1] == "file" {
			f.File = m[2]
		} else {
			f.Region = m[2]
		}
	}
	if f.File == "" && f.Region != "" {
		return f, ErrFenceWithoutFile
	}
	return f, nil
}

// Read is the code that a fence pulls from its file below root. The error names the file.
func (f Fence) Read(root string) (string, error) {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.File)))
	if err != nil {
		return "", f.Missing()
	}
	return f.Of(string(src))
}

// Missing says that there is no such file.
func (f Fence) Missing() error { return fmt.Errorf("pulls code from %s, which isn't there", f.File) }

// Of is the code that a fence pulls from src, the text of its file: without the lines that
// mark regions, and without the indentation that all lines share. It fails when there is
// no such region.
func (f Fence) Of(src string) (string, error) {
	if f.Region == "" {
		return flush(src), nil
	}
	text, ok := Cut(src, f.Region)
	if !ok {
		return "", fmt.Errorf("pulls region %s from %s, which has no such region", f.Region, f.File)
	}
	return text, nil
}

var (
	begins = regexp.MustCompile(`^\s*(?://|--|#)\s*#?region:?\s+(\S+)\s*$`)
	ends   = regexp.MustCompile(`^\s*(?://|--|#)\s*#?endregion\b`)
)

// IsMarker reports that a line only begins or ends a region.
func IsMarker(line string) bool { return begins.MatchString(line) || ends.MatchString(line) }

// Cut is the text of a region: between the comment that begins it and the one that ends
// it, regions within it included. It reports whether a comment begins it.
func Cut(src, region string) (text string, ok bool) {
	var b strings.Builder
	depth := 0
	for line := range strings.Lines(src) {
		m := begins.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		switch {
		case depth == 0 && (m == nil || m[1] != region):
			continue
		case m != nil:
			depth++
			ok = true
			continue
		case ends.MatchString(line):
			if depth--; depth == 0 {
				return flush(b.String()), true
			}
			continue
		}
		b.WriteString(line)
	}
	return flush(b.String()), ok
}

// flush takes away lines that mark regions, blank lines at both ends, and the
// indentation that all lines share.
func flush(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if !IsMarker(line) {
			lines = append(lines, line)
		}
	}
	shared := indentation(lines)
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, shared)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

// indentation is what all lines begin with that aren't blank.
func indentation(lines []string) string {
	shared, first := "", true
	for _, line := range lines {
		if line == "" {
			continue
		}
		own := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if first {
			shared, first = own, false
		}
		for !strings.HasPrefix(own, shared) {
			shared = shared[:len(shared)-1]
		}
	}
	return shared
}
