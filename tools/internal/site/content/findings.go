package content

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is something wrong with what the site is made of.
type Finding struct {
	File string // from the course's root, with slashes
	Line int    // from 1; 0 when it is about the whole file
	What string
}

func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.What)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What)
}

// Findings are all that is wrong, a line each, in the order of files and lines.
type Findings []Finding

func (f Findings) Error() string {
	var lines []string
	for _, one := range f {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Sorted puts the findings in order and drops what is there twice.
func (f Findings) Sorted() Findings {
	slices.SortFunc(f, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(f)
}

// LineOf is the number of the line that holds a piece of text, 0 when none does.
func LineOf(src []byte, text string) int {
	before, _, found := strings.Cut(string(src), text)
	if !found {
		return 0
	}
	return strings.Count(before, "\n") + 1
}
