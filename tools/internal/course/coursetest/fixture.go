// Package coursetest makes a small course to test the tools with: two steps, modules
// without dependencies, tests that take no time.
package coursetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

// New writes the course into a temporary folder and opens it. Step 1, "adding", has two
// tasks and a guard; its starter fails both tasks. Step 2, "doubling", has one task.
func New(t testing.TB) *course.Course {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for path, content := range files() {
		Write(t, filepath.Join(root, path), content)
	}
	c := Open(t, root)
	for _, s := range c.Steps {
		src, err := s.MakeStarterPatch()
		require.NoError(t, err)
		Write(t, filepath.Join(s.SolutionDir, course.StarterFile), string(src))
	}
	return c
}

// Open reads the course again, after a change to its lessons.
func Open(t testing.TB, root string) *course.Course {
	t.Helper()
	c, err := course.Open(root)
	require.NoError(t, err)
	return c
}

// Write makes or replaces a file and the folders above it.
func Write(t testing.TB, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func files() map[string]string {
	return map[string]string{
		"go.work": "go 1.26.0\n\nuse (\n\t./solutions/01-adding\n\t./solutions/02-doubling\n" +
			"\t./steps/01-adding\n\t./steps/02-doubling\n)\n",
		"site/content/steps/01-adding.md":     addingLesson,
		"site/content/hints/01-adding.yaml":   addingHints,
		"site/content/hints/02-doubling.yaml": doublingHints,
		"site/content/steps/02-doubling.md":   doublingLesson,

		"solutions/01-adding/go.mod":              "module example.com/boxoffice/solutions/01-adding\n\ngo 1.26.0\n",
		"solutions/01-adding/main.go":             addingMain("solutions", "return number.Add(a, b)"),
		"solutions/01-adding/number/number.go":    addingNumber("return a + b"),
		"solutions/01-adding/main_test.go":        addingTest,
		"solutions/01-adding/number/sums_test.go": numberTest,
		"steps/01-adding/go.mod":                  "module example.com/boxoffice/steps/01-adding\n\ngo 1.26.0\n",
		"steps/01-adding/main.go":                 addingMain("steps", "return number.Add(a, b) + 1 // TODO(task 1): add"),
		"steps/01-adding/number/number.go":        addingNumber("return a + b - a*0 - negative(a) // TODO(task 2): mind the sign"),
		"steps/01-adding/main_test.go":            addingTest,
		"steps/01-adding/number/sums_test.go":     numberTest,

		"solutions/02-doubling/go.mod":       "module example.com/boxoffice/solutions/02-doubling\n\ngo 1.26.0\n",
		"solutions/02-doubling/main.go":      doublingMain("2 * n"),
		"solutions/02-doubling/main_test.go": doublingTest,
		"steps/02-doubling/go.mod":           "module example.com/boxoffice/steps/02-doubling\n\ngo 1.26.0\n",
		"steps/02-doubling/main.go":          doublingMain("n // TODO(task 1): double it"),
		"steps/02-doubling/main_test.go":     doublingTest,
	}
}

const addingLesson = `---
title: Adding up
summary: two numbers become one
minutes: 5
builds_on: []
tracks: [half-day]
learned:
  - A sum is the same from both ends.
tasks:
  - title: Add returns the sum
    tests: [TestAdd]
  - title: negative numbers count
    tests: [TestNegative]
---
# Adding up
`

const addingHints = `
1: [What does plus do?, "Look at Add in main.go.", "return number.Add(a, b)"]
2: [Which way does minus go?]
`

const doublingHints = `
1: [What is twice?]
`

const doublingLesson = `---
title: Doubling
summary: one number becomes twice itself
minutes: 5
builds_on: [1]
tracks: [half-day]
learned: [Twice is plus itself.]
tasks:
  - title: Double returns twice the number
    tests: [TestDouble]
---
# Doubling
`

func addingMain(kind, body string) string {
	return `// Command adding adds.
package main

import "example.com/boxoffice/` + kind + `/01-adding/number"

func main() {}

// Add is the sum.
func Add(a, b int) int {
	` + body + `
}
`
}

func addingNumber(body string) string {
	return `// Package number adds.
package number

// Add is the sum.
func Add(a, b int) int {
	` + body + `
}

func negative(a int) int { return min(a, 0) }
`
}

const addingTest = `package main

import "testing"

func TestZero(t *testing.T) {}

func TestAdd(t *testing.T) {
	t.Attr("task", "1")
	for name, c := range map[string][3]int{"small": {1, 2, 3}, "large": {1000, 1, 1001}} {
		t.Run(name, func(t *testing.T) {
			if got := Add(c[0], c[1]); got != c[2] {
				t.Fatalf("Add(%d, %d) is %d\nexpected %d", c[0], c[1], got, c[2])
			}
		})
	}
}
`

const numberTest = `package number

import "testing"

func TestNegative(t *testing.T) {
	t.Attr("task", "2")
	if got := Add(-1, 3); got != 2 {
		t.Errorf("Add(-1, 3) is %d, expected 2", got)
	}
}
`

func doublingMain(body string) string {
	return `// Command doubling doubles.
package main

func main() {}

// Double is twice the number.
func Double(n int) int {
	return ` + body + `
}
`
}

const doublingTest = `package main

import "testing"

func TestDouble(t *testing.T) {
	t.Attr("task", "1")
	if got := Double(3); got != 6 {
		t.Fatalf("Double(3) is %d, expected 6", got)
	}
}
`
