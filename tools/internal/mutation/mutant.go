package mutation

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Mutant is one small change to one declaration.
type Mutant struct {
	Number   int    // from 1, in the order of the source; another source, another number
	Operator string // what was done, such as "drop statement"
	File     string // relative to the module, with slashes
	In       string // the function or variable, such as Store.CreateOrder
	Line     int

	target  *target
	edits   []edit   // as it is compiled
	shown   []edit   // as somebody would have written it
	before  []byte   // the file
	swapped []string // what follows each other the other way round: a diff's lines say too little of it
	place   int      // of the statement that it is in: what a test must reach
	nth     int      // of those that read the same, from 1
}

// edit is a piece of a file, and what stands there instead.
type edit struct {
	from, to int // offsets
	text     string
}

// apply makes the edits, which don't overlap, to the part of a file that begins at an
// offset.
func apply(part []byte, at int, edits []edit) []byte {
	sorted := slices.SortedFunc(slices.Values(edits), func(a, b edit) int { return a.from - b.from })
	var out bytes.Buffer
	done := 0
	for _, e := range sorted {
		out.Write(part[done : e.from-at])
		out.WriteString(e.text)
		done = e.to - at
	}
	out.Write(part[done:])
	return out.Bytes()
}

// Diff is the change as a unified diff.
func (m *Mutant) Diff() string {
	after := m.after()
	diff, err := udiff.ToUnified("a/"+m.File, "b/"+m.File, string(m.before), udiff.Lines(string(m.before), after), 2)
	if err != nil {
		return err.Error()
	}
	return diff
}

// after is the file as somebody would have written it who made this mistake.
func (m *Mutant) after() string { return string(apply(m.before, 0, m.shown)) }

// Lines are the lines that the change takes away and those that it puts there, each
// without what is around it. Of statements that are swapped, they are the first lines.
func (m *Mutant) Lines() (gone, come []string) {
	if len(m.swapped) == 2 {
		return m.swapped, []string{m.swapped[1], m.swapped[0]}
	}
	for line := range strings.Lines(m.Diff()) {
		text := strings.Join(strings.Fields(line[1:]), " ")
		switch {
		case text == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++"):
		case line[0] == '-':
			gone = append(gone, text)
		case line[0] == '+':
			come = append(come, text)
		}
	}
	return gone, come
}

// Identity is the change in a few lines, which stay the same when something else in the
// file is changed.
func (m *Mutant) Identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", m.File, m.In, m.Operator)
	if m.nth > 1 {
		fmt.Fprintf(&b, " (%d)", m.nth)
	}
	b.WriteString("\n")
	gone, come := m.Lines()
	for _, line := range gone {
		b.WriteString("- " + line + "\n")
	}
	for _, line := range come {
		b.WriteString("+ " + line + "\n")
	}
	return b.String()
}

// number gives the mutants their numbers, and tells those apart that read the same.
func number(list []*Mutant) {
	same := map[string]int{}
	for i, m := range list {
		m.Number = i + 1
		same[m.Identity()]++
		m.nth = same[m.Identity()]
	}
}
