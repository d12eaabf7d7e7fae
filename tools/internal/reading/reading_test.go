package reading

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/terminal"
)

const front = `---
title: Adding up
summary: two numbers become one
minutes: 5
builds_on: []
tracks: [half-day]
learned: [A sum is the same from both ends.]
tasks:
  - title: Add returns the sum
    tests: [TestAdd]
  - title: negative numbers count
    tests: [TestNegative]
---
`

// read is what a lesson of step 1 with this body looks like.
func read(t *testing.T, r Reader, body string, files ...string) (string, error) {
	t.Helper()
	c := coursetest.New(t)
	for i := 0; i < len(files); i += 2 {
		coursetest.Write(t, filepath.Join(c.Root, files[i]), files[i+1])
	}
	coursetest.Write(t, c.Step(1).LessonPath, front+body)
	r.Course = c
	return r.Lesson(c.Step(1))
}

func plain(width int) Reader { return Reader{Style: terminal.Style{Plain: true, Width: width}} }

func shown(t *testing.T, body string, files ...string) string {
	t.Helper()
	text, err := read(t, plain(60), body, files...)
	require.NoError(t, err)
	return text
}

func TestProseIsBrokenAtTheTerminalsEdge(t *testing.T) {
	text := shown(t, "# Adding up\n\n## The story\n\n"+strings.Repeat("A **pool** keeps `connections open` and *lends* them out. ", 6))
	assert.True(t, strings.HasPrefix(text, "Step 01  Adding up\n\n## The story\n\nA pool keeps `connections open` and lends"), text)
	for line := range strings.Lines(text) {
		assert.LessOrEqual(t, terminal.Columns(strings.TrimSuffix(line, "\n")), 60)
	}
}

func TestColourIsWherePlainTextHasSigns(t *testing.T) {
	text, err := read(t, Reader{Style: terminal.Style{Colour: true, Width: 60}}, "# Adding up\n\nSee `go vet`, **now**.\n")
	require.NoError(t, err)
	assert.Contains(t, text, "See \x1b[36mgo\x1b[0m \x1b[36mvet\x1b[0m, \x1b[1mnow\x1b[0m.")
}

func TestCodeIsPulledFromFiles(t *testing.T) {
	code := "package main\n\n// region add\nfunc Add(a, b int) int {\n\treturn a + b\n}\n\n// endregion\n"
	text := shown(t, "# A\n\n```go file=solutions/01-adding/more.go region=add\n```\n\n```sh\ngo test ./...\n```\n", "solutions/01-adding/more.go", code)
	assert.Contains(t, text, "  solutions/01-adding/more.go\n\n    func Add(a, b int) int {\n        return a + b\n    }\n\n    go test ./...\n")

	_, err := read(t, plain(60), "# A\n\n```go file=solutions/01-adding/none.go\n```\n")
	require.ErrorContains(t, err, "pulls code from solutions/01-adding/none.go, which isn't there")
}

func TestCodeOfAStepIsTheStarters(t *testing.T) {
	c := coursetest.New(t)
	coursetest.Write(t, c.Step(1).LessonPath, front+"# A\n\n```go file=steps/01-adding/main.go\n```\n")
	coursetest.Write(t, filepath.Join(c.Step(1).Dir, "main.go"), "package solved\n")
	text, err := (&Reader{Course: c, Style: terminal.Style{Width: 80}}).Lesson(c.Step(1))
	require.NoError(t, err)
	assert.Contains(t, text, "TODO(task 1): add")
	assert.NotContains(t, text, "package solved")
}

func TestChartsAreTables(t *testing.T) {
	chart := `{"title":"Events","conclusion":"A pool bears more.","unit":"requests/s","columns":["starter","solution"],
		"rows":[{"name":"sustained","values":[370,6430.5]}],"machine":"2 cores","versions":"Go 1.26","command":"go tool workshop measure 01","date":"2026-11-21"}`
	text := shown(t, "# A\n\n```chart file=site/data/01.json\n```\n", "site/data/01.json", chart)
	assert.Contains(t, text, `
  A pool bears more.

              starter   solution
  ------------------------------
  sustained       370    6,430.5

  Events, in requests/s. 2 cores. Go 1.26. 2026-11-21, with
  go tool workshop measure 01.
`)
}

func TestDrawingsSayWhatTheyShow(t *testing.T) {
	assert.Contains(t, shown(t, "# A\n\n![Above, each has one. Below, a pool.](../diagrams/a.svg)\n"), "  [Drawing: Above, each has one. Below, a pool.]\n")
}

func TestTablesKeepTheirColumns(t *testing.T) {
	text := shown(t, "# A\n\n| method | default | what it does |\n|---|--:|---|\n| `SetMaxIdleConns` | 2 | a pool of ten closes eight after each rush, and opens them for the next |\n")
	assert.Contains(t, text, `method              default   what it does
------------------------------------------------------------
`+"`SetMaxIdleConns`"+`         2   a pool of ten closes eight
                              after each rush, and opens
                              them for the next
`)
}

func TestListsHang(t *testing.T) {
	text := shown(t, "# A\n\n1. *First* "+strings.Repeat("and so on ", 8)+"\n2. Second\n   - inner\n\nBehind.\n")
	assert.Contains(t, text, "1. First and so on and so on and so on and so on and so on\n   and so on")
	assert.Contains(t, text, "\n2. Second\n   - inner\n\nBehind.\n")
}

func TestLinksSayWhereTheyLead(t *testing.T) {
	text := shown(t, "# A\n\n[Set up](../guides/setup.md#start), [step 2](02-doubling.md), [main.go](../../../solutions/01-adding/main.go), [Go](https://go.dev), <https://pkg.go.dev>, [below](#there).\n")
	assert.Contains(t, strings.Join(strings.Fields(text), " "), "Set up (go tool workshop read setup), step 2, main.go, Go (https://go.dev), https://pkg.go.dev, below.")
}

func TestAnswersStayFolded(t *testing.T) {
	body := "# A\n\n## Check yourself\n\n<details>\n<summary>Why 400 for <code>abc</code>, and a &gt; b?</summary>\n\nBecause.\n\n</details>\n\nBehind.\n"
	text := shown(t, body)
	assert.Contains(t, text, "> Why 400 for `abc`, and a > b?\n\n  (folded: go tool workshop read 01 --all)\n\nBehind.\n")
	assert.NotContains(t, text, "Because")
	open := plain(60)
	open.All = true
	text, err := read(t, open, body)
	require.NoError(t, err)
	assert.Contains(t, text, "a > b?\n\nBecause.\n\nBehind.\n")
}

func TestTheSolutionStaysFoldedUntilTheStepIsDone(t *testing.T) {
	body := "# A\n\n## What changed\n\nThis line.\n\n### And that\n\n<details>\n<summary>More</summary>\n\nMore.\n\n</details>\n\nEnd.\n\n## Measured\n\nMuch.\n"
	text := shown(t, body)
	assert.Contains(t, text, "## What changed\n\n  (folded until the step is done; now: go tool workshop read\n  01 --all)\n\n## Measured\n\nMuch.\n")
	done := plain(60)
	done.Done = func(*course.Step) bool { return true }
	text, err := read(t, done, body)
	require.NoError(t, err)
	assert.Contains(t, text, "This line.")
	assert.Contains(t, text, "End.")
}

func TestTheNoteOfTheFileIsLeftOut(t *testing.T) {
	c := coursetest.New(t)
	text := shown(t, "# A\n\n"+c.Step(1).RawNote()+"\n## The story\n\nIt begins.\n")
	assert.Equal(t, "Step 01  Adding up\n\n## The story\n\nIt begins.\n", text)
	assert.Contains(t, shown(t, "# A\n\n> A word.\n"), "  A word.\n", "another quotation stays")
}

func TestGuidesAreReadByName(t *testing.T) {
	c := coursetest.New(t)
	coursetest.Write(t, filepath.Join(c.Root, "site/content/guides/setup.md"), "---\ntitle: Setup\n---\n\n# Setup\n\nInstall Go.\n")
	r := &Reader{Course: c, Style: terminal.Style{Width: 80}}
	text, err := r.Guide("setup")
	require.NoError(t, err)
	assert.Equal(t, "Setup\n\nInstall Go.\n", text)
	assert.Equal(t, []string{"setup"}, Guides(c.Root))
	for _, name := range []string{"none", "../steps/01-adding", "06", ""} {
		_, err := r.Guide(name)
		require.ErrorIs(t, err, fs.ErrNotExist, name)
	}
}
