// Package companion serves the site's pages on this machine and makes them live: tasks
// change as files are saved, failures unfold, hints open one by one. Everything that it
// does comes from internal/learner, as the command's does.
package companion

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

// Options say what a companion is about. Course, Progress and Pages must be given.
type Options struct {
	Course   *course.Course
	Progress *progress.State
	Pages    Pages

	Poll bool // look for saved files instead of waiting for events

	Origins []string // by which pages are reached beside this machine's own, as Origin makes them

	Test  learner.Tester                                                       // runner.Run when nil
	Needs func(ctx context.Context, say func(string)) (stop func(), err error) // learner.StartNeeds when nil

	OnStep    func(*course.Step)     // told of another step that is watched from now on; may be nil
	OnVerdict func(*learner.Verdict) // told of each run's end; may be nil
	OnTrouble func(error)            // told what keeps tests from running, or the place from being kept; may be nil
	Errors    *log.Logger            // of the server; nothing is logged when nil
}

// Companion is one server for one learner. Serve runs it.
type Companion struct {
	Options
	token string // pages hold it; actions need it

	asks  chan func(context.Context) // what the loop is asked to do
	ended chan struct{}              // closed when the loop takes no more
	pages *audience                  // that look at the state
	place place                      // the loop's own
}

// New makes a companion with a token of its own.
func New(o Options) *Companion {
	if o.Test == nil {
		o.Test = runner.Run
	}
	if o.Needs == nil {
		o.Needs = learner.StartNeeds
	}
	if o.OnStep == nil {
		o.OnStep = func(*course.Step) {}
	}
	if o.OnVerdict == nil {
		o.OnVerdict = func(*learner.Verdict) {}
	}
	if o.OnTrouble == nil {
		o.OnTrouble = func(error) {}
	}
	return &Companion{
		Options: o, token: rand.Text(), pages: newAudience(),
		asks: make(chan func(context.Context)), ended: make(chan struct{}),
		place: place{step: learner.CurrentStep(o.Course, o.Progress)},
	}
}

// shutdownGrace is how long an answer that is under way may take once the companion ends.
const shutdownGrace = 3 * time.Second

// Serve answers on the listener until ctx ends. Then streams end at once, the tests that
// run are stopped, and nothing is left when it returns. The error is nil unless the
// server itself failed.
func (c *Companion) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           c.handler(listener.Addr()),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          c.errorLog(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	looped := make(chan struct{})
	go func() { defer close(looped); c.loop(ctx) }()

	var err error
	select {
	case err = <-failed:
		cancel()
	case <-ctx.Done():
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
		stop()
		err = <-failed
	}
	<-looped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (c *Companion) errorLog() *log.Logger {
	if c.Errors != nil {
		return c.Errors
	}
	return log.New(io.Discard, "", 0)
}
