package mutation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Explained are changes that no test can tell from the solution, with the reasons why. The
// list of them ([score.Explained]) is made of blocks with empty lines between them. A block
// names one change or several, each as [Mutant.Identity] writes it, and ends with a line
// "because …" and the lines after it. A line that begins with # is a comment.
type Explained struct {
	reasons map[string]string // by identity
	order   []string
}

// ReadExplained reads the list in a file. Without the file there is none.
func ReadExplained(path string) (*Explained, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Explained{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the explained mutants: %w", err)
	}
	return parseExplained(string(src))
}

func parseExplained(src string) (*Explained, error) {
	e := &Explained{reasons: map[string]string{}}
	var changes []string // of the block, as far as it is read
	var reason string
	end := func(line int) error {
		switch {
		case len(changes) == 0 && reason == "":
			return nil
		case reason == "":
			return fmt.Errorf("line %d: %q has no line \"because …\"", line, strings.TrimSpace(changes[0]))
		case len(changes) == 0:
			return fmt.Errorf("line %d: a reason without a change before it", line)
		}
		for _, c := range changes {
			if e.reasons[c] != "" {
				return fmt.Errorf("line %d: %q stands there twice", line, strings.TrimSpace(c))
			}
			e.reasons[c] = reason
			e.order = append(e.order, c)
		}
		changes, reason = nil, ""
		return nil
	}
	number := 0
	for line := range strings.Lines(src + "\n\n") {
		number++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			if err := end(number); err != nil {
				return nil, err
			}
		case reason != "":
			reason += " " + line
		case strings.HasPrefix(line, "because ") || line == "because":
			reason = strings.TrimPrefix(line, "because ")
		case strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "+ "):
			if len(changes) == 0 {
				return nil, fmt.Errorf("line %d: a line of a change, and none is named above it", number)
			}
			changes[len(changes)-1] += line + "\n"
		default:
			changes = append(changes, line+"\n")
		}
	}
	return e, nil
}

// Reason is why nobody can tell a change, "" when the list doesn't have it.
func (e *Explained) Reason(m *Mutant) string { return e.reasons[m.Identity()] }

// Unused are the entries of the list that explain none of the survivors.
func (e *Explained) Unused(survivors []Outcome) []string {
	used := map[string]bool{}
	for _, o := range survivors {
		used[o.Identity()] = true
	}
	var list []string
	for _, c := range e.order {
		if !used[c] {
			list = append(list, c)
		}
	}
	return list
}
