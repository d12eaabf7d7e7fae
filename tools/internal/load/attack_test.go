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

// Queries a request are right only if no more requests come than are counted.
func TestAsManyRequestsComeAsAreCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate int
		d    time.Duration
		due  int
	}{
		{100, 200 * time.Millisecond, 20},
		{10, 222 * time.Millisecond, 2}, // the third would be due at 300 ms
		{10, 299 * time.Millisecond, 2},
		{300, 111 * time.Millisecond, 33},
		{1, 100 * time.Millisecond, 1}, // one comes always
	} {
		var came atomic.Int64
		targeter := serve(t, func(http.ResponseWriter, *http.Request) { came.Add(1) })
		s := attack(t.Context(), targeter, c.rate, c.d, false)
		require.Equal(t, c.due, s.Due, "%d a second for %v", c.rate, c.d)
		require.EqualValues(t, s.Due-s.Unsent, came.Load(), "%d a second for %v", c.rate, c.d)
	}
}

func TestWhatAnEndingCutsOffIsNotCounted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var came atomic.Int64
	targeter := serve(t, func(http.ResponseWriter, *http.Request) {
		if came.Add(1) == 5 {
			cancel()
		}
	})
	s := attack(ctx, targeter, 200, time.Minute, false)
	require.EqualValues(t, came.Load(), s.Due)
}

func TestInTimeIsOfAllThatWereDue(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for name, c := range map[string]struct {
		sample Sample
		want   float64
	}{
		"none was due":            {Sample{}, 0},
		"all":                     {Sample{Due: 2, Latencies: []time.Duration{ms, 99 * ms}}, 1},
		"the target itself":       {Sample{Due: 2, Latencies: []time.Duration{100 * ms, 100 * ms}}, 1},
		"a little later":          {Sample{Due: 2, Latencies: []time.Duration{100 * ms, 100*ms + 1}}, 0.5},
		"failed, refused, unsent": {Sample{Due: 4, Failed: 1, Wrong: 1, Unsent: 1, Latencies: []time.Duration{ms}}, 0.25},
	} {
		require.Equal(t, c.want, c.sample.InTime(), name)
	}
}

func TestQuantilesAreOfTheAnswered(t *testing.T) {
	t.Parallel()
	s := Sample{Due: 200, Failed: 100}
	require.Zero(t, s.Quantile(0.5), "none was answered")
	for n := range 100 {
		s.Latencies = append(s.Latencies, time.Duration(n+1)*time.Millisecond)
	}
	require.Equal(t, 51*time.Millisecond, s.Quantile(0.5))
	require.Equal(t, 100*time.Millisecond, s.Quantile(0.99))
	require.Equal(t, 100*time.Millisecond, s.Quantile(1))
}

func TestARateHoldsAt99Percent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tries []float64
		want  bool
	}{
		"just":                      {[]float64{0.99}, true},
		"a second chance, taken":    {[]float64{0.98, 0.995}, true},
		"a second chance, not":      {[]float64{0.98, 0.989}, false},
		"the edge of a second look": {[]float64{0.9, 1}, true},
		"clearly not":               {[]float64{0.899}, false},
		"clearly not at last":       {[]float64{0.95, 0.5}, false},
	} {
		tried := 0
		holds := holds(func() float64 { tried++; return c.tries[tried-1] })
		require.Equal(t, c.want, holds, name)
		require.Len(t, c.tries, tried, name)
	}
}

func TestSlowRatesAreTriedForLonger(t *testing.T) {
	t.Parallel()
	m := &run{unit: time.Second}
	require.Equal(t, time.Second, m.probe(1000))
	require.Equal(t, time.Second, m.probe(30))
	require.Equal(t, 2*time.Second, m.probe(15), "thirty requests")
	require.Equal(t, 3*time.Second, m.probe(1), "not half a minute")
}

func TestTheSearchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	search(ctx, 100, func(int) bool {
		tried++
		cancel()
		return true
	})
	require.Equal(t, 1, tried)
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
