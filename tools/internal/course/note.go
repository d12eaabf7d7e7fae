package course

import (
	"fmt"
	"strings"
)

// rawNote begins the note of every lesson's file.
const rawNote = "Code, charts and drawings are missing in this file."

// RawNote is the paragraph below the title of the lesson's file: whoever reads the file itself, in a
// terminal or on GitHub, learns from it where the lesson is whole. Pages leave it out.
func (s *Step) RawNote() string {
	return fmt.Sprintf("> %s To read it whole in the terminal: `go tool workshop read %02d`.\n> In a browser: `go tool workshop start %02d`.\n", rawNote, s.Number, s.Number)
}

// IsRawNote reports whether a quotation is such a note.
func IsRawNote(quotation string) bool {
	return strings.HasPrefix(strings.TrimSpace(quotation), rawNote)
}
