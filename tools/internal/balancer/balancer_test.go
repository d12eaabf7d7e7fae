package balancer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checked is an instance that answers health checks as ready says, and all else as it
// behaves.
func checked(t *testing.T, ready *atomic.Bool, behave func(*http.Request, net.Conn) bool) *upstreamUnderTest {
	t.Helper()
	return startUpstream(t, func(r *http.Request, w net.Conn) bool {
		switch {
		case r.URL.Path != checkPath:
			return behave(r, w)
		case ready.Load():
			return says(200, "ready")(r, w)
		}
		return says(503, "draining")(r, w)
	})
}

func always(ready bool) *atomic.Bool {
	var b atomic.Bool
	b.Store(ready)
	return &b
}

// balance starts a balancer before instances.
func balance(t *testing.T, o Options, addresses ...string) (*Balancer, *front) {
	t.Helper()
	b, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	for _, address := range addresses {
		<-b.Add(address)
	}
	return b, &front{url: b.URL, records: b.Records, answered: func() {}}
}

func TestOnlyReadyInstancesAreAsked(t *testing.T) {
	t.Parallel()
	ready := always(true)
	a, b := checked(t, ready, says(200, "a")), checked(t, always(true), says(200, "b"))
	balancer, f := balance(t, Options{}, a.address, b.address)
	for range 2 {
		f.send(t, http.MethodGet, "/")
	}
	ready.Store(false)
	require.NoError(t, balancer.Await(t.Context(), 0, false))
	require.False(t, balancer.Ready(0))
	for range 2 {
		f.send(t, http.MethodGet, "/")
	}
	ready.Store(true)
	require.NoError(t, balancer.Await(t.Context(), 0, true))
	f.send(t, http.MethodGet, "/")
	require.Equal(t, "1:0:200 1:1:200 1:1:200 1:1:200 1:0:200", f.told())
}

func TestWithoutAReadyInstanceThereIsA503(t *testing.T) {
	t.Parallel()
	_, f := balance(t, Options{RetryIdempotent: true}, refusing(t), checked(t, always(false), says(200, "a")).address)
	status, body := f.send(t, http.MethodGet, "/")
	require.Equal(t, 503, status)
	require.Contains(t, body, "no instance is ready")
	require.Equal(t, "1:-1:0", f.told())
}

// blind is a balancer whose checks always say ready.
func blind(retry bool) Options {
	return Options{RetryIdempotent: retry, check: func(context.Context, string) bool { return true }}
}

func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		retry   bool
		methods string
		want    string
		told    string
	}{
		{false, "GET", "502", "1:0:0"},
		{false, "POST", "502", "1:0:0"},
		{true, "GET", "200", "1:0:0 2:1:200"},
		{true, "HEAD", "200", "1:0:0 2:1:200"},
		{true, "PUT", "200", "1:0:0 2:1:200"},
		{true, "DELETE", "200", "1:0:0 2:1:200"},
		{true, "OPTIONS", "200", "1:0:0 2:1:200"},
		{true, "POST", "502", "1:0:0"},
		{true, "PATCH", "502", "1:0:0"},
	} {
		t.Run(fmt.Sprintf("%s/retry=%v", c.methods, c.retry), func(t *testing.T) {
			t.Parallel()
			a, b := checked(t, always(true), hangsUp), checked(t, always(true), says(200, "b"))
			_, f := balance(t, Options{RetryIdempotent: c.retry}, a.address, b.address)
			status, _ := f.send(t, c.methods, "/")
			require.Equal(t, c.want, fmt.Sprint(status))
			require.Equal(t, c.told, f.told())
		})
	}
}

func TestARefusedConnectionIsTriedElsewhereForAnyMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		b := startUpstream(t, says(200, "b"))
		_, f := balance(t, blind(true), refusing(t), b.address)
		status, _ := f.send(t, method, "/")
		require.Equal(t, 200, status, method)
		require.Equal(t, "1:0:0 2:1:200", f.told(), method)
		require.Len(t, b.asked(), 1)

		_, f = balance(t, blind(false), refusing(t), b.address)
		status, _ = f.send(t, method, "/")
		require.Equal(t, 502, status, method)
		require.Equal(t, "1:0:0", f.told(), method)
	}
}

func TestWhenAllHaveFailedTheClientHearsIt(t *testing.T) {
	t.Parallel()
	_, f := balance(t, blind(true), refusing(t), refusing(t))
	status, body := f.send(t, http.MethodGet, "/")
	require.Equal(t, 502, status)
	require.Contains(t, body, "refused")
	require.Equal(t, "1:0:0 2:1:0", f.told())
}

func TestConnectionsToInstancesAreKept(t *testing.T) {
	t.Parallel()
	a := startUpstream(t, says(200, "a"))
	_, f := balance(t, blind(false), a.address)
	for range 6 {
		f.send(t, http.MethodPost, "/")
	}
	require.Equal(t, 1, a.connected())
}

// net/http's Transport would send these requests again by itself.
func TestADyingKeptConnectionIsARealFailure(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a := startUpstream(t, answersOnce())
		_, f := balance(t, blind(false), a.address)
		first, _ := f.send(t, http.MethodGet, "/")
		second, _ := f.send(t, method, "/")
		require.Equal(t, []int{200, 502}, []int{first, second}, method)
		require.Equal(t, "1:0:200 1:0:0", f.told(), method)
		require.Equal(t, "the connection was closed before an answer", f.records()[1].Err)
		require.Len(t, a.asked(), 2)
	}
}

// A connection that was closed while nobody used it costs nothing: it is known.
func TestAClosedKeptConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	a := startUpstream(t, func(r *http.Request, w net.Conn) bool {
		says(200, "a")(r, w)
		return false
	})
	_, f := balance(t, blind(false), a.address)
	for n := range 5 {
		status, _ := f.send(t, http.MethodPost, "/")
		require.Equal(t, 200, status)
		require.Eventually(t, func() bool { return a.over() == n+1 }, 10*time.Second, time.Millisecond)
	}
	require.Equal(t, 5, a.connected())
}

func TestHalfAnAnswerNeverLooksWhole(t *testing.T) {
	t.Parallel()
	_, f := balance(t, blind(true), startUpstream(t, breaksOff).address, startUpstream(t, says(200, "b")).address)
	status, said := f.send(t, http.MethodGet, "/")
	require.Zero(t, status, said)
	require.Equal(t, "1:0:200", f.told())
	require.Eventually(t, func() bool { return strings.Contains(f.records()[0].Err, "broke off") }, 10*time.Second, time.Millisecond)
}

func TestInstancesSeeWhoAsked(t *testing.T) {
	t.Parallel()
	a := startUpstream(t, says(200, "a"))
	_, f := balance(t, blind(false), a.address)
	f.send(t, http.MethodPost, "/orders?n=1", func(r *http.Request) {
		r.Host = "tickets.example.com"
		r.Header = http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Request-Id": {"abc"}, "Connection": {"X-Hop"}, "X-Hop": {"1"}}
	})
	r := a.asked()[0]
	require.Equal(t, "/orders?n=1", r.RequestURI)
	require.Equal(t, "tickets.example.com", r.Host)
	require.Equal(t, "203.0.113.9, 127.0.0.1", r.Header.Get("X-Forwarded-For"))
	require.Equal(t, "abc", r.Header.Get("X-Request-Id"))
	require.Empty(t, r.Header.Get("X-Hop"))
	require.Equal(t, `{"quantity":1}`, a.bodies[0])
}

func TestAnEarlyAnswerToALargeBodyArrives(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(c, make([]byte, 1000)) // and no more
			_, _ = fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
			_ = c.(*net.TCPConn).CloseWrite()
		}
	}()
	_, f := balance(t, blind(false), listener.Addr().String())
	status, _ := f.send(t, http.MethodPost, "/", func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 16<<20))), 16<<20
	})
	require.Equal(t, 413, status)
}
