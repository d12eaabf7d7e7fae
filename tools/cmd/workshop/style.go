package main

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// style writes text for one kind of output: with colours or without, with signs or in
// words alone. Meaning is never in the colour only.
type style struct {
	colour bool
	plain  bool // no signs beyond letters
	width  int  // columns of the terminal
}

func (e *env) style() style {
	columns, _ := e.Size()
	return style{colour: e.Colour(), plain: e.plain, width: columns}
}

// The SGR codes in use; all are among the sixteen that a terminal's theme chooses.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s style) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// mark is the word for a state, with its sign unless plain.
func (s style) mark(word string) string {
	m := map[string]struct{ sign, code string }{
		"PASS": {"✓ ", green}, "FAIL": {"✗ ", red}, "TODO": {"… ", yellow},
	}[word]
	if s.plain {
		return s.paint(m.code, word)
	}
	return s.paint(m.code, m.sign+word)
}

// dash is what stands between two thoughts.
func (s style) dash() string {
	if s.plain {
		return "-"
	}
	return "·"
}

// textWidth is where prose is wrapped: at the terminal's edge, and never beyond what
// reads well.
func (s style) textWidth() int { return max(min(s.width, 88), 30) }

// wrap breaks prose into lines of at most the text width, each indented by so many
// spaces. Lines that are indented already, such as code, stay as they are.
func (s style) wrap(text string, indent int) string {
	margin := strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			out = append(out, margin+line)
			continue
		}
		out = append(out, fold(line, s.textWidth()-indent, margin)...)
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

// reflow indents the text of a test and breaks what is longer than the terminal is wide,
// so that the rest stands below the text and not below its label.
func (s style) reflow(text string, indent int) string {
	margin := strings.Repeat(" ", indent)
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		if isCommand(line) || utf8.RuneCountInString(line)+indent <= s.width {
			out = append(out, strings.TrimRight(margin+line, " "))
			continue
		}
		hang := len(labelledLine.FindString(line))
		if hang == 0 {
			hang = len(line) - len(strings.TrimLeft(line, " "))
		}
		if hang > s.width/2 {
			hang = 0
		}
		rest := fold(line[hang:], max(s.width-indent-hang, 20), margin+strings.Repeat(" ", hang))
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

// clip shortens uncoloured text to a number of columns.
func clip(text string, columns int) string {
	if columns < 1 {
		return ""
	}
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns-1]) + "…"
}

// labelColumn is where the text beside a label begins.
const labelColumn = 11

// labelled writes a bold label and, beside it, text that is wrapped to the right of it.
func (s style) labelled(label, text string) string {
	beside := s.labelledPlain(0, label, text)
	return s.paint(bold, label) + strings.TrimPrefix(beside, label)
}

func (s style) labelledPlain(indent int, label, text string) string {
	gap := max(1, labelColumn-utf8.RuneCountInString(label))
	return strings.Repeat(" ", indent) + label + strings.Repeat(" ", gap) + strings.TrimLeft(s.wrap(text, indent+labelColumn), " ")
}
