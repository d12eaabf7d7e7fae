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
test      tools/lab/contract/events.go:42
read on   site/content/steps/08-caching.md

app.go:223: The last log lines of instance A:
    | {"level":"ERROR"}

    | <b>bold</b>`)
	assert.Equal(t, []Block{
		{Label: "at", Text: "absence_test.go:29"},
		{Label: "measured", Text: "GET /events/999999999 was answered 404 at instance A, and then at B, where it cost 1 query"},
		{Label: "expected", Text: "one of these:\n404\n410"},
		{Label: "why", Text: "A link with a typo in a newsletter, or a bot that counts through the ids."},
		{Label: "try", Text: "go tool workshop run 08\ncurl -s localhost:8080/events/42"},
		{Label: "test", Text: "tools/lab/contract/events.go:42"},
		{Label: "read on", Text: "site/content/steps/08-caching.md"},
		{Label: "at", Text: "app.go:223"},
		{Label: "", Text: "The last log lines of instance A:\n    | {\"level\":\"ERROR\"}\n\n    | <b>bold</b>"},
	}, blocks)
}

func TestOtherTextStaysAsItIs(t *testing.T) {
	assert.Equal(t, []Block{{Label: "at", Text: "main_test.go:7"}, {Label: "", Text: "Add(1, 2) is 4\n  expected 3\nwhy not"}}, Blocks("main_test.go:7: Add(1, 2) is 4\n  expected 3\nwhy not"))
	assert.Equal(t, []Block{{Label: "", Text: "panic: x"}}, Blocks("\npanic: x\n"))
	assert.Empty(t, Blocks(""))
}

func TestCommandsToTryArePartedFromRemarks(t *testing.T) {
	blocks := Blocks(`try       go tool workshop run 08     (in another terminal; it counts the queries)
          TOKEN=$(go tool workshop login)
          curl -s localhost:8080/events/42
          (the test sent 7 other requests first)
          curl -i localhost:8080/readyz`)
	assert.Equal(t, []Block{
		{Label: "try", Text: "go tool workshop run 08", Note: "in another terminal; it counts the queries"},
		{Label: "try", Text: "TOKEN=$(go tool workshop login)\ncurl -s localhost:8080/events/42"},
		{Label: "try", Note: "the test sent 7 other requests first"},
		{Label: "try", Text: "curl -i localhost:8080/readyz"},
	}, blocks)
}
