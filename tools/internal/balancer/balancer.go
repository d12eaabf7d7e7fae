// Package balancer holds what stands before the instances of an API: a load balancer
// with active health checks, as a cloud's or Kubernetes' is, and a stand-in for nginx
// that reads its configuration. Both record each try, and repeat none unasked.
package balancer

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// CheckEvery is how often an instance is checked, unless Options say otherwise.
	CheckEvery = 25 * time.Millisecond
	// checkTimeout is how long an instance may take to answer one: Kubernetes' default.
	checkTimeout = time.Second
	// checkPath is what a health check asks for.
	checkPath = "/readyz"
	// keptConnections is how many connections to instances are kept.
	keptConnections = 512
	// connectTimeout is how long an instance may take to accept a connection.
	connectTimeout = 5 * time.Second
)

// Balancer spreads requests over those instances whose last health check was fine, one
// after another.
type Balancer struct {
	// URL is where it listens, as http://127.0.0.1:PORT.
	URL string

	retry   bool
	check   func(ctx context.Context, address string) bool
	every   time.Duration
	change  func(n int, ready bool)
	pool    pool
	records records
	stop    func()
	over    context.Context
	end     context.CancelFunc
	checks  sync.WaitGroup

	mu        sync.Mutex
	instances []*instance
	next      int           // the instance whose turn it is
	changed   chan struct{} // closed when a check has said something new
}

type instance struct {
	address string
	ready   bool
	checked chan struct{} // closed after the first check
}

// Options say how a balancer works.
type Options struct {
	// Addr is where to listen, as HOST:PORT; a free port of loopback when empty.
	Addr string
	// RetryIdempotent tries a request at the next instance when one fails before the
	// head of its answer: GET, HEAD, PUT, DELETE and OPTIONS always, any other only
	// when no connection came about, since the instance then has seen nothing of it.
	RetryIdempotent bool
	// CheckEvery is how often each instance is checked; the constant of that name when 0.
	CheckEvery time.Duration
	// Observe is told of each try, instead of its being kept for Records; one at a time.
	Observe func(Record)
	// OnChange is told when the checks of the nth instance begin to say ready, or not.
	OnChange func(n int, ready bool)

	check func(ctx context.Context, address string) bool // for tests; isReady when nil
}

// Start starts a balancer without instances.
func Start(o Options) (*Balancer, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.check == nil {
		o.check = isReady
	}
	b := &Balancer{retry: o.RetryIdempotent, check: o.check, pool: pool{size: keptConnections}, changed: make(chan struct{})}
	b.records.observe, b.change = o.Observe, o.OnChange
	b.every = cmp.Or(o.CheckEvery, CheckEvery)
	b.over, b.end = context.WithCancel(context.Background())
	address, stop, err := listen(o.Addr, http.HandlerFunc(b.serve))
	if err != nil {
		return nil, fmt.Errorf("start the balancer: %w", err)
	}
	b.URL, b.stop = "http://"+address, stop
	return b, nil
}

// Close ends the balancer, and the requests that it is busy with.
func (b *Balancer) Close() {
	b.stop()
	b.end()
	b.checks.Wait()
	b.pool.close()
}

// Add adds an instance. The channel is closed once it was checked for the first time.
func (b *Balancer) Add(address string) (checked <-chan struct{}) {
	added := &instance{address: address, checked: make(chan struct{})}
	b.mu.Lock()
	b.instances = append(b.instances, added)
	b.mu.Unlock()
	b.checks.Go(func() { b.watch(added) })
	return added.checked
}

// watch checks an instance until the balancer ends.
func (b *Balancer) watch(i *instance) {
	b.note(i, b.check(b.over, i.address))
	close(i.checked)
	ticker := time.NewTicker(b.every)
	defer ticker.Stop()
	for {
		select {
		case <-b.over.Done():
			return
		case <-ticker.C:
			b.note(i, b.check(b.over, i.address))
		}
	}
}

func (b *Balancer) note(i *instance, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i.ready == ready {
		return
	}
	i.ready = ready
	if b.change != nil {
		b.change(slices.Index(b.instances, i), ready)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// isReady checks an instance, on a connection of its own.
func isReady(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	check := &outgoing{method: http.MethodGet, target: checkPath, version: "1.1", header: http.Header{
		"Host": {address}, "User-Agent": {"balancer"}, "Connection": {"close"},
	}}
	var none pool
	r, err := none.try(ctx, address, check.method, check.send, timeouts{})
	if err != nil {
		return false
	}
	r.done(false)
	return r.StatusCode == http.StatusOK
}

// Ready reports what the last check of the nth instance said.
func (b *Balancer) Ready(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.instances[n].ready
}

// Await waits until the checks of the nth instance say ready, or not ready; the error is
// the context's.
func (b *Balancer) Await(ctx context.Context, n int, ready bool) error {
	for {
		b.mu.Lock()
		is, changed := b.instances[n].ready, b.changed
		b.mu.Unlock()
		if is == ready {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Records are the tries so far, in the order in which they were decided.
func (b *Balancer) Records() []Record { return b.records.all() }

// choose returns the ready instance whose turn it is, without those tried already; -1
// when there is none.
func (b *Balancer) choose(tried map[int]bool) (n int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.instances {
		n := b.next % len(b.instances)
		b.next = n + 1
		if i := b.instances[n]; i.ready && !tried[n] {
			return n, i.address
		}
	}
	return -1, ""
}

func (b *Balancer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := readWhole(r, 0)
	if err != nil {
		panic(http.ErrAbortHandler) // the client broke off
	}
	out := forward(r, body)
	var failed *tryError
	for tried := map[int]bool{}; ; {
		n, address := b.choose(tried)
		if n < 0 {
			b.refuse(w, r, failed)
			return
		}
		tried[n] = true
		record := Record{Method: r.Method, Path: r.RequestURI, Instance: n, Attempt: len(tried), At: time.Now()}
		var answer *reply
		if answer, failed = b.pool.try(r.Context(), address, r.Method, out.send, timeouts{connect: connectTimeout}); failed == nil {
			record.Status = answer.StatusCode
			finish(r.Context(), w, answer, &b.records, b.records.add(record))
			return
		}
		record.Err = failed.Error()
		b.records.add(record)
		if !b.again(r.Method, failed) {
			b.refuse(w, r, failed)
			return
		}
	}
}

// forward is the request as the instances get it.
func forward(r *http.Request, body []byte) *outgoing {
	header := passable(r.Header)
	header.Set("Host", r.Host)
	header.Set("X-Forwarded-For", forwardedFor(r))
	return &outgoing{
		method: r.Method, target: r.RequestURI, version: "1.1", header: header,
		body: body, hasBody: announcesBody(r),
	}
}

// refuse answers a request that no instance has answered: failed says how the last one
// that was tried failed, nil that there was none.
func (b *Balancer) refuse(w http.ResponseWriter, r *http.Request, failed *tryError) {
	if failed != nil {
		http.Error(w, "the balancer got no answer: "+failed.Error(), http.StatusBadGateway)
		return
	}
	const none = "no instance is ready"
	b.records.add(Record{Method: r.Method, Path: r.RequestURI, Instance: -1, Attempt: 1, Err: none, At: time.Now()})
	http.Error(w, "the balancer has nobody to ask: "+none, http.StatusServiceUnavailable)
}

// idempotent are the methods that may be sent twice. See RFC 9110, section 9.2.2.
var idempotent = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPut: true, http.MethodDelete: true, http.MethodOptions: true,
}

// again reports whether a request may be tried again after that.
func (b *Balancer) again(method string, failed *tryError) bool {
	return b.retry && failed.reason != left && (!failed.sent || idempotent[method])
}
