package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestMeaningIsNeverInTheColourAlone(t *testing.T) {
	for _, st := range []style{{colour: true}, {}, {plain: true}} {
		for _, word := range []string{"PASS", "FAIL", "TODO"} {
			assert.Contains(t, st.mark(word), word)
		}
	}
	assert.NotContains(t, style{plain: true}.mark("PASS"), "✓")
}

func TestTextIsWrapped(t *testing.T) {
	long := strings.Repeat("words and more ", 40)
	for _, width := range []int{40, 60, 80, 300} {
		st := style{width: width}
		for line := range strings.SplitSeq(st.labelled("Lesson", long), "\n") {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), min(width, 88))
		}
	}
	assert.Equal(t, "  a b\n      code   stays", style{width: 80}.wrap("a   b\n    code   stays", 2))
}

func TestFailuresFitTheTerminal(t *testing.T) {
	finding := "main_test.go:7:\nmeasured  GET /events/42 answered 501 Not Implemented\n          {\"error\":\"GET /events/:id is still to be written\"}\nread on   the lesson"
	assert.Equal(t, `  main_test.go:7:
  measured  GET /events/42 answered 501
            Not Implemented
            {"error":"GET /events/:id is
            still to be written"}
  read on   the lesson`, style{width: 40}.reflow(finding, 2))
	assert.Equal(t, "  x\n\n      y", style{width: 80}.reflow("x\n\n    y", 2))
}

func TestClipCountsRunes(t *testing.T) {
	assert.Equal(t, "äöü", clip("äöü", 3))
	assert.Equal(t, "ä…", clip("äöü", 2))
	assert.Equal(t, "", clip("x", 0))
}
