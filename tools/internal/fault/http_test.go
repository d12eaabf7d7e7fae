package fault_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fault"
)

// gateway is what somebody else runs: it takes payments by HTTP. net/http reads its requests, so that
// connections are kept alive as in life; the faults are the package's.
type gateway struct {
	fault.Faults
	link     *fault.Link
	listener *fault.Listener
	server   *http.Server
	requests fault.Gates[*http.Request]
	replies  fault.Gates[*http.Request]
	refusals fault.Refusals[*http.Request, int]
	cuts     fault.Cuts[*http.Request]
	charges  atomic.Int64
}

type connKey struct{}

func startGateway(t *testing.T) *gateway {
	t.Helper()
	link, listener := newLink(t)
	g := &gateway{Faults: link.Faults(), link: link, listener: listener}
	g.server = &http.Server{
		Handler:     g,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	go g.server.Serve(listener)
	t.Cleanup(func() { g.server.Close() })
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(*fault.Conn)
	io.Copy(io.Discard, r.Body)
	cut := g.cuts.Due(r)
	if cut != nil && cut.When == fault.Before {
		g.hangUp(conn, cut, r)
	}
	if g.wait(r) != nil || conn.Gone() {
		panic(http.ErrAbortHandler)
	}
	if status, refused := g.refusals.For(r); refused {
		w.WriteHeader(status)
		return
	}
	g.charges.Add(1)
	if cut != nil {
		g.hangUp(conn, cut, r)
	}
	if _, err := g.replies.Pass(r.Context(), r); err != nil {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusCreated)
}

func (g *gateway) wait(r *http.Request) error {
	if err := g.link.AwaitDelay(r.Context()); err != nil {
		return err
	}
	if err := g.link.AwaitResume(r.Context()); err != nil {
		return err
	}
	_, err := g.requests.Pass(r.Context(), r)
	return err
}

func (g *gateway) hangUp(conn *fault.Conn, cut *fault.Cut[*http.Request], r *http.Request) {
	conn.Close()
	cut.Fall(r)
	panic(http.ErrAbortHandler)
}

// charge asks for a payment, and returns the status or 0 when there was no answer. net/http repeats
// nothing here: a POST isn't known to be harmless, and has a body.
func (g *gateway) charge(ctx context.Context) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.listener.Addr().String()+"/charges", strings.NewReader("{}"))
	if err != nil {
		return 0
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

func charges(r *http.Request) bool { return r.URL.Path == "/charges" }

func TestAnotherProtocolStandsOnThePackage(t *testing.T) {
	g := startGateway(t)
	ctx := within(t)
	require.Equal(t, http.StatusCreated, g.charge(ctx))

	refusal := g.refusals.RefuseNext(1, charges, http.StatusServiceUnavailable)
	assert.Equal(t, http.StatusServiceUnavailable, g.charge(ctx))
	assert.Equal(t, 1, refusal.Hits())

	g.cuts.CutAt(1, fault.Before, charges)
	assert.Zero(t, g.charge(ctx))
	assert.EqualValues(t, 1, g.charges.Load(), "nothing was done")

	g.cuts.CutAt(1, fault.After, charges)
	assert.Zero(t, g.charge(ctx))
	assert.EqualValues(t, 2, g.charges.Load(), "it was done, and nobody told")

	up := g.Down()
	assert.Zero(t, g.charge(ctx))
	up()

	resume := g.Stall()
	waiting := make(chan int, 1)
	go func() { waiting <- g.charge(ctx) }()
	resume()
	assert.Equal(t, http.StatusCreated, <-waiting)

	gate := g.replies.Hold(charges)
	go func() { waiting <- g.charge(ctx) }()
	require.NoError(t, gate.Await(ctx, 1))
	assert.EqualValues(t, 4, g.charges.Load())
	assert.Empty(t, waiting)
	gate.Open()
	assert.Equal(t, http.StatusCreated, <-waiting)
}

func TestWhoHasHungUpIsNotCharged(t *testing.T) {
	g := startGateway(t)
	for range 50 {
		gate := g.requests.Hold(charges)
		conn := dial(t, g.listener)
		_, err := io.WriteString(conn, "POST /charges HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\n{}")
		require.NoError(t, err)
		require.NoError(t, gate.Await(within(t), 1))
		conn.Close()
		gate.Open()
	}
	require.NoError(t, g.server.Shutdown(within(t)), "all have been dealt with")
	assert.Zero(t, g.charges.Load())
}
