// Package terminal is how the command looks and listens on a terminal: colours and signs, lines
// that are broken where they must be, a line that moves while something goes on, and keys.
package terminal

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Style writes text for one kind of output: with colours or without, with signs or in
// words alone. Meaning is never in the colour only.
type Style struct {
	Colour bool
	Plain  bool // no signs beyond letters
	Width  int  // columns of the terminal
}

// The SGR codes in use; all are among the sixteen that a terminal's theme chooses.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Paint puts text between codes, such as Bold or Bold+";"+Red.
func (s Style) Paint(code, text string) string {
	if !s.Colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Mark is the word for a state, with its sign unless plain.
func (s Style) Mark(word string) string {
	m := map[string]struct{ sign, code string }{
		"PASS": {"✓ ", Green}, "FAIL": {"✗ ", Red}, "TODO": {"… ", Yellow}, "RUNS": {"▸ ", Cyan},
	}[word]
	if s.Plain {
		return s.Paint(m.code, word)
	}
	return s.Paint(m.code, m.sign+word)
}

// Dash is what stands between two thoughts.
func (s Style) Dash() string {
	if s.Plain {
		return "-"
	}
	return "·"
}

// TextWidth is where prose is wrapped: at the terminal's edge, and never beyond what
// reads well.
func (s Style) TextWidth() int { return max(min(s.Width, 88), 30) }

// Wrap breaks prose into lines of at most the text width, each indented by so many
// spaces. Lines that are indented already, such as code, stay as they are.
func (s Style) Wrap(text string, indent int) string {
	margin := strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			out = append(out, margin+line)
			continue
		}
		out = append(out, fold(line, s.TextWidth()-indent, margin)...)
	}
	return strings.Join(out, "\n")
}

// fold breaks one line at its spaces.
func fold(line string, width int, margin string) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(line) {
		if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, margin+current)
			current = ""
		}
		if current != "" {
			current += " "
		}
		current += word
	}
	return append(lines, strings.TrimRight(margin+current, " "))
}

// labelledLine is a line that begins with a label: one or two words, then a gap.
var labelledLine = regexp.MustCompile(`^ *\S+( \S+)? {2,}`)

// Reflow indents the text of a test and breaks what is longer than the terminal is wide,
// so that the rest stands below the text and not below its label.
func (s Style) Reflow(text string, indent int) string {
	margin := strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		if isCommand(line) || utf8.RuneCountInString(line)+indent <= s.Width {
			out = append(out, strings.TrimRight(margin+line, " "))
			continue
		}
		hang := len(labelledLine.FindString(line))
		if hang == 0 {
			hang = len(line) - len(strings.TrimLeft(line, " "))
		}
		if hang > s.Width/2 {
			hang = 0
		}
		rest := fold(line[hang:], max(s.Width-indent-hang, 20), margin+strings.Repeat(" ", hang))
		rest[0] = margin + line[:hang] + strings.TrimLeft(rest[0], " ")
		out = append(out, rest...)
	}
	return strings.Join(out, "\n")
}

// isCommand reports a line that is there to be copied into a shell: a break in it would
// break the command.
func isCommand(line string) bool {
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "try "))
	return strings.HasPrefix(line, "curl ") || strings.HasPrefix(line, "TOKEN=") || strings.HasPrefix(line, "go ")
}

// Clip shortens uncoloured text to a number of columns.
func Clip(text string, columns int) string {
	if columns < 1 {
		return ""
	}
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns-1]) + "…"
}

// LabelColumn is where the text beside a label begins.
const LabelColumn = 11

// Labelled writes a bold label and, beside it, text that is wrapped to the right of it.
func (s Style) Labelled(label, text string) string {
	beside := s.LabelledPlain(0, label, text)
	return s.Paint(Bold, label) + strings.TrimPrefix(beside, label)
}

// LabelledPlain is Labelled with an indentation and without bold.
func (s Style) LabelledPlain(indent int, label, text string) string {
	gap := max(1, LabelColumn-utf8.RuneCountInString(label))
	return strings.Repeat(" ", indent) + label + strings.Repeat(" ", gap) + strings.TrimLeft(s.Wrap(text, indent+LabelColumn), " ")
}

// colours are the SGR codes that Paint writes.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Columns is how many columns a line takes.
func Columns(line string) int { return utf8.RuneCountInString(colours.ReplaceAllString(line, "")) }

// Rows is how many rows of the terminal a text takes: what is wider than that goes on in the next.
func (s Style) Rows(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		width := Columns(strings.TrimRight(line, "\n"))
		n += max(1, (width+s.Width-1)/max(s.Width, 1))
	}
	return n
}

// First is as much of a text as takes at most so many rows, in whole lines, and how many lines are left.
func (s Style) First(text string, rows int) (kept string, left int) {
	lines := strings.Split(text, "\n")
	n := 0
	for i, line := range lines {
		if n += s.Rows(line + "\n"); n > rows {
			return strings.TrimRight(strings.Join(lines[:i], "\n"), "\n"), len(lines) - i
		}
	}
	return text, 0
}

// Paragraphs puts an empty line between the parts that aren't empty, and ends in a line end.
func Paragraphs(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.Trim(p, "\n"); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "\n\n") + "\n"
}
