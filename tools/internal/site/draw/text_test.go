package draw

import (
	"html/template"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuotesOfPlainText(t *testing.T) {
	for plain, want := range map[string]string{
		"Don't ask":                 "Don’t ask",
		"the events' seats":         "the events’ seats",
		`it says "sold out", twice`: "it says “sold out”, twice",
		"nothing":                   "nothing",
	} {
		assert.Equal(t, want, Curly(plain))
	}
	assert.Equal(t, template.HTML("it’s <code>it&#39;s</code>"), Inline("it's `it's`"))
}
