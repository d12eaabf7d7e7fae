package carry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

func TestNewStepIsTheLastSolutionAgain(t *testing.T) {
	a := newAuthor(t)
	a.put("go.work", "go 1.26.0\n\nuse (\n\t./solutions/03-three\n\t./steps/03-three\n\t./tools\n)\n")
	a.put("site/content/planned.yaml", "# Planned.\n- number: 4\n  name: 04-four\n  title: Four\n  measures: Four is four\n- number: 5\n  name: 05-five\n  title: Five\n  measures: x\n")
	paths, err := NewStep(a.course, "04-four")
	require.NoError(t, err)
	a.open()
	s := a.course.Step(4)
	require.NotNil(t, s)
	assert.Equal(t, "Four", s.Title)
	assert.Equal(t, "Four is four", s.Measures)
	assert.Equal(t, []int{3}, s.BuildsOn)
	assert.Equal(t, "# Planned.\n- number: 5\n  name: 05-five\n  title: Five\n  measures: x\n", a.read("site/content/planned.yaml"))
	assert.Equal(t, "go 1.26.0\n\nuse (\n\t./solutions/03-three\n\t./solutions/04-four\n\t./steps/03-three\n\t./steps/04-four\n\t./tools\n)\n", a.read("go.work"))
	for _, folder := range []string{"steps/04-four", "solutions/04-four"} {
		assert.Equal(t, "module example.com/boxoffice/"+folder+"\n\ngo 1.26.0\n", a.read(folder+"/go.mod"))
		assert.Equal(t, strings.ReplaceAll(a.read("solutions/03-three/main.go"), "solutions/03-three", folder), a.read(folder+"/main.go"))
		assert.True(t, a.has(folder+"/shared_test.go"))
		assert.False(t, a.has(folder+"/three_test.go"), "a step's own tests don't go on")
		assert.Contains(t, paths, folder+"/shop/shop.go")
	}
	assert.False(t, a.has("solutions/04-four/wrong-answers"))
	a.startersFit()
	made, err := s.Starter()
	require.NoError(t, err)
	assert.Contains(t, made, "main.go")
}

func TestNewStepRefuses(t *testing.T) {
	a := newAuthor(t)
	a.put("go.work", "go 1.26.0\n\nuse (\n\t./solutions/03-three\n\t./steps/03-three\n)\n")
	before := a.state()
	for name, want := range map[string]string{
		"03-three":    "step 03 is there",
		"03-other":    "step 03 is there: 03-three",
		"05-five":     "the next step is 04, after 03-three",
		"four":        "is no step's name",
		"04-Four":     "is no step's name",
		"04-":         "is no step's name",
		"04-../x":     "is no step's name",
		"04_four":     "is no step's name",
		"04-four.md":  "is no step's name",
		"4-four":      "is no step's name",
		"04-a--b":     "is no step's name",
		"04-consis t": "is no step's name",
	} {
		_, err := NewStep(a.course, name)
		assert.ErrorContains(t, err, want, name)
	}
	assert.Equal(t, before, a.state())
	a.put("steps/04-four/mine.go", "package main\n")
	_, err := NewStep(a.course, "04-four")
	assert.ErrorContains(t, err, "steps/04-four is there already")
	_, err = NewStep(&course.Course{}, "01-one")
	assert.Error(t, err)
}
