package learner

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFindingsArePartedIntoTheirRows(t *testing.T) {
	blocks := Blocks(`absence_test.go:29:
measured  GET /events/999999999 was answered 404 at instance A, and then at
          B, where it cost 1 query
expected  one of these:
          404
          410
why       A link with a typo in a newsletter, or a bot that counts through
          the ids.
try       go tool workshop run 08
          curl -s localhost:8080/events/42
read on   site/content/steps/08-caching.md

app.go:223: The last log lines of instance A:
    | {"level":"ERROR"}

    | <b>bold</b>`)
	assert.Equal(t, []Block{
		{"at", "absence_test.go:29"},
		{"measured", "GET /events/999999999 was answered 404 at instance A, and then at B, where it cost 1 query"},
		{"expected", "one of these:\n404\n410"},
		{"why", "A link with a typo in a newsletter, or a bot that counts through the ids."},
		{"try", "go tool workshop run 08\ncurl -s localhost:8080/events/42"},
		{"read on", "site/content/steps/08-caching.md"},
		{"at", "app.go:223"},
		{"", "The last log lines of instance A:\n    | {\"level\":\"ERROR\"}\n\n    | <b>bold</b>"},
	}, blocks)
}

func TestOtherTextStaysAsItIs(t *testing.T) {
	assert.Equal(t, []Block{{"at", "main_test.go:7"}, {"", "Add(1, 2) is 4\n  expected 3\nwhy not"}}, Blocks("main_test.go:7: Add(1, 2) is 4\n  expected 3\nwhy not"))
	assert.Equal(t, []Block{{"", "panic: x"}}, Blocks("\npanic: x\n"))
	assert.Empty(t, Blocks(""))
}
