package course_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestTasksAreNumberedFromOne(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	for number, want := range map[int]string{1: "Add returns the sum", 2: "negative numbers count"} {
		task := s.Task(number)
		require.NotNil(t, task, "task %d", number)
		assert.Equal(t, number, task.Number)
		assert.Equal(t, want, task.Title)
	}
	for _, number := range []int{-1, 0, 3, 1 << 40} {
		assert.Nil(t, s.Task(number), "there is no task %d", number)
	}
	s.Task(2).Hints = []string{"changed"}
	assert.Equal(t, []string{"changed"}, s.Tasks[1].Hints, "the task is the step's own, no copy")
}

func TestTheLessonDecidesATestsTask(t *testing.T) {
	t.Parallel()
	s := coursetest.New(t).Steps[0]
	for test, want := range map[string]int{
		"TestAdd": 1, "TestNegative": 2,
		"TestZero":     0, // a guard
		"TestDouble":   0, // of another step
		"TestAdd/more": 0, // a subtest decides nothing by itself
		"":             0,
	} {
		assert.Equal(t, want, s.TaskOf(test), "the task of %q", test)
	}
}
