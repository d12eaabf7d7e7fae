package lab

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/balancer"
)

// Record is one try of a balancer or a proxy to have a request answered.
type Record = balancer.Record

// Front is one address before all instances of an API. It is gone when the test ends.
type Front struct {
	// URL is where it listens, as http://127.0.0.1:PORT.
	URL string

	app      *App
	name     string // such as "the balancer"
	records  func() []Record
	answered func() // told of each answer that a client has
}

// Do sends the request through the front and returns the answer. Without an answer, the
// test ends with a finding.
func (f *Front) Do(r *Request) *Response {
	f.app.t.Helper()
	return f.app.Do(r.through(f))
}

// Send sends the request through the front, and never ends the test: a request without
// an answer has Err set and the status 0. It may be called from any goroutine.
func (f *Front) Send(r *Request) *Response { return f.app.send(r.through(f)) }

// Begin sends a request in the background. It is given up when the test ends.
func (f *Front) Begin(r *Request) *Pending { return f.app.Begin(r.through(f)) }

// Burst sends n requests at the same moment, as [App.Burst] does.
func (f *Front) Burst(n int, request func(i int) *Request) []*Response {
	return f.app.Burst(n, func(i int) *Request { return request(i).through(f) })
}

// Records are the tries so far: one for each instance that a request was sent to.
func (f *Front) Records() []Record { return f.records() }

// noAnswer tells why a request has no answer, or half of one.
func (f *Front) noAnswer(r *Response) Finding {
	finding := Finding{
		Measured: fmt.Sprintf("%s got no whole answer through %s: %v", r.request, f.name, r.Err),
		Expected: "an answer, whatever it says",
		Why:      "A client that gets no answer doesn't know whether its order went through, and asks again.",
		Try:      r.Curl(),
	}
	if records := f.Records(); len(records) > 0 {
		finding.Measured += fmt.Sprintf("\nThe last that it tried: %s", records[len(records)-1])
	}
	return finding
}

// Balancer stands before all instances of an API, as a cloud's or Kubernetes' does: it
// asks each for GET /readyz every 25 ms, and passes requests on to those that answered
// 200, one after another. It knows instances over restarts, and those that
// [App.StartInstance] adds.
//
// Without a ready instance, it answers 503; when an instance gives no answer, and the
// request isn't tried again, 502. It keeps its connections to the instances, so a
// request can be lost on one that its instance closes in that moment.
type Balancer struct {
	*Front

	balancer *balancer.Balancer
}

// BalancerOption changes how a [Balancer] works.
type BalancerOption func(*balancer.Options)

// RetryIdempotent tries a request at the next instance when one fails before the head of
// its answer: GET, HEAD, PUT, DELETE and OPTIONS always, POST and PATCH only when the
// connection was refused, since then nothing was sent.
func RetryIdempotent(o *balancer.Options) { o.RetryIdempotent = true }

// Balance starts a balancer before all instances. It returns once each was checked for
// the first time.
func (a *App) Balance(options ...BalancerOption) *Balancer {
	a.t.Helper()
	var o balancer.Options
	for _, option := range options {
		option(&o)
	}
	started, err := balancer.Start(o)
	if err != nil {
		a.t.Fatal(setupFailure(err))
	}
	a.t.Cleanup(started.Close)
	var checks sync.WaitGroup
	for _, instance := range a.Instances {
		added := started.Add(instance.host())
		checks.Go(func() { <-added })
	}
	checks.Wait()
	b := &Balancer{balancer: started}
	b.Front = &Front{URL: started.URL, app: a, name: "the balancer", records: started.Records, answered: func() {}}
	a.balancers = append(a.balancers, b)
	return b
}

// Ready reports what the last check of the nth instance, counted from 0, said.
func (b *Balancer) Ready(i int) bool { return b.balancer.Ready(i) }

// awaitReadiness is how long Await waits.
const awaitReadiness = 30 * time.Second

// Await waits until the checks of the nth instance, counted from 0, say ready, or not
// ready, and ends the test with a finding when that takes longer than 30 seconds.
func (b *Balancer) Await(i int, ready bool) {
	b.app.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), awaitReadiness)
	defer cancel()
	if b.balancer.Await(ctx, i, ready) == nil {
		return
	}
	b.app.troubled.Store(true)
	name := b.app.Instances[i].Name
	f := Finding{
		Measured: fmt.Sprintf("instance %s isn't ready after %v: GET /readyz doesn't answer 200", name, awaitReadiness),
		Expected: "200 OK, as soon as it can serve",
		Why:      "A balancer sends nobody to an instance that isn't ready: it runs, and takes no load off the others.",
		Try:      runCommand() + "     (in another terminal)\ncurl -i localhost:8080/readyz",
	}
	if !ready {
		f.Measured = fmt.Sprintf("instance %s is still ready after %v: GET /readyz answers 200", name, awaitReadiness)
		f.Expected = "another status, or no answer"
		f.Why = "A balancer goes on sending requests to an instance that says that it is ready."
	}
	b.app.t.Fatal(f.String())
}

// StartInstance starts one more process of the API, beside the others and like them. The
// balancers of the app check it at once.
func (a *App) StartInstance() *Instance {
	a.t.Helper()
	instance := a.newInstance(a.Instances[0].member.Role.Env)
	if err := instance.start(); err != nil {
		a.t.Fatal(bootFailure(err))
	}
	a.Instances = append(a.Instances, instance)
	for _, b := range a.balancers {
		<-b.balancer.Add(instance.host())
	}
	return instance
}
