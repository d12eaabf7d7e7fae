package patch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func folder(pairs ...string) map[string][]byte {
	files := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = []byte(pairs[i+1])
	}
	return files
}

func TestBetweenAndApplyRoundTrip(t *testing.T) {
	long := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n"
	cases := map[string]struct{ before, after map[string][]byte }{
		"equal":            {folder("a", "x\n"), folder("a", "x\n")},
		"changed":          {folder("a", "x\ny\nz\n"), folder("a", "x\nY\nz\n")},
		"two hunks":        {folder("a", long), folder("a", "0\n"+long[:25]+"new\n"+long[25:])},
		"inserted":         {folder("a", long), folder("a", long+"17\n")},
		"made":             {folder("a", "x\n"), folder("a", "x\n", "sub/b", "1\n2\n")},
		"removed":          {folder("a", "x\n", "b", "--- looks like a header\n+++ b\n"), folder("a", "x\n")},
		"no newline left":  {folder("a", "x\ny"), folder("a", "x\nz\n")},
		"no newline right": {folder("a", "x\ny\n"), folder("a", "x\ny")},
		"no newline both":  {folder("a", "x\ny"), folder("a", "w\ny")},
		"deleted lines":    {folder("a", long), folder("a", long[8:])},
		"looks like a diff": {
			folder("a", "-- comment\n@@ -1 +1 @@\n\\ no\n"), folder("a", "++ comment\n@@ -1 +1 @@\n\\ no\nmore\n")},
		"blank lines":  {folder("a", "\n\n\n"), folder("a", "\n\nx\n\n")},
		"from nothing": {folder("a", "x\n", "b", ""), folder("a", "x\n", "b", "y\n")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := Between(c.before, c.after)
			changes, err := Parse("What it is for.\n\n" + text)
			require.NoError(t, err, text)
			got := folder()
			for k, v := range c.before {
				got[k] = v
			}
			for _, change := range changes {
				require.NoError(t, change.ApplyTo(got), text)
			}
			assert.Equal(t, c.after, got, text)
		})
	}
}

func TestApplyRefusesWhatDoesNotFit(t *testing.T) {
	changes, err := Parse(Between(folder("a", "x\ny\nz\n"), folder("a", "x\nY\nz\n")))
	require.NoError(t, err)
	assert.ErrorContains(t, changes[0].ApplyTo(folder("a", "x\nother\nz\n")), `line 2 is not "y"`)
	assert.ErrorContains(t, changes[0].ApplyTo(folder("b", "")), "there is no a")
	assert.ErrorContains(t, changes[0].ApplyTo(folder("a", "x\n")), "line 2 is not")
}

func TestParseRefusesDamage(t *testing.T) {
	for name, src := range map[string]string{
		"cut off":   "--- a\n+++ a\n@@ -1,3 +1,3 @@\n x\n",
		"no plus":   "--- a\n@@ -1 +1 @@\n",
		"no hunk":   "--- a\n+++ a\n",
		"nonsense":  "--- a\n+++ a\n@@ -1 +1 @@\n-x\n+y\nnonsense\n",
		"bad hunk":  "--- a\n+++ a\n@@ here @@\n",
		"odd lines": "--- a\n+++ a\n@@ -1 +1 @@\n?x\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(src)
			assert.Error(t, err)
		})
	}
}

func TestEachHunkBeginsWhereItIsInTheNewText(t *testing.T) {
	old := "a\n" + strings.Repeat("x\n", 20) + "b\n" + strings.Repeat("y\n", 20) + "c\n"
	new := "a\na2\na3\n" + strings.Repeat("x\n", 20) + "B\n" + strings.Repeat("y\n", 20) + "c\nc2\n"
	diff := Unified("old", "new", old, new)
	require.Contains(t, diff, "@@ -1,4 +1,6 @@")
	require.Contains(t, diff, "@@ -19,7 +21,7 @@")
	require.Contains(t, diff, "@@ -41,3 +43,4 @@")
}

func TestOlderPatchFindsItsPlace(t *testing.T) {
	src := "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -2,2 +2,3 @@\n b\n+new\n c\n@@ -6 +7 @@\n-f\n+F\n" +
		"diff --git a/y b/y\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+made\n"
	changes, err := Parse(src)
	require.NoError(t, err)
	files := folder("x", "0\n0\na\nb\nc\nd\ne\nf\n")
	require.Error(t, changes[0].ApplyTo(files), "two lines have come above")
	for _, c := range changes {
		require.NoError(t, c.ApplyNear(files))
	}
	assert.Equal(t, folder("x", "0\n0\na\nb\nnew\nc\nd\ne\nF\n", "y", "made\n"), files)
	assert.ErrorContains(t, changes[0].ApplyNear(folder("x", "a\nc\nb\n")), `is not "b"`)
}

func TestHunksGoWhereTheirLinesWentTo(t *testing.T) {
	changes, err := Parse("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -9,2 +9,2 @@\n c\n-d\n+D\n")
	require.NoError(t, err)
	files := folder("x", "a\nb\n", "y", "0\nc\nd\n")
	hunks := changes[0].Hunks()
	require.Len(t, hunks, 2)
	require.NoError(t, hunks[0].ApplyNear(files))
	require.Error(t, hunks[1].ApplyNear(files), "its lines are elsewhere now")
	require.NoError(t, hunks[1].In("y").ApplyNear(files))
	assert.Equal(t, folder("x", "A\nb\n", "y", "0\nc\nD\n"), files)
}

func TestTouchedAreOldLines(t *testing.T) {
	changes, err := Parse("--- a/f\n+++ b/f\n@@ -3,3 +3,4 @@\n three\n-four\n+4\n+4b\n five\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+one\n")
	require.NoError(t, err)
	require.Len(t, changes, 2)
	assert.Equal(t, []int{4, 5, 5}, changes[0].Touched())
	assert.Equal(t, []int{1}, changes[1].Touched())
}
