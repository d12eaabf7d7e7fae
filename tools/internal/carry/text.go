package carry

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// text is what a file holds, or that there is none.
type text struct {
	content string
	exists  bool
}

// hash tells texts apart in the memory and in the journal.
func (t text) hash() string {
	if !t.exists {
		return "none"
	}
	sum := sha256.Sum256([]byte(t.content))
	return hex.EncodeToString(sum[:])
}

// marked reports whether a merge's conflict still stands in the text.
func (t text) marked() bool {
	for line := range strings.Lines(t.content) {
		if strings.HasPrefix(line, "<<<<<<< ") || strings.HasPrefix(line, ">>>>>>> ") || strings.HasPrefix(line, "||||||| ") {
			return true
		}
	}
	return false
}

// binary reports whether the text is none.
func (t text) binary() bool { return strings.ContainsRune(t.content, 0) }

// alike is how much of two texts is the same, from 0 to 1: the lines that both have.
func alike(a, b text) float64 {
	lines := map[string]int{}
	total := 0
	for line := range strings.Lines(a.content) {
		lines[line]++
		total++
	}
	same := 0
	for line := range strings.Lines(b.content) {
		total++
		if lines[line] > 0 {
			lines[line]--
			same += 2
		}
	}
	if total == 0 {
		return 1
	}
	return float64(same) / float64(total)
}
