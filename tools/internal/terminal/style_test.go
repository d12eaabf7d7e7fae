package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestMeaningIsNeverInTheColourAlone(t *testing.T) {
	for _, st := range []Style{{Colour: true}, {}, {Plain: true}} {
		for _, word := range []string{"PASS", "FAIL", "TODO"} {
			assert.Contains(t, st.Mark(word), word)
		}
	}
	assert.NotContains(t, Style{Plain: true}.Mark("PASS"), "✓")
}

func TestTextIsWrapped(t *testing.T) {
	long := strings.Repeat("words and more ", 40)
	for _, width := range []int{40, 60, 80, 300} {
		st := Style{Width: width}
		for line := range strings.SplitSeq(st.Labelled("Lesson", long), "\n") {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), min(width, 88))
		}
	}
	assert.Equal(t, "  a b\n      code   stays", Style{Width: 80}.Wrap("a   b\n    code   stays", 2))
}

func TestFailuresFitTheTerminal(t *testing.T) {
	finding := "main_test.go:7:\nmeasured  GET /events/42 answered 501 Not Implemented\n          {\"error\":\"GET /events/:id is still to be written\"}\nread on   the lesson"
	assert.Equal(t, `  main_test.go:7:
  measured  GET /events/42 answered 501
            Not Implemented
            {"error":"GET /events/:id is
            still to be written"}
  read on   the lesson`, Style{Width: 40}.Reflow(finding, 2))
	assert.Equal(t, "  x\n\n      y", Style{Width: 80}.Reflow("x\n\n    y", 2))
}

func TestClipCountsRunes(t *testing.T) {
	assert.Equal(t, "äöü", Clip("äöü", 3))
	assert.Equal(t, "ä…", Clip("äöü", 2))
	assert.Equal(t, "", Clip("x", 0))
}
