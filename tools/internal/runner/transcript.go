package runner

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// keptBytes is how much is kept of the beginning of what a test says, and how much of its end.
	keptBytes = 64 << 10
	// keptLines bounds the number of lines likewise.
	keptLines = 400
)

// transcript is what a test said: all of it, or the first and the last lines of a test
// that doesn't stop talking. The trace of a crash begins a part of its own, so that
// neither what was said before nor its own length hides its first lines.
type transcript struct {
	parts []*part
	count int // of lines, or pieces of long ones, kept or not
}

type part struct {
	head, tail           []string
	headBytes, tailBytes int
	gone                 int // lines between head and tail
}

// add takes a line, or a piece of a long one.
func (t *transcript) add(line string) {
	if len(t.parts) == 0 || isCrash(line) && len(t.parts) == 1 {
		t.parts = append(t.parts, &part{})
	}
	t.parts[len(t.parts)-1].add(line)
	t.count++
}

func (p *part) add(line string) {
	if p.gone == 0 && len(p.tail) == 0 && len(p.head) < keptLines && p.headBytes+len(line) <= keptBytes {
		p.head = append(p.head, line)
		p.headBytes += len(line)
		return
	}
	p.tail = append(p.tail, line)
	p.tailBytes += len(line)
	drop := 0
	for ; len(p.tail)-drop > keptLines || p.tailBytes > keptBytes; drop++ {
		p.tailBytes -= len(p.tail[drop])
		p.gone++
	}
	p.tail = p.tail[drop:] // append moves what is left when the array is full
}

// lines are what is kept, with a line in the place of what isn't.
func (t *transcript) lines() []string {
	var all []string
	for _, p := range t.parts {
		all = append(all, p.head...)
		if p.gone > 0 {
			if n := len(all); n > 0 && !strings.HasSuffix(all[n-1], "\n") {
				all = append(all, "\n")
			}
			all = append(all, fmt.Sprintf("(%s more lines came here)\n", thousands(p.gone)))
		}
		all = append(all, p.tail...)
	}
	return all
}

func (t *transcript) String() string { return strings.Join(t.lines(), "") }

// crash is what the test said from a crash on; nil without one.
func (t *transcript) crash() []string {
	lines := t.lines()
	if i := slices.IndexFunc(lines, isCrash); i >= 0 {
		return lines[i:]
	}
	return nil
}

// thousands writes a number as people read it: 1,234,567.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
