package learner

import (
	"regexp"
	"strings"
)

// Block is a part of what a failed test said: a row of a finding of the lab, or other text.
type Block struct {
	Label string `json:"label"` // at, measured, expected, why, try, test or read on; "" for other text
	Text  string `json:"text"`
	Note  string `json:"note,omitempty"` // of a try: what to know about its command, such as that it wants another terminal
}

// The lab lays its findings out with a label of ten columns before text of at most 66
// (see lab.Finding).
const (
	findingLabel = 10
	findingText  = 66
)

var (
	findingRow  = regexp.MustCompile(`^(measured|expected|why|try|test|read on) {2,}\S`)
	findingMore = strings.Repeat(" ", findingLabel)
	positionRow = regexp.MustCompile(`^(\S+\.go:\d+):(?: +(.*)|)$`)
)

// Blocks parts what a test said into the rows of the lab's findings and the text between
// them. Nothing but line breaks that the lab made is lost.
func Blocks(output string) []Block {
	var blocks []Block
	for line := range strings.SplitSeq(output, "\n") {
		line = strings.TrimRight(line, " ")
		last := len(blocks) - 1
		if m := positionRow.FindStringSubmatch(line); m != nil {
			blocks = append(blocks, Block{Label: "at", Text: m[1]})
			if m[2] != "" {
				blocks = append(blocks, Block{Text: m[2]})
			}
			continue
		}
		switch {
		case findingRow.MatchString(line) && len(line) > findingLabel:
			blocks = append(blocks, Block{Label: strings.TrimSpace(line[:findingLabel]), Text: line[findingLabel:]})
		case last >= 0 && continues(blocks[last]) && strings.HasPrefix(line, findingMore):
			blocks[last].Text += "\n" + line[findingLabel:]
		case last >= 0 && blocks[last].Label == "":
			blocks[last].Text += "\n" + line
		case line != "":
			blocks = append(blocks, Block{Text: line})
		}
	}
	for i := range blocks {
		blocks[i].Text = strings.TrimRight(blocks[i].Text, "\n")
		if continues(blocks[i]) && blocks[i].Label != "try" {
			blocks[i].Text = unwrap(blocks[i].Text)
		}
	}
	var parted []Block
	for _, b := range blocks {
		parted = append(parted, commands(b)...)
	}
	return parted
}

// remark is what a line of a try says beside its command.
var remark = regexp.MustCompile(`(?:^| {2,})\(([^()]+)\)$`)

// commands parts a try after each remark, so that what is copied from a part can be
// pasted. Other blocks stay as they are.
func commands(b Block) []Block {
	if b.Label != "try" {
		return []Block{b}
	}
	var parts []Block
	var lines []string
	part := func(note string) {
		if len(lines) > 0 || note != "" {
			parts = append(parts, Block{Label: b.Label, Text: strings.Join(lines, "\n"), Note: note})
		}
		lines = nil
	}
	for line := range strings.SplitSeq(b.Text, "\n") {
		m := remark.FindStringSubmatchIndex(line)
		if m == nil {
			lines = append(lines, line)
			continue
		}
		part("")
		if command := line[:m[0]]; command != "" {
			lines = []string{command}
		}
		part(line[m[2]:m[3]])
	}
	part("")
	return parts
}

// continues reports whether a block may go on below its label.
func continues(b Block) bool { return b.Label != "" && b.Label != "at" }

// unwrap joins the lines that were broken because the next word didn't fit.
func unwrap(text string) string {
	lines := strings.Split(text, "\n")
	joined := lines[0]
	for i, line := range lines[1:] {
		word, _, _ := strings.Cut(line, " ")
		broken := word != "" && len(lines[i])+1+len(word) > findingText
		if broken {
			joined += " " + line
		} else {
			joined += "\n" + line
		}
	}
	return joined
}
