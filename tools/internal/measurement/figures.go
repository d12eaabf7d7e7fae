package measurement

import (
	"slices"
	"time"
)

const (
	// Target is how soon after it was due a request has to be answered to count as served.
	Target = 100 * time.Millisecond
	// Served is the part of all requests that has to be served at a sustained rate.
	Served = 0.99
)

// Round is what one round measured of an API in time, which varies with what else the
// machine does. The figures of an API are the medians of its rounds.
type Round struct {
	// Sustained is the highest rate, in requests a second, at which 99 % of the requests were
	// answered well within 100 ms of being due; 0 when none was. Not for a deployment.
	Sustained float64 `json:"sustained"`
	// P50, P95 and P99 are latencies at the steady rate, in milliseconds.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

// Figures are what was measured of one API. Counts are of one request that was sent, on
// average.
type Figures struct {
	Name string `json:"name"`
	// Against is the name of the API that it is compared with; "" for none.
	Against string   `json:"against,omitempty"`
	Rounds  []*Round `json:"rounds"`
	// Requests came at the steady rate, and Failed of them got a server's error or no
	// answer, Wrong of them a client's error, such as 404.
	Requests int    `json:"requests"`
	Failed   int    `json:"failed"`
	Wrong    int    `json:"wrong"`
	FirstBad string `json:"first_bad,omitempty"`
	// Unsent of the Failed never left, since all clients still waited.
	Unsent int `json:"unsent,omitempty"`
	// Queries, Rows and Bytes went over the wire to PostgreSQL, for a request.
	Queries float64 `json:"queries"`
	Rows    float64 `json:"rows"`
	Bytes   float64 `json:"bytes"`
	// Connections to PostgreSQL were opened in all, warm-up included.
	Connections int `json:"connections"`
	// Commands went to Redis, for a request.
	Commands float64 `json:"commands"`
	// CPU is what the API took for a request, its start included, in milliseconds.
	CPU float64 `json:"cpu_ms"`
	// Memory is the largest resident set of an instance, in MiB.
	Memory float64 `json:"memory_mib"`
}

// Sent is how many requests came to the API.
func (f *Figures) Sent() int { return f.Requests - f.Unsent }

// SustainedRate is the median of the rounds' rates.
func (f *Figures) SustainedRate() float64 { return f.median((*Round).sustained) }

func (r *Round) sustained() float64 { return r.Sustained }
func (r *Round) p50() float64       { return r.P50 }
func (r *Round) p95() float64       { return r.P95 }
func (r *Round) p99() float64       { return r.P99 }

// sorted are the values of all rounds, the smallest first.
func (f *Figures) sorted(value func(*Round) float64) []float64 {
	var values []float64
	for _, r := range f.Rounds {
		values = append(values, value(r))
	}
	slices.Sort(values)
	return values
}

func (f *Figures) median(value func(*Round) float64) float64 {
	values := f.sorted(value)
	if len(values) == 0 {
		return 0
	}
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
