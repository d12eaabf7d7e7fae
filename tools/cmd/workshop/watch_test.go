package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/terminal"
)

// screen is a terminal that remembers.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// last is what was drawn since the screen was wiped.
func (s *screen) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.text.String()
	return strings.ReplaceAll(text[strings.LastIndex(text, "\x1b[H")+1:], "\x1b[K", "")
}

// all is what was drawn so far.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// run is a run of the tests that the rig decides about.
type run struct {
	step   *course.Step
	ctx    context.Context
	first  [][]string
	onTest func(runner.Test)
	finish chan *runner.Result
}

// rig is a watch whose keys, saves and runs a test decides about.
type rig struct {
	*desk
	screen screen
	keys   chan rune
	saved  chan struct{}
	runs   chan run
	done   chan error
	cancel context.CancelFunc
	red    *runner.Result
	green  *runner.Result
}

func newRig(t *testing.T) *rig {
	r := &rig{desk: newDesk(t), keys: make(chan rune), saved: make(chan struct{}), runs: make(chan run), done: make(chan error, 1)}
	var err error
	r.red, err = runTests(t.Context(), runner.Options{Step: r.step(1)}, nil)
	require.NoError(t, err)
	r.green, err = runTests(t.Context(), runner.Options{Step: r.step(1), Solution: true}, nil)
	require.NoError(t, err)
	r.runTests = func(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
		this := run{o.Step, ctx, o.First, onTest, make(chan *runner.Result)}
		r.runs <- this
		select {
		case result := <-this.finish:
			if result == nil {
				return nil, errOnPurpose
			}
			return result, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	e := r.newEnv()
	e.stdout = &r.screen
	state, err := e.Progress()
	require.NoError(t, err)
	w := &watch{env: e, course: e.course, state: state, step: e.course.Step(1), ticker: e.newTicker(), keyed: true, crashed: make(chan any, 1)}
	w.follow = func(context.Context, *course.Step) <-chan struct{} { return r.saved }
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.done <- w.loop(ctx, r.keys) }()
	return r
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// shows waits for the screen to hold all of these.
func (r *rig) shows(wants ...string) {
	r.t.Helper()
	for _, want := range wants {
		require.Eventually(r.t, func() bool { return strings.Contains(r.screen.last(), want) },
			10*time.Second, time.Millisecond, "%q isn't on the screen", want)
	}
}

func (r *rig) quit() {
	r.t.Helper()
	r.keys <- 'q'
	assert.NoError(r.t, receive(r.t, r.done))
}

func TestWatchShowsTasksAndAnswersKeys(t *testing.T) {
	r := newRig(t)
	receive(t, r.runs).finish <- r.red
	r.shows("✗ FAIL  task 1", "Add(1, 2) is 4", "press a", "h hint", "q quit", "Waiting for you to save")
	assert.NotContains(t, r.screen.last(), "Add(-1, 3) is", "the second failure is folded")
	r.keys <- 'a'
	r.shows("Add(-1, 3) is", "a first failure")
	r.keys <- 'h'
	r.shows("Hint 1 of 3 for task 1", "What does plus do?")
	r.keys <- 'h'
	r.shows("Hint 2 of 3")
	r.keys <- 'x'
	r.quit()
}

func TestWatchRunsOnSaveAndNeverMovesOnByItself(t *testing.T) {
	r := newRig(t)
	receive(t, r.runs).finish <- r.red
	r.saved <- struct{}{}
	receive(t, r.runs).finish <- r.green
	r.shows("Step 01 is done.", "A sum is the same from both ends.", "go tool workshop diff 01", "press n for 02-doubling: Doubling")
	r.saved <- struct{}{}
	again := receive(t, r.runs)
	assert.Equal(t, 1, again.step.Number, "still the same step")
	later := *r.green
	later.Elapsed = 77 * time.Second
	again.finish <- &later
	r.shows("(77.0 s)")
	r.keys <- 'n'
	second := receive(t, r.runs)
	assert.Equal(t, 2, second.step.Number)
	r.quit()
	assert.Error(t, second.ctx.Err(), "no run goes on after the end")
	assert.Contains(t, r.succeeds("list"), "> … TODO  02-doubling")
}

func TestNewerSaveReplacesTheRun(t *testing.T) {
	r := newRig(t)
	first := receive(t, r.runs)
	r.saved <- struct{}{}
	r.saved <- struct{}{}
	second := receive(t, r.runs)
	require.ErrorIs(t, context.Cause(first.ctx), learner.ErrNewer, "the first was stopped before the second began")
	select {
	case <-r.runs:
		t.Fatal("two runs at once")
	case <-time.After(20 * time.Millisecond):
	}
	second.finish <- r.green
	r.shows("Step 01 is done.")
	r.quit()
}

func TestVerdictsShowAsTheyFall(t *testing.T) {
	r := newRig(t)
	first := receive(t, r.runs)
	assert.Equal(t, [][]string{{"TestAdd"}}, first.first)
	first.finish <- r.red
	r.shows("✗ FAIL  task 1", "✗ FAIL  task 2")
	r.saved <- struct{}{}
	second := receive(t, r.runs)
	r.shows("What stands above is of the run before.")
	second.onTest(runner.Test{Name: "TestAdd", Status: runner.Passed})
	r.shows("▸ RUNS  before", "✓ PASS  task 1", "▸ RUNS  task 2", "Still running: 2 tests.")
	assert.NotContains(t, r.screen.last(), "Add(1, 2) is 4", "nothing of the run before")
	second.onTest(runner.Test{Name: "TestNegative", Status: runner.Failed, Output: "a new failure"})
	r.shows("✗ FAIL  task 2", "a new failure", "Still running: 1 test.")
	r.saved <- struct{}{}
	second.onTest(runner.Test{Name: "TestZero", Status: runner.Failed, Output: "too late"})
	third := receive(t, r.runs)
	assert.Equal(t, [][]string{{"TestAdd"}}, third.first, "of the last run that came to its end")
	third.finish <- r.green
	r.shows("Step 01 is done.")
	assert.NotContains(t, r.screen.all(), "too late")
	r.quit()
}

func TestTasksStayOnASmallScreen(t *testing.T) {
	r := newRig(t)
	long := *r.red
	long.Tests = slices.Clone(long.Tests)
	for i := range long.Tests {
		if long.Tests[i].Name == "TestAdd" {
			long.Tests[i].Output = "what was measured\n" + strings.Repeat("| a line of the API's log\n", 60) + "the end"
		}
	}
	receive(t, r.runs).finish <- &long
	r.shows("✗ FAIL  task 1", "✗ FAIL  task 2", "TestAdd", "what was measured", "more lines: a shows them", "Open", "q quit")
	st := terminal.Style{Width: 80}
	assert.Less(t, st.Rows(strings.TrimSuffix(r.screen.last(), "\x1b[J")), 24, "a line is free for the ticker")
	r.keys <- 'a'
	r.shows("the end", "a first failure")
	r.keys <- 'a'
	r.shows("more lines: a shows them")
	r.quit()
}

func TestRedStepIsLeftOnlyWhenAskedTwice(t *testing.T) {
	r := newRig(t)
	receive(t, r.runs).finish <- r.red
	r.shows("q quit")
	r.keys <- 'n'
	r.shows("Press n again to leave it")
	r.keys <- 'h'
	r.shows("Hint 1")
	r.keys <- 'n'
	r.shows("Press n again to leave it")
	r.keys <- 'n'
	assert.Equal(t, 2, receive(t, r.runs).step.Number)
	r.quit()
}

func TestKeysWhileTheFirstRunGoesOn(t *testing.T) {
	r := newRig(t)
	first := receive(t, r.runs)
	for _, key := range "han" {
		r.keys <- key
	}
	r.keys <- 'r'
	second := receive(t, r.runs)
	assert.ErrorIs(t, context.Cause(first.ctx), learner.ErrNewer)
	second.finish <- r.red
	r.shows("✗ FAIL  task 1")
	r.quit()
}

func TestCtrlCAndSignalsEndTheWatch(t *testing.T) {
	r := newRig(t)
	going := receive(t, r.runs)
	r.keys <- terminal.KeyInterrupt
	assert.ErrorIs(t, receive(t, r.done), context.Canceled)
	assert.Error(t, going.ctx.Err())

	r = newRig(t)
	going = receive(t, r.runs)
	r.cancel()
	assert.ErrorIs(t, receive(t, r.done), context.Canceled)
	assert.Error(t, going.ctx.Err())
}

func TestFailureToRunIsShownAndTheWatchGoesOn(t *testing.T) {
	r := newRig(t)
	receive(t, r.runs).finish <- nil
	r.shows("The tests can't be run: on purpose", "go tool workshop doctor")
	r.saved <- struct{}{}
	receive(t, r.runs).finish <- r.red
	r.shows("✗ FAIL  task 1")
	r.quit()
}

func TestClosedStdinDoesNotEndTheWatch(t *testing.T) {
	r := newRig(t)
	receive(t, r.runs).finish <- r.red
	r.shows("q quit")
	close(r.keys)
	r.saved <- struct{}{}
	receive(t, r.runs).finish <- r.green
	r.shows("Step 01 is done.")
	r.cancel()
	receive(t, r.done)
}

func TestPanicInARunReachesTheLoop(t *testing.T) {
	b := newDesk(t)
	b.runTests = func(context.Context, runner.Options, func(runner.Test)) (*runner.Result, error) { panic("on purpose") }
	e := b.newEnv()
	state, err := e.Progress()
	require.NoError(t, err)
	w := &watch{env: e, course: e.course, state: state, step: e.course.Step(1), ticker: e.newTicker(), crashed: make(chan any, 1),
		follow: func(context.Context, *course.Step) <-chan struct{} { return nil }}
	assert.PanicsWithValue(t, "on purpose", func() { _ = w.loop(t.Context(), nil) })
}
