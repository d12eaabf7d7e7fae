package course_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestGapsGiveFileAndLine(t *testing.T) {
	gaps, err := course.Gaps(coursetest.New(t).Steps[0].Dir)
	require.NoError(t, err)
	assert.Equal(t, []course.Gap{
		{Task: 1, File: "main.go", Line: 10, Text: "add"},
		{Task: 2, File: "number/number.go", Line: 6, Text: "mind the sign"},
	}, gaps)
}

func TestGapsInConfigurations(t *testing.T) {
	dir := t.TempDir()
	coursetest.Write(t, filepath.Join(dir, "deploy", "nginx.conf"), "upstream x {\n    # TODO(task 2): try the next one\n    # when this one is gone\n}\n")
	gaps, err := course.Gaps(dir)
	require.NoError(t, err)
	assert.Equal(t, []course.Gap{{Task: 2, File: "deploy/nginx.conf", Line: 2, Text: "try the next one when this one is gone"}}, gaps)
}

func TestGapsSayWhatIsToBeDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  string
		want []course.Gap
	}{
		"no gap":             {"package x // TODO: one day\n// TODO(ann): no task\n", nil},
		"beside code":        {"x() // TODO(task 3): stop it\n", []course.Gap{{Task: 3, Line: 1, Text: "stop it"}}},
		"without a colon":    {"// TODO(task 1) stop it\n", []course.Gap{{Task: 1, Line: 1, Text: "stop it"}}},
		"no words":           {"// TODO(task 1):\nx()\n", []course.Gap{{Task: 1, Line: 1}}},
		"lines that go on":   {"\n\t// TODO(task 1): one\n\t// two\n\t// three\n\tx() // four\n", []course.Gap{{Task: 1, Line: 2, Text: "one two three"}}},
		"up to an empty one": {"// TODO(task 1): one\n//\n// two\n", []course.Gap{{Task: 1, Line: 1, Text: "one"}}},
		"two of them":        {"// TODO(task 1): one\n// TODO(task 2): two\n", []course.Gap{{Task: 1, Line: 1, Text: "one"}, {Task: 2, Line: 2, Text: "two"}}},
		"in SQL":             {"-- TODO(task 2): an index\n-- on both\nSELECT 1;\n", []course.Gap{{Task: 2, Line: 1, Text: "an index on both"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			coursetest.Write(t, filepath.Join(dir, "x.go"), c.src)
			coursetest.Write(t, filepath.Join(dir, "x_test.go"), "// TODO(task 9): tests have no gaps\n")
			for i := range c.want {
				c.want[i].File = "x.go"
			}
			got, err := course.Gaps(dir)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}
