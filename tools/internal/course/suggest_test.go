package course_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestFindSuggestsTheNearest(t *testing.T) {
	c := coursetest.New(t)
	for arg, want := range map[string]string{
		"dubling": "did you mean 02-doubling?", "add": "did you mean 01-adding?", "02-doublin": "did you mean 02-doubling?",
		"7": "1 to 2", "caching": "1 to 2", "-1": "1 to 2", "x": "1 to 2",
	} {
		_, err := c.Find(arg, c.Root)
		var unknown *course.UnknownStepError
		require.ErrorAs(t, err, &unknown, arg)
		assert.ErrorContains(t, err, want, arg)
	}
}

// The names of the real course: near misses are helped, other words are not.
func TestOnlyNearNamesAreSuggested(t *testing.T) {
	t.Parallel()
	c := &course.Course{}
	for i, slug := range []string{"baseline", "layers", "errors", "observability", "stateless", "pooling"} {
		c.Steps = append(c.Steps, &course.Step{Number: i + 1, Slug: slug, Name: "0" + string(rune('1'+i)) + "-" + slug})
	}
	for asked, want := range map[string]string{
		"pool":          `there is no step "pool"; did you mean 06-pooling?`,       // how it begins
		"Poling":        `there is no step "Poling"; did you mean 06-pooling?`,     // a letter is missing
		"05-pooling":    `there is no step "05-pooling"; did you mean 06-pooling?`, // another number
		"eror":          `there is no step "eror"; did you mean 03-errors?`,        // two slips
		"obs":           `there is no step "obs"; did you mean 04-observability?`,  //
		"o":             `there is no step "o"; steps are named by number (1 to 6) or name`,
		"p":             `there is no step "p"; steps are named by number (1 to 6) or name`,
		"pg":            `there is no step "pg"; steps are named by number (1 to 6) or name`,
		"caching":       `there is no step "caching"; steps are named by number (1 to 6) or name`,
		"7":             `there is no step "7"; steps are named by number (1 to 6) or name`,
		"0":             `there is no step "0"; steps are named by number (1 to 6) or name`,
		"états":         `there is no step "états"; steps are named by number (1 to 6) or name`,
		"steps/pooling": `there is no step "steps/pooling"; steps are named by number (1 to 6) or name`,
	} {
		_, err := c.Find(asked, t.TempDir())
		assert.EqualError(t, err, want, "%q", asked)
	}
}
