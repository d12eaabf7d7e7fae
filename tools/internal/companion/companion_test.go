package companion

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func TestTaskTurnsGreenInThePageWhenAFileIsSaved(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	receive(t, r.runs).finish <- r.red()
	s := page.sees("red tasks", tested)
	assert.Equal(t, Red, s.task(1))
	require.Len(t, s.Failures, 2)
	assert.Equal(t, "TestAdd", s.Failures[0].Test)
	assert.Equal(t, learner.Block{Label: "at", Text: "main_test.go:12"}, s.Failures[0].Blocks[0])
	assert.Contains(t, s.Rows, Row{Label: "Open", Code: "steps/01-adding/main.go:10", Text: "TODO(task 1): add"})
	assert.Equal(t, map[string]Light{"TestAdd": Red, "TestNegative": Red, "TestZero": Green}, s.Tests)
	assert.Equal(t, "Step 01: 0 of 2 tasks done. First failure: TestAdd", s.Says)
	assert.Equal(t, Begun, s.Steps[0].State)
	assert.Equal(t, "you are here, 0 of 2", s.Steps[0].Word)
	assert.Equal(t, Unknown, s.Steps[1].State)

	r.save("package main\n\n// Better.\n")
	again := receive(t, r.runs)
	page.sees("running tests", running)
	again.onTest(runner.Test{Name: "TestAdd", Status: runner.Passed})
	s = page.sees("a task that is green before the run's end", func(s State) bool { return s.task(1) == Green })
	assert.Equal(t, Running, s.task(2))
	assert.Equal(t, map[string]Light{"TestAdd": Green}, s.Tests)
	green := r.green()
	verdict := time.Now()
	again.finish <- green
	s = page.sees("green tasks", tested)
	assert.Less(t, time.Since(verdict), 500*time.Millisecond, "from the verdict to the page")
	assert.Equal(t, Green, s.State)
	assert.Equal(t, Green, s.task(2))
	assert.Equal(t, "you are here, done", s.Steps[0].Word)
	assert.Equal(t, "to do", s.Steps[1].Word)
	assert.Contains(t, s.Rows, Row{Label: "Go on", Text: "Step 02: Doubling", Page: "steps/02-doubling.html", Step: "02-doubling"})

	state, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	assert.Contains(t, state.Done, 1, "remembered as the command does")
}

func TestNewestSaveEndsTheRunBefore(t *testing.T) {
	r := newRig(t).start()
	first := receive(t, r.runs)
	r.save("package main\n\n// One.\n")
	second := receive(t, r.runs)
	assert.ErrorIs(t, context.Cause(first.ctx), learner.ErrNewer)
	act[State](r, http.StatusOK, "/api/run", `{}`)
	third := receive(t, r.runs)
	assert.ErrorIs(t, context.Cause(second.ctx), learner.ErrNewer)
	third.finish <- r.green()
	r.open().sees("the newest verdict", tested)
}

func TestBrokenBuildIsShownAsWhatItIs(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	receive(t, r.runs).finish <- r.red()
	page.sees("red tasks", tested)
	r.save(broken)
	receive(t, r.runs).finish <- r.broken()
	s := page.sees("the compiler's words", func(s State) bool { return s.row("It doesn't compile") != "" })
	assert.Contains(t, s.row("It doesn't compile"), "steps/01-adding/main.go:3:15: undefined: x")
	assert.Equal(t, Red, s.task(1), "as of the last run that compiled")
	assert.Empty(t, s.Failures)
}

func TestHTMLInTestOutputArrivesAsText(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	result := r.red()
	for i := range result.Tests {
		result.Tests[i].Output = "main_test.go:12: <script>alert(1)</script> & \u2028"
	}
	receive(t, r.runs).finish <- result
	s := page.sees("the failure", tested)
	assert.Equal(t, "<script>alert(1)</script> & \u2028", s.Failures[0].Blocks[1].Text, "nothing is lost")
	for len(page.raw) > 0 {
		assert.NotContains(t, <-page.raw, "<", "no tag could begin, wherever the text is put")
	}
	answer := r.ask(http.MethodGet, "/api/state", "", nil)
	assert.Equal(t, "application/json; charset=utf-8", answer.Header.Get("Content-Type"))
	assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
}

func TestVerdictsShowAsTheyFall(t *testing.T) {
	r := newRig(t).start()
	receive(t, r.runs).finish <- r.red()
	page := r.open()
	page.sees("red tasks", tested)
	r.save("package main\n\n// Changed.\n")
	second := receive(t, r.runs)
	second.onTest(runner.Test{Name: "TestNegative", Status: runner.Failed, Output: "a new failure"})
	s := page.sees("the first verdict", func(s State) bool { return len(s.Failures) == 1 })
	assert.Equal(t, Running, s.State)
	assert.Equal(t, "TestNegative", s.Failures[0].Test)
	assert.Equal(t, Running, s.task(1))
	assert.Equal(t, Red, s.task(2))
	assert.Equal(t, "0 passed, 1 failed, 2 to come", s.Doing)
	second.onTest(runner.Test{Name: "TestAdd", Status: runner.Passed})
	page.sees("the second", func(s State) bool { return s.task(1) == Green })
	second.finish <- r.green()
	s = page.sees("the end", func(s State) bool { return s.State == Green })
	assert.Empty(t, s.Failures)
}

func TestOnePanicIsToldOnce(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	result := r.red()
	for i := range result.Tests {
		result.Tests[i].Status = runner.Failed
		result.Tests[i].Output = fmt.Sprintf("main_test.go:%d: panic: boom", i)
	}
	receive(t, r.runs).finish <- result
	s := page.sees("the failures", tested)
	require.Len(t, s.Failures, 3)
	assert.NotEmpty(t, s.Failures[0].Blocks)
	for _, f := range s.Failures[1:] {
		assert.Equal(t, s.Failures[0].Test, f.Same)
		assert.Empty(t, f.Blocks)
	}
}

func TestWhatTheCommandDidShowsInThePage(t *testing.T) {
	r := newRig(t).start()
	receive(t, r.runs).finish <- r.red()
	page := r.open()
	page.sees("red tasks", tested)

	terminal, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	learner.OpenHint(terminal, r.course.Step(1), r.course.Step(1).Task(1))
	learner.Remember(terminal, r.course.Step(1), r.green())
	require.NoError(t, terminal.Save())
	s := page.sees("what the command saved", func(s State) bool { return s.Steps[0].Tasks[0].Opened == 1 })
	assert.Equal(t, Green, s.Steps[0].State)
	assert.Equal(t, Green, s.task(1))
}

func TestHintsOpenOneByOneInEveryTab(t *testing.T) {
	r := newRig(t).start()
	one, other := r.open(), r.open()
	opened := func(n int) func(State) bool {
		return func(s State) bool { return s.Steps[0].Tasks[0].Opened == n }
	}
	act[State](r, http.StatusOK, "/api/hint", `{"step":"01-adding","task":1,"number":1}`)
	one.sees("the first hint", opened(1))
	other.sees("the first hint", opened(1))
	s := act[State](r, http.StatusOK, "/api/hint", `{"step":"01-adding","task":1,"number":1}`)
	assert.Equal(t, 1, s.Steps[0].Tasks[0].Opened, "it was open")
	s = act[State](r, http.StatusOK, "/api/hint", `{"step":"01-adding","task":1}`)
	assert.Equal(t, 2, s.Steps[0].Tasks[0].Opened)
	one.leave()
	other.sees("the second hint", opened(2))

	act[refusal](r, http.StatusNotFound, "/api/hint", `{"step":"01-adding","task":3}`)
	for _, number := range []string{"-1", "4", "9"} {
		no := act[refusal](r, http.StatusNotFound, "/api/hint", `{"step":"01-adding","task":1,"number":`+number+`}`)
		assert.Equal(t, "task 1 has no hint "+number+"; its hints are 1 to 3", no.Err)
	}
	act[refusal](r, http.StatusNotFound, "/api/hint", `{"step":"09-none","task":1}`)
	state, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	assert.Equal(t, 2, state.Hints[progress.TaskID{Step: 1, Task: 1}])
}

func TestPageChoosesTheStep(t *testing.T) {
	r := newRig(t).start()
	receive(t, r.runs).finish <- r.red()
	page := r.open()
	page.sees("step 1", tested)
	s := act[State](r, http.StatusOK, "/api/step", `{"step":"02-doubling"}`)
	assert.Equal(t, "02-doubling", s.Step)
	assert.Empty(t, s.Failures)
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
	state, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	assert.Equal(t, 2, state.Current, "the command goes on there, too")

	r.save("package main\n\n// Step 1 isn't watched any more.\n")
	coursetest.Write(t, filepath.Join(r.course.Step(2).Dir, "main.go"), "package main\n")
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
}

func TestStepChosenInATerminalIsWatched(t *testing.T) {
	r := newRig(t).start()
	receive(t, r.runs).finish <- r.red()
	page := r.open()
	page.sees("step 1", tested)

	terminal, err := progress.Load(r.course.Root)
	require.NoError(t, err)
	terminal.Current = 2
	require.NoError(t, terminal.Save())
	s := page.sees("step 2", func(s State) bool { return s.Step == "02-doubling" })
	assert.Equal(t, "Step 02: testing…", s.Says)
	assert.Empty(t, s.Failures)
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
	coursetest.Write(t, filepath.Join(r.course.Step(2).Dir, "main.go"), "package main\n")
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
	assert.Equal(t, []string{"02-doubling"}, r.watched())
}

func TestResetAsksFirstAndSaysHowToTakeItBack(t *testing.T) {
	r := newRig(t).start()
	mine := filepath.Join(r.course.Step(1).Dir, "main.go")
	starter, err := os.ReadFile(mine)
	require.NoError(t, err)
	r.save("package main\n\n// Mine.\n")
	receive(t, r.runs)

	plan := act[Restored](r, http.StatusOK, "/api/reset", `{"step":"01-adding"}`)
	assert.True(t, plan.Asks)
	assert.Contains(t, plan.Lines[0], "It replaces a file of yours: main.go.")
	assert.Equal(t, "go tool workshop reset 01", plan.Command)
	got, err := os.ReadFile(mine)
	require.NoError(t, err)
	assert.Contains(t, string(got), "// Mine.", "nothing happens unasked")
	assert.False(t, exists(filepath.Join(r.course.Root, progress.Folder, "backup")))

	done := act[Restored](r, http.StatusOK, "/api/reset", `{"step":"01-adding","confirmed":true}`)
	assert.False(t, done.Asks)
	got, err = os.ReadFile(mine)
	require.NoError(t, err)
	assert.Equal(t, string(starter), string(got))
	receive(t, r.runs) // the tests run again

	from, to, ok := strings.Cut(strings.TrimPrefix(done.Command, "cp -R "), "/. ")
	require.True(t, ok, done.Command)
	require.NoError(t, os.CopyFS(filepath.Join(t.TempDir(), "copy"), os.DirFS(from)))
	assert.Equal(t, r.course.Root+"/", to)
	kept, err := os.ReadFile(filepath.Join(from, "steps", "01-adding", "main.go"))
	require.NoError(t, err)
	assert.Contains(t, string(kept), "// Mine.")

	again := act[Restored](r, http.StatusOK, "/api/reset", `{"step":"01-adding","confirmed":true}`)
	assert.Contains(t, again.Lines[0], "Nothing to do")
	solved := act[Restored](r, http.StatusOK, "/api/solve", `{"step":"01-adding","confirmed":true}`)
	assert.Equal(t, []string{"steps/01-adding holds the solution.", "This line brings your files back:"}, solved.Lines)
}

func TestNothingIsReplacedWithoutABackup(t *testing.T) {
	r := newRig(t)
	coursetest.Write(t, filepath.Join(r.course.Root, progress.Folder, "backup"), "a file in the way")
	r.save("package main\n\n// Mine.\n")
	r.start()
	no := act[refusal](r, http.StatusConflict, "/api/reset", `{"step":"01-adding","confirmed":true}`)
	assert.Contains(t, no.Err, "nothing was changed")
	got, err := os.ReadFile(filepath.Join(r.course.Step(1).Dir, "main.go"))
	require.NoError(t, err)
	assert.Contains(t, string(got), "// Mine.")
}

func TestResetBringsAMissingFolderBack(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.RemoveAll(r.course.Step(1).Dir))
	r.start()
	page := r.open()
	s := page.sees("what is missing", func(s State) bool { return s.row("The tests can't be run") != "" })
	assert.Contains(t, s.row("The tests can't be run"), "next: go tool workshop reset 01")
	act[Restored](r, http.StatusOK, "/api/reset", `{"step":"01-adding","confirmed":true}`)
	receive(t, r.runs).finish <- r.red()
	page.sees("red tasks", tested)
	r.save("package main\n\n// The folder is watched again.\n")
	receive(t, r.runs)
}

func TestRestartedCompanionHasAnotherToken(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	receive(t, r.runs).finish <- r.red()
	page.sees("red tasks", tested)
	old := r.token
	act[State](r, http.StatusOK, "/api/hint", `{"step":"01-adding","task":2}`)
	r.stop()
	page.ended()

	r.start()
	page = r.open()
	s := page.sees("the state again", func(State) bool { return true })
	assert.Equal(t, 1, s.Steps[0].Tasks[1].Opened, "the place is remembered")
	assert.Contains(t, r.get("/steps/01-adding.html"), "token="+r.token)
	answer := r.ask(http.MethodPost, "/api/run", `{}`, func(q *http.Request) { q.Header.Set(tokenHeader, old) })
	assert.Equal(t, http.StatusForbidden, answer.StatusCode)
}

func TestStreamGivesTheStateAgainAfterAReconnect(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	receive(t, r.runs).finish <- r.red()
	page.sees("red tasks", tested)
	page.leave()
	r.save("package main\n\n// While the laptop was closed.\n")
	receive(t, r.runs).finish <- r.green()
	require.Eventually(t, func() bool { return strings.Contains(r.get("/api/state"), `"state":"green","says"`) }, long, 5*time.Millisecond)
	page = r.open()
	s := <-page.states
	assert.Equal(t, Green, s.State, "the first event holds everything")
}

func TestEndLeavesNothing(t *testing.T) {
	r := newRig(t).start()
	page, other := r.open(), r.open()
	going := receive(t, r.runs)
	page.sees("running tests", running)
	began := time.Now()
	r.stop()
	assert.Less(t, time.Since(began), shutdownGrace, "streams don't hold the end up")
	page.ended()
	other.ended()
	assert.Error(t, going.ctx.Err(), "no run goes on")
	for deadline := time.Now().Add(long); ; runtime.Gosched() {
		left := serving()
		if left == "" {
			return
		}
		require.True(t, time.Now().Before(deadline), "goroutines are left:\n%s", left)
	}
}

// serving are the goroutines of companions, of what they watch, and of their servers.
func serving() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for _, g := range strings.Split(string(stacks), "\n\n") {
		for _, name := range []string{"companion.(*Companion)", "companion.(*needs)", "saves.", "learner.(*Runs)", "http.(*Server)", "http.(*conn)", "fsnotify."} {
			if strings.Contains(g, name) {
				left = append(left, g)
				break
			}
		}
	}
	return strings.Join(left, "\n\n")
}

func TestEndWhileTheNeedsStart(t *testing.T) {
	r := newRig(t)
	starting := make(chan struct{})
	r.needs = func(ctx context.Context, say func(string)) (func(), error) {
		say("downloading PostgreSQL")
		close(starting)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	r.start()
	page := r.open()
	receive(t, starting)
	page.sees("what the start does", func(s State) bool { return s.Doing == "downloading PostgreSQL" })
	r.stop()
}

func TestMissingNeedsAreToldAndTriedAgain(t *testing.T) {
	r := newRig(t)
	tries := 0
	released := false
	r.needs = func(context.Context, func(string)) (func(), error) {
		if tries++; tries == 1 {
			return nil, errors.New("no PostgreSQL was found")
		}
		return func() { released = true }, nil
	}
	r.start()
	page := r.open()
	page.sees("the trouble", func(s State) bool {
		return s.State == Red && strings.HasPrefix(s.row("The tests can't be run"), "The tests can't be run: no PostgreSQL was found\n  next: ")
	})
	assert.Contains(t, r.get("/"), "page index.html", "the pages can be read all the same")
	act[State](r, http.StatusOK, "/api/run", `{}`)
	receive(t, r.runs).finish <- r.red()
	s := page.sees("a verdict", tested)
	assert.Empty(t, s.row("The tests can't be run"))
	r.stop()
	assert.True(t, released)
}

func TestFailureToRunIsShownAndTheCompanionGoesOn(t *testing.T) {
	r := newRig(t).start()
	page := r.open()
	receive(t, r.runs).finish <- nil
	page.sees("the trouble", func(s State) bool { return strings.Contains(s.row("The tests can't be run"), "no go here") })
	r.save("package main\n\n// Again.\n")
	receive(t, r.runs).finish <- r.red()
	page.sees("a verdict", tested)
}

func TestPlaceThatCannotBeKeptStopsNobody(t *testing.T) {
	r := newRig(t)
	coursetest.Write(t, filepath.Join(r.course.Root, progress.Folder, "progress.lock", "in-the-way"), "")
	r.start()
	page := r.open()
	receive(t, r.runs).finish <- r.red()
	s := page.sees("a verdict", tested)
	assert.Contains(t, s.row("Note"), "isn't remembered")
	assert.Equal(t, Red, s.task(1))
}
