package load

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"example.com/boxoffice/tools/internal/course"
)

// serve answers requests with handler until the test ends.
func serve(t *testing.T, handler http.HandlerFunc) vegeta.Targeter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	m := newMix([]course.ScenarioRequest{{Method: "GET", Path: "/"}}, []int64{1})
	return m.targeter(listener.Addr().String(), nil)
}

func TestWaitingForAClientIsWaiting(t *testing.T) {
	t.Parallel()
	// The server is frozen until all clients wait. A hundred more requests become due
	// meanwhile, and wait as long as the server does.
	var waiting atomic.Int64
	thawed := make(chan struct{})
	targeter := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if waiting.Add(1) == clients {
			time.AfterFunc(300*time.Millisecond, func() { close(thawed) })
		}
		<-thawed
	})
	s := attack(t.Context(), targeter, 500, 500*time.Millisecond, false)
	require.Equal(t, 250, s.Due)
	require.GreaterOrEqual(t, s.Quantile(0.5), 100*time.Millisecond, "whoever couldn't be sent has waited")
	require.Less(t, s.InTime(), 0.9)
}

func TestNoWaitingIsNoLatency(t *testing.T) {
	t.Parallel()
	targeter := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := attack(t.Context(), targeter, 5, time.Second, false)
	require.Equal(t, 5, s.Due)
	require.Zero(t, s.Unsent)
	require.Less(t, s.Quantile(0), 100*time.Millisecond, "the pause between two requests, 200 ms, is nobody's latency")
}

func TestAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	targeter := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.WriteHeader(http.StatusNotFound)
		case 2:
			panic(http.ErrAbortHandler)
		}
	})
	s := attack(t.Context(), targeter, 200, 200*time.Millisecond, false)
	require.Equal(t, 40, s.Due)
	require.Equal(t, s.Due, len(s.Latencies)+s.Failed+s.Wrong+s.Unsent)
	require.InDelta(t, 10, s.Wrong, 5, "404 is the client's fault")
	require.InDelta(t, 20, s.Failed, 8, "503 and no answer are the server's")
	require.NotEmpty(t, s.FirstBad)
	require.True(t, slices.IsSorted(s.Latencies))
}

func TestAHopelessRateIsGivenUp(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	targeter := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	s := attack(t.Context(), targeter, 2000, 3*time.Second, true)
	require.Zero(t, s.InTime())
	require.Less(t, n.Load(), int64(2_000), "of 6,000 requests, a tenth decides")
	require.Equal(t, 6_000, s.Due)
}

func TestAnAttackEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	targeter := serve(t, func(http.ResponseWriter, *http.Request) { cancel() })
	s := attack(ctx, targeter, 100, time.Minute, false)
	require.Less(t, s.Due, 1_000, "what was due after the end doesn't count")
	require.Zero(t, s.Unsent)
}

func TestSearchFindsTheSustainedRate(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 7, 100, 3000} {
		for _, near := range []int{1, limit, 10 * limit} {
			tried := 0
			rate := search(t.Context(), near, func(rate int) bool {
				tried++
				return rate <= limit
			})
			require.LessOrEqual(t, rate, limit)
			require.GreaterOrEqual(t, float64(rate+1)*precision, float64(limit), "near %d", near)
			require.Less(t, tried, 40)
		}
	}
	require.Zero(t, search(t.Context(), 50, func(int) bool { return false }))
}
