package course

import (
	"fmt"
	"strings"
)

// UnknownStepError says that no step has that name, and which one may have been meant.
type UnknownStepError struct {
	Name    string
	Nearest *Step // nil when nothing is near
	Last    int   // the highest number of a step, 0 when there is none
}

// Error names the nearest step, or the range of numbers.
func (e *UnknownStepError) Error() string {
	switch {
	case e.Nearest != nil:
		return fmt.Sprintf("there is no step %q; did you mean %s?", e.Name, e.Nearest.Name)
	case e.Last == 0:
		return fmt.Sprintf("there is no step %q; this course has no steps", e.Name)
	}
	return fmt.Sprintf("there is no step %q; steps are named by number (1 to %d) or name", e.Name, e.Last)
}

func (c *Course) unknown(name string) error {
	e := &UnknownStepError{Name: name}
	if len(c.Steps) > 0 {
		e.Last = c.Steps[len(c.Steps)-1].Number
	}
	asked, best := strings.ToLower(name), 3 // more than two slips is another word
	for _, s := range c.Steps {
		if strings.HasPrefix(s.Slug, asked) && len(asked) > 1 {
			e.Nearest, best = s, 0
		}
		if d := min(distance(asked, s.Slug), distance(asked, s.Name)); d < best && d < len(asked) {
			e.Nearest, best = s, d
		}
	}
	return e
}

// distance is how many letters must be inserted, deleted or replaced to make a of b
// (Levenshtein, by rows).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
