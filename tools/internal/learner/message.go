package learner

import (
	"regexp"
	"strings"
)

// Block is a part of what a failed test said: a row of a finding of the lab, or other text.
type Block struct {
	Label string `json:"label"` // at, measured, expected, why, try or read on; "" for other text
	Text  string `json:"text"`
}

// The lab lays its findings out with a label of ten columns before text of at most 66
// (see lab.Finding).
const (
	findingLabel = 10
	findingText  = 66
)

var (
	findingRow  = regexp.MustCompile(`^(measured|expected|why|try|read on) {2,}\S`)
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
	return blocks
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
