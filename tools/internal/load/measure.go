package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
)

// Options are what Measure compares, and how.
type Options struct {
	Scenario *course.Scenario
	Variants []Variant
	// Budget is about how long it may take; DefaultBudget when 0.
	Budget time.Duration
	// Progress is told in a line what happens; it may be nil.
	Progress func(line string)
}

// DefaultBudget is how long a measurement takes unless told otherwise.
const DefaultBudget = time.Minute

// run is one call of Measure.
type run struct {
	Options
	figures []*measurement.Figures
	apis    []*api
	rounds  int
	unit    time.Duration // what the budget makes of a second
}

// Measure puts the same load on all variants in turn. Rounds are interleaved, A B A B, so
// that a machine that is busy for a while doesn't decide which is better.
func Measure(ctx context.Context, o Options) (*measurement.Report, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	if err := o.Scenario.Check(measurement.Columns()); err != nil {
		return nil, err
	}
	began := time.Now()
	m := &run{Options: o}
	m.plan()
	defer func() {
		for _, a := range m.apis {
			a.close()
		}
	}()
	for _, v := range o.Variants {
		a, err := openAPI(ctx, v, o.Scenario, o.Progress)
		if err != nil {
			return nil, err
		}
		m.apis = append(m.apis, a)
		m.figures = append(m.figures, &measurement.Figures{Name: v.Name, Against: v.Against})
	}
	if err := m.count(ctx); err != nil {
		return nil, err
	}
	if o.Scenario.Deploy == 0 {
		if err := m.sustained(ctx); err != nil {
			return nil, err
		}
	}
	return &measurement.Report{
		Versions: versions(ctx, m.apis[0].servers),
		Scenario: *o.Scenario, Figures: m.figures, Rounds: m.rounds,
		Machine: machine(), Date: began, Took: time.Since(began),
	}, nil
}

// What a round takes for each variant, in units: the steady rate, and about so many probes
// of other rates.
const (
	steadyUnits = 2
	probeUnits  = 7
)

// shortestUnit is for tests: people want more than a few requests.
const shortestUnit = 100 * time.Millisecond

// plan makes rounds and units of the budget.
func (m *run) plan() {
	m.rounds = 3
	units := len(m.Variants) * m.rounds * (steadyUnits + probeUnits)
	m.unit = min(max(m.Budget/time.Duration(units), shortestUnit), 2*time.Second)
}

// count reads latencies and counts at the steady rate, through the taps.
func (m *run) count(ctx context.Context) error {
	var fleets []*running
	defer func() {
		for _, f := range fleets {
			f.stop()
		}
	}()
	for n := 0; n < len(m.apis); {
		f, err := m.apis[n].start(ctx, max(m.Scenario.Deploy, 1), false)
		if m.leaveOut(n, err) {
			continue
		}
		if err != nil {
			return err
		}
		fleets = append(fleets, f)
		n++
		f.attack(ctx, m.Scenario.Steady, m.unit, false) // warms caches, pools and plans
	}
	for round := range m.rounds {
		for n, f := range fleets {
			r, err := m.steady(ctx, f, m.figures[n])
			if err != nil {
				return err
			}
			m.figures[n].Rounds = append(m.figures[n].Rounds, r)
			m.Progress(fmt.Sprintf("%s, round %d of %d: %d requests a second, half of them within %.1f ms",
				f.api.Name, round+1, m.rounds, m.Scenario.Steady, r.P50))
		}
	}
	for n, f := range fleets {
		f.stop()
		use(m.figures[n], f)
	}
	fleets = nil
	return nil
}

// leaveOut drops a starter that can't answer yet: in the first step, that is what the
// learner adds.
func (m *run) leaveOut(n int, err error) bool {
	var down *StartError
	if !errors.As(err, &down) || !down.Answers || m.apis[n].Name != "starter" {
		return false
	}
	m.Progress("starter is left out: it " + down.What)
	m.apis[n].close()
	m.apis, m.figures = slices.Delete(m.apis, n, n+1), slices.Delete(m.figures, n, n+1)
	return true
}

// steady is a round at the steady rate. What it counted is added to the figures.
func (m *run) steady(ctx context.Context, f *running, figures *measurement.Figures) (*measurement.Round, error) {
	postgres, redis := f.api.backing.Postgres.Stats(), f.api.backing.Redis.Stats()
	sample, err := m.sample(ctx, f)
	if err != nil {
		return nil, err
	}
	counted := f.api.backing.Postgres.Stats()
	figures.Connections = counted.Connections
	tally(figures, sample, counted.Since(postgres), f.api.backing.Redis.Stats().Since(redis))
	return &measurement.Round{
		P50: milliseconds(sample.Quantile(0.50)),
		P95: milliseconds(sample.Quantile(0.95)),
		P99: milliseconds(sample.Quantile(0.99)),
	}, nil
}

// tally adds a sample to the figures, and what the taps counted meanwhile: for each request that
// was sent, since one that never left costs nothing.
func tally(figures *measurement.Figures, sample Sample, postgres pgtap.Stats, redis redistap.Stats) {
	before := float64(figures.Sent())
	figures.Requests += sample.Due
	figures.Failed += sample.Failed + sample.Unsent
	figures.Unsent += sample.Unsent
	figures.Wrong += sample.Wrong
	figures.FirstBad = cmp.Or(figures.FirstBad, sample.FirstBad)
	sent := float64(max(figures.Sent(), 1))
	mean := func(old *float64, n int) { *old = (*old*before + float64(n)) / sent }
	mean(&figures.Queries, postgres.Queries)
	mean(&figures.Rows, postgres.Rows)
	mean(&figures.Bytes, postgres.Bytes+postgres.Sent)
	mean(&figures.Commands, redis.Commands)
}

// sample lets requests come at the steady rate: for some units, or as long as a deployment
// takes.
func (m *run) sample(ctx context.Context, f *running) (Sample, error) {
	if m.Scenario.Deploy == 0 {
		return f.attack(ctx, m.Scenario.Steady, steadyUnits*m.unit, false), ctx.Err()
	}
	under, done := context.WithCancel(ctx)
	defer done()
	deployed := make(chan error, 1)
	go func() {
		defer done()
		deployed <- f.deploy(ctx)
	}()
	sample := f.attack(under, m.Scenario.Steady, longestDeployment, false)
	return sample, <-deployed
}

// longestDeployment ends the load of one that goes wrong.
const longestDeployment = 2 * time.Minute

// use adds what the operating system says that a fleet used.
func use(figures *measurement.Figures, f *running) {
	cpu, memory := f.used()
	figures.CPU = milliseconds(cpu) / float64(max(figures.Sent(), 1))
	figures.Memory = float64(memory) / (1 << 20)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sustained finds the rate that each API sustains, without taps.
func (m *run) sustained(ctx context.Context) error {
	var fleets []*running
	defer func() {
		for _, f := range fleets {
			f.stop()
		}
	}()
	for _, a := range m.apis {
		f, err := a.start(ctx, 1, true)
		if err != nil {
			return err
		}
		fleets = append(fleets, f)
	}
	near := make([]int, len(fleets))
	for round := range m.rounds {
		for n, f := range fleets {
			if near[n] == 0 {
				near[n] = m.guess(ctx, f)
			}
			rate := search(ctx, near[n], func(rate int) bool { return m.sustains(ctx, f, rate) })
			if err := ctx.Err(); err != nil {
				return err
			}
			near[n] = max(rate, 1)
			m.figures[n].Rounds[round].Sustained = float64(rate)
			m.Progress(fmt.Sprintf("%s, round %d of %d: sustains %d requests a second", f.api.Name, round+1, m.rounds, rate))
		}
	}
	return nil
}

// guess is about the rate that an API sustains: a part of what it gives a few clients who
// don't pause. It warms it, too.
func (m *run) guess(ctx context.Context, f *running) int {
	const part = 0.6
	n, took := flood(ctx, f.api.mix.targeter(f.address, f.api.tokens), m.unit)
	return max(int(part*float64(n)/took.Seconds()), 1)
}

const (
	// precision is how near to each other a rate that was sustained and one that was not
	// are at the end of the search.
	precision = 1.1
	// stride is by how much rates differ until the search has one of each.
	stride = 1.4
)

// search finds the highest rate that is sustained, from one near it. It is 0 when not even
// one request a second is answered in time.
func search(ctx context.Context, near int, sustains func(rate int) bool) int {
	low, high := 0, 0 // sustained, and not
	for rate := near; low == 0 || high == 0; {
		if ctx.Err() != nil {
			return 0
		}
		if sustains(rate) {
			low = rate
			rate = max(int(float64(rate)*stride), rate+1)
			continue
		}
		if rate == 1 {
			return 0
		}
		high = rate
		rate = max(int(float64(rate)/stride), 1)
	}
	for float64(high) > float64(low)*precision && high-low > 1 && ctx.Err() == nil {
		rate := max(int(math.Sqrt(float64(low)*float64(high))), low+1)
		if sustains(rate) {
			low = rate
		} else {
			high = rate
		}
	}
	return low
}

// fewest is how many requests a probe has at least: of fewer, one that is late decides.
const fewest = 30

// sustains tries a rate.
func (m *run) sustains(ctx context.Context, f *running, rate int) bool {
	return holds(func() float64 {
		s := f.attack(ctx, rate, m.probe(rate), true)
		return s.InTime()
	})
}

// probe is how long a rate is tried.
func (m *run) probe(rate int) time.Duration {
	return max(m.unit, min(fewest*time.Second/time.Duration(rate), 3*m.unit))
}

// holds decides by the part of the requests that a try served in time. One failure that isn't a
// clear one gets a second chance: the machine may have been busy with something else.
func holds(try func() float64) bool {
	for range 2 {
		inTime := try()
		if inTime >= measurement.Served {
			return true
		}
		if inTime < clearly {
			return false
		}
	}
	return false
}
