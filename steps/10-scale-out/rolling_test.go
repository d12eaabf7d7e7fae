package main_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const aDeploy = "Each deploy stops every instance once. Teams that lose requests by it deploy at night, and rarely."

// load is visitors who come one request after another.
type load struct {
	stopping chan struct{}
	visitors sync.WaitGroup

	mu       sync.Mutex
	requests int
	ordered  int // POSTs that were answered with 201
	failed   map[string]int
}

// visit lets so many readers and buyers come through the front until stop.
func visit(front *lab.Front, readers, buyers int, token string) *load {
	l := &load{stopping: make(chan struct{}), failed: map[string]int{}}
	for i := range readers {
		l.visitors.Go(func() { l.repeat(front, http.StatusOK, pages[i%len(pages)]) })
	}
	for range buyers {
		l.visitors.Go(func() {
			l.repeat(front, http.StatusCreated, func() *lab.Request { return lab.OrderOf(lab.OnSale, 1).As(token) })
		})
	}
	return l
}

// pages are what readers look at.
var pages = []func() *lab.Request{
	func() *lab.Request { return lab.GET("/events/%d", lab.OnSale.ID) },
	func() *lab.Request { return lab.GET("/events?limit=5") },
}

func (l *load) repeat(front *lab.Front, status int, request func() *lab.Request) {
	for {
		select {
		case <-l.stopping:
			return
		case <-time.After(2 * time.Millisecond):
		}
		r := request()
		answer := front.Send(r)
		l.mu.Lock()
		l.requests++
		switch {
		case answer.Status != status || answer.Err != nil:
			l.failed[fmt.Sprintf("%s: %s", r, ending(answer))]++
		case status == http.StatusCreated:
			l.ordered++
		}
		l.mu.Unlock()
	}
}

func ending(r *lab.Response) string {
	if r.Err != nil {
		return fmt.Sprintf("no whole answer (%v)", r.Err)
	}
	return fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status))
}

// stop ends the visits, and demands that none of them failed.
func (l *load) stop(t *testing.T, during, why string) {
	t.Helper()
	close(l.stopping)
	l.visitors.Wait()
	failed, kinds := 0, ""
	for _, kind := range slices.Sorted(maps.Keys(l.failed)) {
		failed += l.failed[kind]
		kinds += fmt.Sprintf("\n%s (%d times)", kind, l.failed[kind])
	}
	lab.Require(t, failed == 0, lab.Finding{
		Measured: fmt.Sprintf("%s, %d of %d requests failed:%s", during, failed, l.requests, kinds),
		Expected: "0 of them",
		Why:      why,
	})
}

// fillHouse makes the event on sale large enough for all who come.
func fillHouse(t *testing.T, app *lab.App) {
	t.Helper()
	_, err := app.DB().Exec(`UPDATE events SET remaining = 1000000 WHERE id = $1`, lab.OnSale.ID)
	require.NoError(t, err, "make the house larger")
}

func TestNewRequestsAreServedWhileDraining(t *testing.T) {
	t.Parallel()
	lab.Task(t, 2)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=1m"), lab.Env("REQUEST_TIMEOUT=20s"))
	token := app.LogIn(lab.Buyer)
	drain(t, app)
	time.Sleep(aMoment) // no balancer notices at once
	served := app.Burst(12, func(i int) *lab.Request {
		if i%2 == 0 {
			return lab.GET("/events/%d", lab.OnSale.ID)
		}
		return lab.OrderOf(lab.OnSale, 1).As(token)
	})
	counts := lab.CountStatuses(served)
	lab.Require(t, counts[http.StatusOK] == 6 && counts[http.StatusCreated] == 6, lab.Finding{
		Measured: "after SIGTERM, with DRAIN_DELAY=1m, GET /readyz answers 503; 6 readers and 6 buyers who came then got " + lab.Statuses(served),
		Expected: "200 OK ×6, 201 Created ×6",
		Why:      "A balancer asks every few seconds. Until it does, it knows of nothing, and sends its requests here.",
	})
	drainsByDefault(t)
}

// drainsByDefault demands that an instance drains where nobody has said for how long.
func drainsByDefault(t *testing.T) {
	t.Helper()
	const setting = "where DRAIN_DELAY isn't set and so is 5s"
	app := lab.Start(t, lab.Workers(0))
	leaves := drainFor(t, app, setting)
	select {
	case <-leaves.done:
		t.Fatal(lab.Finding{
			Measured: fmt.Sprintf("after SIGTERM, %s, GET /readyz answered 503, and %s", setting, leaves.ending()),
			Expected: "that it drains for those 5s",
			Why:      "Most of production runs with what is the default. A drain that only a test asks for is none.",
		}.String())
	case <-time.After(aMoment):
	}
}

func TestDrainingConnectionsEndWithAnAnswer(t *testing.T) {
	t.Parallel()
	lab.Task(t, 2)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=1m"), lab.Env("FAULTS=on"))
	kept := keep(t, app.Instances[0])
	status, last, err := kept.get("/events?limit=1")
	lab.Require(t, err == nil && status == http.StatusOK && !last, lab.Finding{
		Measured: fmt.Sprintf("before anybody asked the instance to leave, a request over a connection that is kept got %s", outcome(status, last, err)),
		Expected: "200, and the connection stays open",
		Why:      "A proxy that has to connect for each request pays for it with each request.",
	})
	underWay := beginHeld(t, app)
	drain(t, app)

	const why = "A proxy keeps connections, and sends the next request over one of them. When the instance closes it in that moment, the request is lost. nginx can send a GET again; an order it can't."
	status, last, err = kept.get("/events?limit=1")
	lab.Require(t, err == nil && status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("a connection was open when SIGTERM came. While the instance drains, the next request over it got %s", outcome(status, last, err)),
		Expected: "200: the proxy can't know yet",
		Why:      why,
	})
	lab.Require(t, last, lab.Finding{
		Measured: "while the instance drains, a request over a connection that is kept got " + outcome(status, last, err),
		Expected: "an answer that says that it was the last one on its connection",
		Why:      why,
		Try:      "DRAIN_DELAY=1m go tool workshop run 10     (then Ctrl-C, and in another terminal)\ncurl -si localhost:8080/healthz | grep -i ^connection",
	})
	status, last, err = underWay()
	lab.Require(t, err == nil && status == http.StatusOK && last, lab.Finding{
		Measured: fmt.Sprintf("a request that came before the signal waited for the database, and was answered while the instance drained: %s", outcome(status, last, err)),
		Expected: "200, and that it was the last one on its connection",
		Why:      why,
	})
	for _, request := range []string{
		"GET /healthz", "GET /readyz", "GET /nowhere", "DELETE /events", "GET /events/0", "GET /me", "POST /sessions", "POST /events/42/orders", "GET /metrics", "GET /faults/panic",
	} {
		method, path, _ := strings.Cut(request, " ")
		status, last, err := keep(t, app.Instances[0]).send(method, path)
		lab.Require(t, err == nil && last, lab.Finding{
			Measured: fmt.Sprintf("while the instance drains, %s over a connection that is kept got %s", request, outcome(status, last, err)),
			Expected: "an answer that says that it was the last one on its connection, whatever else it says",
			Why:      why,
		})
	}
}

// beginHeld sends a request over a connection that is kept, and holds it in the database. The returned
// function lets it go, and returns its answer.
func beginHeld(t *testing.T, app *lab.App) (answer func() (status int, last bool, err error)) {
	t.Helper()
	kept := keep(t, app.Instances[0])
	// Other looks at events aren't held: on a busy machine, the cache's answer may come too late for one.
	gate := app.Postgres.Hold(func(s lab.Statement) bool {
		return strings.Contains(strings.ToLower(s.SQL+" "+strings.Join(s.Args, " ")), "harbour")
	})
	t.Cleanup(gate.Open)
	done := make(chan struct{})
	var status int
	var last bool
	var err error
	go func() {
		defer close(done)
		status, last, err = kept.get("/events?q=harbour&limit=2")
	}()
	require.True(t, lab.Within(soon, func() bool { return gate.Hits() > 0 }), "a search is read from the database")
	return func() (int, bool, error) {
		gate.Open()
		<-done
		return status, last, err
	}
}

// kept is a connection to an instance that a proxy keeps.
type kept struct {
	conn net.Conn
	r    *bufio.Reader
}

func keep(t *testing.T, instance *lab.Instance) *kept {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(instance.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &kept{conn: conn, r: bufio.NewReader(conn)}
}

// get sends GET path over the connection. last is whether the answer says that it was
// the last one there.
func (k *kept) get(path string) (status int, last bool, err error) {
	return k.send(http.MethodGet, path)
}

// send sends a request without a body, as get does.
func (k *kept) send(method, path string) (status int, last bool, err error) {
	_ = k.conn.SetDeadline(time.Now().Add(soon))
	if _, err := fmt.Fprintf(k.conn, "%s %s HTTP/1.1\r\nHost: boxoffice\r\nContent-Length: 0\r\n\r\n", method, path); err != nil {
		return 0, false, err
	}
	answer, err := http.ReadResponse(k.r, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close, err
}

func outcome(status int, last bool, err error) string {
	switch {
	case err != nil:
		return "no answer (" + err.Error() + ")"
	case last:
		return fmt.Sprintf("%d, with Connection: close", status)
	default:
		return fmt.Sprintf("%d, and no word about the connection", status)
	}
}

func TestRollingRestartFailsNobody(t *testing.T) {
	t.Parallel()
	lab.Task(t, 2)
	app := lab.Start(t, lab.Instances(3), lab.Workers(0), lab.Env("DRAIN_DELAY=1s"), lab.Env("REQUEST_TIMEOUT=20s"))
	fillHouse(t, app)
	token := app.LogIn(lab.Buyer)
	balancer := app.Balance()
	load := visit(balancer.Front, 4, 2, token)
	for i, instance := range app.Instances {
		asked := time.Now()
		_, err := instance.Stop()
		require.NoError(t, err)
		stayed := time.Since(asked) // on a busy machine it is more, and never less
		lab.Require(t, stayed >= time.Second, lab.Finding{
			Measured: fmt.Sprintf("instance %s has DRAIN_DELAY=1s, and stands behind a balancer that asks it for /readyz every 25 ms. It was gone %.2fs after SIGTERM", instance.Name, stayed.Seconds()),
			Expected: "that it drains for DRAIN_DELAY, whoever has heard that it does",
			Why:      "A balancer believes the second or third check that fails, and there may be two balancers. Whoever hasn't heard sends requests to a closed port.",
		})
		require.NoError(t, instance.Restart())
		balancer.Await(i, true)
	}
	load.stop(t, "three instances stand behind a balancer that asks each for /readyz every 25 ms. While they were restarted, one after another, with DRAIN_DELAY=1s", aDeploy)
	lab.Require(t, countOrders(t, app) == load.ordered, lab.Finding{
		Measured: fmt.Sprintf("%d orders were answered with 201 during the restarts, and %d are in the database", load.ordered, countOrders(t, app)),
		Expected: "the same number",
		Why:      "An order without an answer is a buyer who orders again. An answer without an order is one who stands at the door.",
	})
}

// special is the event whose orders are held at a gate. It is another one than the load
// buys tickets for: a transaction that is held keeps the event's row locked.
var special = lab.FewLeft

// holdSpecial holds what writes an order for the special event.
func holdSpecial(s lab.Statement) bool {
	return lab.Writes("orders")(s) && slices.Contains(s.Args, fmt.Sprint(special.ID))
}

// busy returns the number of the instance that works on a request.
func busy(t *testing.T, app *lab.App) int {
	t.Helper()
	for i := range app.Instances {
		if app.Metrics(i).Sum("http_requests_in_flight") > 1 { // the question itself is one
			return i
		}
	}
	t.Fatal("\nNo instance says that a request is in flight (http_requests_in_flight), and one is.")
	return -1
}

func TestRollingRestartBehindNginx(t *testing.T) {
	t.Parallel()
	lab.Task(t, 2)
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			app := lab.Start(t, lab.Instances(3), lab.Workers(0), lab.Env("DRAIN_DELAY=1s"), lab.Env("SHUTDOWN_TIMEOUT=30s"), lab.Env("REQUEST_TIMEOUT=20s"))
			fillHouse(t, app)
			token := app.LogIn(lab.Buyer)
			front := proxy.Front(app, "deploy/nginx.conf")

			gate := app.Postgres.Hold(holdSpecial)
			held := front.Begin(lab.OrderOf(special, 1).As(token))
			await(t, gate.Reached())
			first := busy(t, app)
			load := visit(front, 3, 0, "")
			for k := range app.Instances {
				i := (first + k) % len(app.Instances)
				leaves := askToLeave(app.Instances[i])
				awaitDrain(app.Instances[i])
				if k == 0 {
					gate.Open()
					expectOnce(t, front, held)
				}
				<-leaves.done
				buy(t, front, token, "after an instance has left")
				require.NoError(t, app.Instances[i].Restart())
				awaitTraffic(t, front, i)
			}
			load.stop(t, "three instances stand behind nginx with deploy/nginx.conf. While they were restarted, one after another, with DRAIN_DELAY=1s", aDeploy)
		})
	}
}

// awaitDrain waits until the instance isn't ready any more, or is gone.
func awaitDrain(instance *lab.Instance) {
	for deadline := time.Now().Add(soon); time.Now().Before(deadline) && instance.Running(); {
		if get(instance.URL+"/readyz", nil) != "200" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// buy makes some orders, one after another.
func buy(t *testing.T, front *lab.Front, token, when string) {
	t.Helper()
	for range 4 {
		answer := front.Send(lab.OrderOf(lab.OnSale, 1).As(token))
		lab.Require(t, answer.Status == http.StatusCreated, lab.Finding{
			Measured: fmt.Sprintf("%s, an order through nginx ended so: %s", when, ending(answer)),
			Expected: "201 Created, from one of the other two",
			Why:      aDeploy,
		})
	}
}

// expectOnce demands that the order that was in flight was made by the instance that
// had it.
func expectOnce(t *testing.T, front *lab.Front, held *lab.Pending) {
	t.Helper()
	select {
	case <-held.Done():
	case <-time.After(soon):
	}
	sent := len(triesOf(front, http.MethodPost))
	lab.Require(t, held.Answered() && sent == 1, lab.Finding{
		Measured: fmt.Sprintf("an order was in flight when its instance got SIGTERM; nginx sent it to %d instances; it was answered: %v", sent, held.Answered()),
		Expected: "1 instance, and an answer",
		Why:      "An instance that leaves finishes what it has begun. One that doesn't leaves nginx with the choice of losing an order or making it twice.",
	})
	held.Wait(soon).Expect(http.StatusCreated, "Nothing was wrong with the order.")
}

// triesOf are the tries of requests with the method that came as far as an instance.
func triesOf(front *lab.Front, method string) (tries []lab.Record) {
	for _, record := range front.Records() {
		if record.Method == method && record.Instance >= 0 && !refused(record) {
			tries = append(tries, record)
		}
	}
	return tries
}

// refused reports whether the instance has seen nothing of a try.
func refused(r lab.Record) bool {
	// The stand-in says why it could not connect; nginx's log, that it has sent nothing.
	return r.Status == 0 && (strings.Contains(r.Err, "refused") || strings.Contains(r.Err, "no connection"))
}

// awaitTraffic waits until the proxy sends requests to an instance that has come back.
func awaitTraffic(t *testing.T, front *lab.Front, instance int) {
	t.Helper()
	since := time.Now()
	lab.Eventually(t, 30*time.Second, func() bool {
		time.Sleep(30 * time.Millisecond)
		return slices.ContainsFunc(front.Records(), func(r lab.Record) bool {
			return r.Instance == instance && r.Status == http.StatusOK && r.At.After(since)
		})
	}, lab.Finding{
		Measured: "an instance has been restarted, and nginx sends it no requests",
		Expected: "that it gets its share again",
		Why:      "A deploy that goes on now takes one instance after the other away from nginx, until none is left.",
	})
}
