package stopwatch

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

func TestEveryStepHasAMistakeToMeasureWith(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	c, err := course.Open(here)
	require.NoError(t, err)
	require.NotEmpty(t, c.Steps)
	for _, s := range c.Steps {
		wrong, file, err := mistake(s)
		if assert.NoError(t, err, s.Name) {
			assert.Contains(t, s.Tasks[0].Tests, wrong.CaughtBy, s.Name)
			assert.NotEmpty(t, file)
		}
	}
}

func TestMedians(t *testing.T) {
	round := func(first ...time.Duration) *Round {
		r := &Round{}
		for _, f := range first {
			r.Saves = append(r.Saves, Times{First: f})
		}
		return r
	}
	middle, slowest := Medians([]*Round{round(3, 1, 2), round(9, 7), round(4)})
	assert.Equal(t, time.Duration(4), middle)
	assert.Equal(t, time.Duration(8), slowest)
	middle, slowest = Medians(nil)
	assert.Zero(t, middle+slowest)
}

func TestChangedFiles(t *testing.T) {
	assert.Equal(t, []string{"httpapi/events.go"}, changedFiles("A claim\n\n--- a/httpapi/events.go\n+++ b/httpapi/events.go\n@@ -1 +1 @@\n--- a/gone.go\n+++ /dev/null\n"))
}
