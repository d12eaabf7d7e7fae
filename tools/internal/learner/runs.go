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
// All methods belong to one goroutine, which also receives from Ended.
type Runs struct {
	Test   Tester
	OnTest func(runner.Test)    // told of each top-level test that ends, on another goroutine
	Began  func(runner.Options) // called when a run begins, also one that had to wait

	ended  chan Outcome
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

// NewRuns makes runs of tests that test runs.
func NewRuns(test Tester) *Runs {
	return &Runs{Test: test, Began: func(runner.Options) {}, ended: make(chan Outcome, 1)}
}

// Going reports whether a run goes on.
func (r *Runs) Going() bool { return r.going }

// Ended gives the end of each run, which Finish has to be called with.
func (r *Runs) Ended() <-chan Outcome { return r.ended }

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
	go func() {
		end := Outcome{Err: errCrashed}
		defer func() {
			end.panicked = recover()
			r.ended <- end
		}()
		end.Result, end.Err = r.Test(ctx, o, r.OnTest)
	}()
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
