// Package load measures an API from outside, as clients meet it: requests come at a rate
// of their own, whether or not the answers before them have come (an open loop), so that
// waiting shows. It finds the rate that an API sustains, reads latencies at a steady
// rate, and counts at the taps what that costs.
package load

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"example.com/boxoffice/tools/internal/measurement"
)

const (
	// clearly is the part below which a rate isn't sustained, and no second look is needed.
	clearly = 0.9
	// clients is how many requests are on their way at once, at most. More than these
	// would measure the clients: one machine runs them, the API and its database.
	clients = 64
	// patience is how long a client waits for an answer.
	patience = 5 * time.Second
)

// Sample is what became of requests that came at one rate.
type Sample struct {
	Rate      float64         // arrivals a second
	Due       int             // how many were to come
	Latencies []time.Duration // of those that were answered well, since they were due; sorted
	Failed    int             // answered with a server's error, or not at all
	Wrong     int             // answered with a client's error
	Unsent    int             // never left, since all clients still waited
	FirstBad  string          // what the first of Failed or Wrong was
}

// InTime is the part of the requests due that were answered well within [measurement.Target].
func (s *Sample) InTime() float64 {
	if s.Due == 0 {
		return 0
	}
	n, _ := slices.BinarySearch(s.Latencies, measurement.Target+1)
	return float64(n) / float64(s.Due)
}

// Quantile is the latency that a part q of the answered requests stayed within; 0 if none was.
func (s *Sample) Quantile(q float64) time.Duration {
	if len(s.Latencies) == 0 {
		return 0
	}
	return s.Latencies[min(int(q*float64(len(s.Latencies))), len(s.Latencies)-1)]
}

// dueTimes paces requests evenly and remembers when it began, from which follows when each
// was due. Vegeta itself reads a latency from when a request is sent, which leaves out what
// it waited for a client to be free.
type dueTimes struct {
	vegeta.ConstantPacer
	due   int           // how many requests
	end   time.Duration // when the last of them is due
	began atomic.Int64  // Unix time in ns; 0 before the first request
}

// lateness is how long after the last one was due requests may still be sent. What isn't sent
// by then will not be answered in time, either.
const lateness = time.Second

// Pace implements vegeta.Pacer.
func (d *dueTimes) Pace(elapsed time.Duration, hits uint64) (wait time.Duration, stop bool) {
	d.began.CompareAndSwap(0, time.Now().Add(-elapsed).UnixNano())
	if hits >= uint64(d.due) || elapsed > d.end+lateness {
		return 0, true
	}
	return d.ConstantPacer.Pace(elapsed, hits)
}

// lateBy is how much later than due a request was sent.
func (d *dueTimes) lateBy(r *vegeta.Result) time.Duration {
	due := d.began.Load() + int64(float64(r.Seq+1)/float64(d.Freq)*float64(time.Second)) // the first one, an interval after the beginning
	return max(time.Duration(r.Timestamp.UnixNano()-due), 0)
}

// attack lets requests come at a rate for a time, or until ctx ends. With giveUp it ends as
// soon as it is clear that the rate can't be sustained.
func attack(ctx context.Context, targeter vegeta.Targeter, rate int, d time.Duration, giveUp bool) Sample {
	s := Sample{Rate: float64(rate), Due: max(int(float64(rate)*d.Seconds()), 1)}
	pacer := &dueTimes{ConstantPacer: vegeta.ConstantPacer{Freq: rate, Per: time.Second}, due: s.Due, end: d}
	attacker := vegeta.NewAttacker(vegeta.Workers(clients), vegeta.MaxWorkers(clients), vegeta.Connections(clients),
		vegeta.Timeout(patience), vegeta.Redirects(vegeta.NoFollow))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	sent, late := 0, 0
	for r := range attacker.Attack(targeter, pacer, 0, "") {
		sent++
		latency := r.Latency + pacer.lateBy(r)
		switch {
		case r.Code >= 200 && r.Code < 400:
			s.Latencies = append(s.Latencies, latency)
		case r.Code >= 400 && r.Code < 500:
			s.Wrong++
		default:
			s.Failed++
		}
		if r.Code < 200 || r.Code >= 400 {
			if s.FirstBad == "" {
				s.FirstBad = r.Method + " " + r.URL + ": " + r.Error
			}
			latency = patience
		}
		if latency > measurement.Target {
			late++
		}
		if giveUp && float64(late) > (1-clearly)*float64(s.Due) {
			attacker.Stop()
		}
	}
	if ctx.Err() != nil {
		s.Due = sent // whoever ended it early wanted no more
	}
	s.Unsent = max(s.Due-sent, 0)
	slices.Sort(s.Latencies)
	return s
}

// flood lets a few clients ask without a pause, and tells how many answers came.
func flood(ctx context.Context, targeter vegeta.Targeter, d time.Duration) (answers int, took time.Duration) {
	const few = 8
	attacker := vegeta.NewAttacker(vegeta.Workers(few), vegeta.MaxWorkers(few), vegeta.Connections(few),
		vegeta.Timeout(patience), vegeta.Redirects(vegeta.NoFollow))
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	began := time.Now()
	for r := range attacker.Attack(targeter, vegeta.ConstantPacer{}, d, "") {
		if r.Code >= 200 && r.Code < 400 {
			answers++
		}
	}
	return answers, time.Since(began)
}
