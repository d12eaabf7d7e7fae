package learner

import (
	"context"
	"errors"

	"example.com/boxoffice/tools/internal/runner"
)

// ErrNewer stops a run that a newer save replaces.
var ErrNewer = errors.New("a newer save came")

// errCrashed stands for a run whose goroutine panicked.
var errCrashed = errors.New("the run crashed")

// Runs are the runs of a step's tests, one at a time: the newest ends the one before it.
// All methods belong to one goroutine, which also receives from Ended, Heard and Said.
type Runs struct {
	Test  Tester
	Began func(runner.Options) // called when a run begins, also one that had to wait

	ended  chan Outcome
	heard  chan runner.Test
	said   chan Saying
	cancel context.CancelCauseFunc
	going  bool
	next   func() // begins the run that waits for the end of the one that goes on
}

// Outcome is what a run came to.
type Outcome struct {
	Result *runner.Result
	Err    error

	panicked any
}

// Saying is what a run says of itself: what it does, or what it waits for.
type Saying struct {
	Text    string
	Waiting bool // it is said again and again
}

// NewRuns makes runs of tests that test runs.
func NewRuns(test Tester) *Runs {
	return &Runs{Test: test, Began: func(runner.Options) {}, ended: make(chan Outcome, 1),
		heard: make(chan runner.Test), said: make(chan Saying)}
}

// Heard gives each top-level test of the run that goes on, as it ends. It must be received
// from while a run goes on. What comes while Replaced is of no account.
func (r *Runs) Heard() <-chan runner.Test { return r.heard }

// Said gives what the run that goes on says of itself, as Heard does.
func (r *Runs) Said() <-chan Saying { return r.said }

// Going reports whether a run goes on.
func (r *Runs) Going() bool { return r.going }

// Ended gives the end of each run, which Finish has to be called with.
func (r *Runs) Ended() <-chan Outcome { return r.ended }

// Replaced reports whether the run that goes on is being stopped for a newer one.
func (r *Runs) Replaced() bool { return r.next != nil }

// Start begins a run. One that goes on is stopped with ErrNewer, and the new one begins
// once Finish knows of that.
func (r *Runs) Start(ctx context.Context, o runner.Options) {
	if r.going {
		r.next = func() { r.begin(ctx, o) }
		r.cancel(ErrNewer)
		return
	}
	r.begin(ctx, o)
}

func (r *Runs) begin(ctx context.Context, o runner.Options) {
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.going = true
	r.Began(o)
	o.Progress = func(line string) { pass(ctx, r.said, Saying{Text: line}) }
	o.Waiting = func(line string) { pass(ctx, r.said, Saying{Text: line, Waiting: true}) }
	go func() {
		end := Outcome{Err: errCrashed}
		defer func() {
			end.panicked = recover()
			r.ended <- end
		}()
		end.Result, end.Err = r.Test(ctx, o, func(t runner.Test) { pass(ctx, r.heard, t) })
	}()
}

// pass gives something to whoever finishes the runs, unless the run is being stopped.
func pass[T any](ctx context.Context, to chan<- T, what T) {
	select {
	case to <- what:
	case <-ctx.Done():
	}
}

// Finish frees what a run held, and begins the run that waited for it. It reports
// whether the outcome counts: it doesn't when a newer run has begun. It panics with what
// the run panicked with.
func (r *Runs) Finish(end Outcome) (counts bool) {
	r.cancel(nil)
	r.going = false
	if end.panicked != nil {
		panic(end.panicked)
	}
	if next := r.next; next != nil {
		r.next = nil
		next()
		return false
	}
	return true
}

// Stop stops the run that goes on and waits for its end.
func (r *Runs) Stop() {
	r.next = nil
	if r.going {
		r.cancel(context.Canceled)
		<-r.ended
		r.going = false
	}
}
