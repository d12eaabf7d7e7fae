package answers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"

func TestAnswerIsRead(t *testing.T) {
	a, err := Parse("x.patch", []byte(`The pool has no limit

Two lines that say
Note: why.

Task: 1
Caught-by: TestPool
Says: 300 connections
Also-red: TestOther because it counts them too
`+diff))
	require.NoError(t, err)
	assert.Equal(t, &Answer{
		Path: "x.patch", Claim: "The pool has no limit", Why: "Two lines that say\nNote: why.",
		Task: 1, CaughtBy: "TestPool", Says: "300 connections", AlsoRed: []string{"TestOther"},
	}, a)
}

func TestMistypedHeads(t *testing.T) {
	cases := map[string]string{
		"":                                   "no text above its diff",
		"Task: 1\n":                          "must say in words",
		"A claim\nCaught-By: TestX\n":        `must be written "Caught-by:"`,
		"A claim\nTask: none\n":              "is no task's number",
		"A claim\nSays:\n":                   "is empty",
		"A claim\nAlso-red: TestX\n":         "must read",
		"A claim\nAlso-red: TestX because\n": "must read",
	}
	for head, want := range cases {
		_, err := Parse("x.patch", []byte(head+diff))
		assert.ErrorContains(t, err, want, head)
	}
	_, err := Parse("x.patch", []byte("A claim\n"))
	assert.ErrorContains(t, err, "there is no diff")
}
