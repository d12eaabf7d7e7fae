package lab

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pending is a request whose answer the test doesn't wait for yet.
type Pending struct {
	app      *App
	request  *Request
	leave    context.CancelFunc
	done     chan struct{}
	response *Response // valid once done is closed
}

// Begin sends a request in the background. It is given up when the test ends.
func (a *App) Begin(r *Request) *Pending {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pending{app: a, request: r, leave: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.response = a.sendUntil(ctx, r)
	}()
	a.t.Cleanup(func() {
		cancel()
		<-p.done
	})
	return p
}

// BeginAll sends n requests at the same time, the i-th as request(i) makes it.
func (a *App) BeginAll(n int, request func(i int) *Request) []*Pending {
	pending := make([]*Pending, n)
	for i := range pending {
		pending[i] = a.Begin(request(i))
	}
	return pending
}

// WaitAll returns the answers to all of them, as [Pending.Wait] returns one.
func WaitAll(pending []*Pending, within time.Duration) []*Response {
	answers := make([]*Response, len(pending))
	for i, p := range pending {
		p.app.t.Helper()
		answers[i] = p.Wait(within)
	}
	return answers
}

// Leave makes the client hang up, as someone does who closes the page. It does
// nothing when the answer is there already.
func (p *Pending) Leave() { p.leave() }

// Done is closed once the answer is there, or the client has hung up.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Answered reports whether the answer is there, whatever it says.
func (p *Pending) Answered() bool {
	select {
	case <-p.done:
		return p.response.Err == nil
	default:
		return false
	}
}

// Wait returns the answer, and ends the test with a finding when there is none
// within that time. After Leave, it returns a response with Err set.
func (p *Pending) Wait(within time.Duration) *Response {
	p.app.t.Helper()
	if !closesWithin(p.done, within) {
		p.app.troubled.Store(true)
		p.app.t.Fatal(Finding{
			Measured: fmt.Sprintf("%s is still waiting for its answer after %v", p.request, within),
			Expected: "an answer, whatever it says",
			Why:      "A client that waits holds a connection, memory and somebody's patience.",
			Try:      p.curl(),
		}.String())
	}
	if p.response.Err != nil && !errors.Is(p.response.Err, context.Canceled) {
		p.app.t.Fatal(p.app.noAnswer(p.response).String())
	}
	return p.response
}

func (p *Pending) curl() string {
	return (&Response{app: p.app, request: p.request}).Curl()
}
