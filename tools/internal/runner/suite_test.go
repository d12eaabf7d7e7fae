package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
)

// told runs a step and returns the names of its tests in the order in which they were told.
func told(t *testing.T, o Options) (*Result, []string) {
	t.Helper()
	var names []string
	r, err := Run(t.Context(), o, func(t Test) { names = append(names, t.Name) })
	require.NoError(t, err)
	return r, names
}

func TestFirstTestsSpeakFirstAndAllCount(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	plain, _ := told(t, Options{Step: s})
	for name, c := range map[string]struct {
		first [][]string
		want  []string
	}{
		"in the root":       {[][]string{{"TestAdd"}}, []string{"TestAdd", "TestZero", "TestNegative"}},
		"below the root":    {[][]string{{"TestNegative"}, {"TestAdd"}}, []string{"TestNegative", "TestAdd", "TestZero"}},
		"in both, together": {[][]string{{"TestAdd", "TestNegative"}}, []string{"TestAdd", "TestNegative", "TestZero"}},
		"not the course's":  {[][]string{{"TestNowhere"}}, []string{"TestZero", "TestAdd", "TestNegative"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, names := told(t, Options{Step: s, First: c.first})
			assert.Equal(t, c.want, names)
			assert.Equal(t, states(plain, s), states(r, s))
			for i, task := range plain.Tasks(s) {
				assert.Equal(t, outputs(task.Tests), outputs(r.Tasks(s)[i].Tests), "the same words")
			}
		})
	}
}

func outputs(tests []Test) map[string]string {
	said := map[string]string{}
	for _, t := range tests {
		lines := strings.Split(t.Output, "\n")
		slices.Sort(lines) // the cases of a test come in any order
		said[t.Name] = fmt.Sprint(t.Status, t.Task, t.Package, lines)
	}
	return said
}

func TestSolutionIsGreenInAnyOrder(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	r, _ := told(t, Options{Step: s, Solution: true, First: [][]string{{"TestNegative"}, {"TestZero"}}})
	assert.True(t, r.Green())
	assert.Len(t, r.Tests, 3, "each ran once")
}

func TestBrokenBuildIsToldBeforeAnythingRuns(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	for name, change := range map[string]func(){
		"code":   func() { coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main\n\nfunc main() { x }\n") },
		"module": func() { coursetest.Write(t, filepath.Join(s.Dir, "go.mod"), "modul x\n") },
	} {
		change()
		r, names := told(t, Options{Step: s, First: [][]string{{"TestAdd"}}})
		assert.Empty(t, names, name)
		assert.NotEmpty(t, r.Build, name)
		assert.NotContains(t, r.Build, "build failed", name)
		assert.False(t, r.Green(), name)
		assert.Empty(t, r.Panic, name)
	}
}

func TestPackageThatNothingImportsIsCompiledToo(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	solve(t, s)
	coursetest.Write(t, filepath.Join(s.Dir, "spare", "spare.go"), "package spare\n\nfunc F() { x }\n")
	r, names := told(t, Options{Step: s, First: [][]string{{"TestAdd"}}})
	assert.Contains(t, r.Build, "undefined: x")
	assert.False(t, r.Green())
	assert.Contains(t, names, "TestNegative")
}

func TestPristineTestsSpeakFirst(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	require.NoError(t, os.Remove(filepath.Join(s.Dir, "main_test.go")))
	coursetest.Write(t, filepath.Join(s.Dir, "number", "sums_test.go"), "package number\n")
	r, names := told(t, Options{Step: s, First: [][]string{{"TestNegative"}, {"TestAdd"}}})
	assert.Equal(t, []string{"TestNegative", "TestAdd", "TestZero"}, names)
	assert.Equal(t, []string{"main_test.go", "number/sums_test.go"}, r.Changed)
}

func TestPanicOfTheFirstTestLeavesTheOthers(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	src := strings.Replace(string(mustRead(t, filepath.Join(s.SolutionDir, "main.go"))), "return number.Add(a, b)", "_ = number.Add\n\tpanic(\"out of numbers\")", 1)
	o := Options{Step: s, Solution: true, First: [][]string{{"TestAdd"}}, Overlay: overlay(t, s.SolutionDir, "main.go", src)}
	var said string
	r, err := Run(t.Context(), o, func(t Test) {
		if t.Name == "TestAdd" {
			said = t.Output
		}
	})
	require.NoError(t, err)
	assert.Contains(t, said, "panic: out of numbers", "what is told at once is whole")
	assert.Contains(t, r.Panic, "panic: out of numbers")
	assert.Equal(t, "0 green, 1 red, 2 green", states(r, s))
}

func TestEndlessFirstTestIsNamedAndEnded(t *testing.T) {
	s := coursetest.New(t).Steps[1]
	src := "package main\n\nfunc main() {}\n\nfunc Double(n int) int {\n\tselect {}\n}\n"
	var waited []string
	o := Options{Step: s, Solution: true, First: [][]string{{"TestDouble"}}, Timeout: testPatience + 3*tellEvery,
		Overlay: overlay(t, s.SolutionDir, "main.go", src), Waiting: func(line string) { waited = append(waited, line) }}
	r, _ := told(t, o)
	assert.False(t, r.Green())
	assert.Contains(t, r.Panic, "test timed out")
	assert.Contains(t, strings.Join(waited, "\n"), "6 s in TestDouble")
}

func TestOutputWithoutEndIsKeptInPart(t *testing.T) {
	s := coursetest.New(t).Steps[1]
	src := `package main

import "fmt"

func main() {}

func Double(n int) int {
	for i := range 2_000_000 {
		fmt.Println("line", i)
	}
	return n
}
`
	r, _ := told(t, Options{Step: s, Solution: true, First: [][]string{{"TestDouble"}}, Overlay: overlay(t, s.SolutionDir, "main.go", src)})
	output := r.Tests[0].Output
	assert.Less(t, len(output), 3*keptBytes)
	for _, want := range []string{"line 0\n", "(1,999,2", " more lines came here)\n", "line 1999999\n", "Double(3) is 3, expected 6"} {
		assert.True(t, strings.Contains(output, want), want)
	}
}

// TestNewerSaveEndsAnEndlessTalker cancels a run whose test neither ends nor stops talking.
func TestNewerSaveEndsAnEndlessTalker(t *testing.T) {
	s := coursetest.New(t).Steps[1]
	begun := filepath.Join(t.TempDir(), "begun")
	src := fmt.Sprintf(`package main

import ("fmt"; "os"; "os/signal"; "strings")

func main() {}

func Double(n int) int {
	signal.Ignore(os.Interrupt)
	_ = os.WriteFile(%q, nil, 0o644)
	for {
		fmt.Print(strings.Repeat("on and on ", 1000))
	}
}
`, begun)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancelCause(t.Context())
	var saved time.Time
	go func() {
		for !exists(begun) && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		saved = time.Now()
		cancel(errOnPurpose)
	}()
	_, err := Run(ctx, Options{Step: s, Solution: true, First: [][]string{{"TestDouble"}}, Overlay: overlay(t, s.SolutionDir, "main.go", src)}, nil)
	require.ErrorIs(t, err, errOnPurpose)
	assert.Less(t, time.Since(saved), 2*time.Second, "no grace is waited for, on a busy machine either")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left)
}

var errOnPurpose = errors.New("saved again")

func TestSuiteCompilesOnceAndRunsOften(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	suite, err := NewSuite(Options{Step: s, Solution: true})
	require.NoError(t, err)
	t.Cleanup(suite.Close)
	for range 2 {
		r, err := suite.RunTests(t.Context(), []string{"TestAdd"}, nil, nil)
		require.NoError(t, err)
		require.Len(t, r.Tests, 1)
		assert.Equal(t, Passed, r.Tests[0].Status)
		// What is changed now is of no account any more.
		coursetest.Write(t, filepath.Join(s.SolutionDir, "main.go"), "package main\n}\n")
	}
	r, err := suite.RunTests(t.Context(), []string{"TestNegative"}, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, Passed, r.Tests[0].Status, "its package is compiled apart")
}

func TestWhatGoDoesIsSaid(t *testing.T) {
	for want, commands := range map[string][][]string{
		"":                         {{"go", "test"}},
		"linking the test program": {{"go", "test"}, {"/usr/lib/go/pkg/tool/linux_amd64/link", "-o", "x"}},
		"compiling net/http, example.com/x": {
			{"/go/compile", "-o", "x", "-p", "net/http"}, {"link"}, {"compile", "-p", "example.com/x", "-complete"}},
	} {
		assert.Equal(t, want, buildLine(commands))
	}
}

func TestWhatATestWaitsForIsSaid(t *testing.T) {
	r := &run{prepared: &prepared{}, collector: newCollector(coursetest.New(t).Steps[0], nil, nil)}
	w := &waits{}
	line := func(after time.Duration) string { return w.line(r.collector, time.Now().Add(after)) }
	r.heard(event{Action: "run", Test: "TestAdd", Package: "p"})
	r.heard(event{Action: "output", Test: "TestAdd", Package: "p", Output: "workshop: filling a database\n"})
	assert.Equal(t, "filling a database", line(time.Second))
	assert.Equal(t, "20 s filling a database, for TestAdd", line(20500*time.Millisecond))
	r.heard(event{Action: "run", Test: "TestZero", Package: "p"})
	r.heard(event{Action: "pass", Test: "TestAdd", Package: "p"})
	assert.Empty(t, line(time.Second))
	assert.Equal(t, "20 s in TestZero", line(20500*time.Millisecond))
	for range muchSaid {
		r.heard(event{Action: "output", Test: "TestZero", Package: "p", Output: "again\n"})
	}
	assert.Equal(t, "20 s and 10,000 lines in TestZero", line(20500*time.Millisecond))
	r.heard(event{Action: "pause", Test: "TestZero", Package: "p"})
	assert.Empty(t, line(20*time.Second), "it waits for its turn")
}

func TestOwnProcessGroupIsSeen(t *testing.T) {
	cmd := startSleep(t)
	assert.Equal(t, [][]string{{"sleep", "600"}}, commandsOf(cmd))
}

// frames are the events of a text, each as a line: action, test and what it says.
func frames(text string) []string {
	var events []string
	f := &framing{pkg: "p", take: func(e event) {
		events = append(events, strings.TrimSpace(strings.Join([]string{e.Action, e.Test, e.Key, e.Value, strings.TrimSuffix(e.Output, "\n")}, " ")))
	}}
	f.read(strings.NewReader(text))
	return events
}

func TestFramesAreReadAsGoDoes(t *testing.T) {
	const v = "\x16"
	assert.Equal(t, []string{
		"run TestA", "output TestA   === RUN   TestA",
		"attr TestA task 2", "output TestA   === ATTR  TestA task 2",
		"output TestA   --- PASS: TestA (0.00s)",
		"output TestA   half a line",
		"run TestA/sub", "output TestA/sub   === RUN   TestA/sub",
		"output TestA   --- FAIL: TestA (1.50s)",
		"output TestA/sub       --- FAIL: TestA/sub (1.00s)",
		"output TestA/sub   panic: boom",
		"fail TestA/sub", "fail TestA",
	}, frames(v+"=== RUN   TestA\n"+v+"=== ATTR  TestA task 2\n--- PASS: TestA (0.00s)\nhalf a line"+
		v+"=== RUN   TestA/sub\n"+v+"--- FAIL: TestA (1.50s)\n"+v+"    --- FAIL: TestA/sub (1.00s)\npanic: boom\n"))
}

func TestLongLinesAreTakenInParts(t *testing.T) {
	long := strings.Repeat("x", 3*longestLine)
	events := frames("\x16=== RUN   TestA\n" + long + "\x16--- PASS: TestA (0.00s)\n\x16PASS\n")
	assert.Equal(t, "pass TestA", events[len(events)-2])
	assert.Equal(t, long, strings.ReplaceAll(strings.Join(events[2:len(events)-3], ""), "output TestA   ", ""))
}

func TestCrashIsKeptWholeBehindManyLines(t *testing.T) {
	var said transcript
	for i := range 10_000 {
		said.add(fmt.Sprintf("line %d\n", i))
	}
	said.add("panic: boom\n")
	for i := range 10_000 {
		said.add(fmt.Sprintf("goroutine %d\n", i))
	}
	assert.Equal(t, []string{"panic: boom\n", "goroutine 0\n"}, said.crash()[:2])
	assert.Contains(t, said.String(), "line 0\n")
	assert.Contains(t, said.String(), "line 9999\npanic: boom\n")
	assert.Contains(t, said.String(), "goroutine 9999\n")
	assert.Len(t, said.lines(), 4*keptLines+2)
}
