package main_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const (
	// soon is how long the tests wait for what takes an instant on an idle machine.
	soon = 10 * time.Second
	// aMoment is how long they watch whether something happens that must not.
	aMoment = 400 * time.Millisecond
)

// leaving is a process that was asked to leave.
type leaving struct {
	process *lab.Instance
	done    chan struct{}
	code    int // valid once done is closed
	err     error
}

// askToLeave sends SIGTERM and waits in the background.
func askToLeave(process *lab.Instance) *leaving {
	l := &leaving{process: process, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.code, l.err = process.Stop()
	}()
	return l
}

// name is how the tests call a process.
func name(process *lab.Instance) string {
	if process.URL == "" {
		return "worker " + process.Name
	}
	return "instance " + process.Name
}

// cleanly demands that the process ends by itself, with exit code 0.
func (l *leaving) cleanly(t *testing.T) {
	t.Helper()
	<-l.done
	lab.Require(t, l.err == nil && l.code == 0, lab.Finding{
		Measured: "after SIGTERM, " + l.ending(),
		Expected: "that it ends by itself, with exit code 0",
		Why:      "Whoever stops it, be it Kubernetes, systemd or docker stop, kills what doesn't leave, and pages somebody about what leaves with an error.",
		Try:      "go tool workshop run 10     (then Ctrl-C, and echo $?)",
	})
}

// ending tells how the process has ended, or that it hasn't.
func (l *leaving) ending() string {
	switch {
	case l.err != nil:
		return l.err.Error()
	case l.code < 0:
		return fmt.Sprintf("%s was ended by the signal on the spot", name(l.process))
	default:
		return fmt.Sprintf("%s ended with exit code %d", name(l.process), l.code)
	}
}

// stays demands that the process is still there after a moment, busy with what.
func (l *leaving) stays(t *testing.T, what, why string) {
	t.Helper()
	select {
	case <-l.done:
		t.Fatal(lab.Finding{
			Measured: fmt.Sprintf("with %s, SIGTERM came, and %s", what, l.ending()),
			Expected: "that it is finished first",
			Why:      why,
		}.String())
	case <-time.After(aMoment):
	}
}

// awaitStatus waits until GET path on the first instance answers with the status.
func awaitStatus(t *testing.T, app *lab.App, path string, status int, f lab.Finding) {
	t.Helper()
	last := ""
	deadline := time.Now().Add(soon)
	for {
		answer := get(app.Instances[0].URL+path, nil)
		last = answer
		if answer == fmt.Sprint(status) {
			return
		}
		if !app.Instances[0].Running() {
			last += "\nThe instance has ended."
		}
		if time.Now().After(deadline) || !app.Instances[0].Running() {
			f.Measured += last
			t.Fatal(f.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// get asks on a connection of its own, and returns the status or the error as text.
func get(address string, header http.Header) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon}
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err.Error()
	}
	if header != nil {
		request.Header = header
	}
	answer, err := client.Do(request)
	if err != nil {
		return "no answer: " + err.Error()
	}
	_ = answer.Body.Close()
	return fmt.Sprint(answer.StatusCode)
}

// portOpen reports whether the instance accepts connections.
func portOpen(instance *lab.Instance) bool {
	address, err := url.Parse(instance.URL)
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", address.Host, soon)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// drain sends SIGTERM to the first instance, which has DRAIN_DELAY=1m, and waits until its
// readiness says so.
func drain(t *testing.T, app *lab.App) *leaving {
	t.Helper()
	return drainFor(t, app, "with DRAIN_DELAY=1m")
}

// drainFor does the same with an instance of another setting.
func drainFor(t *testing.T, app *lab.App, setting string) *leaving {
	t.Helper()
	leaves := askToLeave(app.Instances[0])
	awaitStatus(t, app, "/readyz", http.StatusServiceUnavailable, lab.Finding{
		Measured: "after SIGTERM, " + setting + ", GET /readyz on a connection of its own answered: ",
		Expected: "503 from the first moment on, for as long as the instance drains",
		Why:      "A balancer that isn't told goes on sending requests to an instance that is about to leave.",
		Try:      "DRAIN_DELAY=1m go tool workshop run 10     (then Ctrl-C, and in another terminal)\ncurl -i localhost:8080/readyz",
	})
	return leaves
}

func TestReadinessTurnsFirst(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=1m"))
	app.Do(lab.GET("/readyz")).Expect(http.StatusOK, "An instance that isn't ready gets no requests.")
	drain(t, app)
	alive := get(app.Instances[0].URL+"/healthz", nil)
	lab.Require(t, alive == "200", lab.Finding{
		Measured: "while it drains, GET /healthz answered: " + alive,
		Expected: "200: it wants no more requests, and it is alive",
		Why:      "Kubernetes kills what isn't alive. The requests in flight would go with it.",
	})
}

func TestRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=50ms"), lab.Env("REQUEST_TIMEOUT=40s"), lab.Env("SHUTDOWN_TIMEOUT=40s"))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Work) // its first statement: the rest is still to come
	order := app.Begin(lab.OrderOf(lab.OnSale, 2).As(token))
	await(t, gate.Reached())

	leaves := askToLeave(app.Instances[0])
	const why = "The buyer's card may be charged already. Who gets no answer doesn't know, and orders again."
	leaves.stays(t, "an order in flight", why)
	lab.Eventually(t, soon, func() bool { return !portOpen(app.Instances[0]) || !app.Instances[0].Running() }, lab.Finding{
		Measured: "after SIGTERM and DRAIN_DELAY=50ms, the port still accepts connections",
		Expected: "that nobody new gets in",
		Why:      "An instance that takes new requests for ever never gets to leave.",
	})
	leaves.stays(t, "an order in flight and the port closed", why)
	gate.Open()
	select {
	case <-order.Done():
	case <-time.After(soon):
	}
	var answer *lab.Response
	if order.Answered() {
		answer = order.Wait(soon)
	}
	lab.Require(t, answer != nil && answer.Status == http.StatusCreated, lab.Finding{
		Measured: "an order was in flight when SIGTERM came; PostgreSQL then took it, and the buyer got " + described(answer),
		Expected: "201: nothing was wrong with the order",
		Why:      why,
	})
	leaves.cleanly(t)
	lab.Require(t, countOrders(t, app) == 1, lab.Finding{
		Measured: fmt.Sprintf("the order was answered with 201, and %d orders are in the database", countOrders(t, app)),
		Expected: "1",
		Why:      why,
	})
}

func described(r *lab.Response) string {
	switch {
	case r == nil:
		return "no answer"
	case r.Status == 0:
		return fmt.Sprintf("no answer (%v)", r.Err)
	default:
		return fmt.Sprintf("%d %s", r.Status, r.Body)
	}
}

// await waits for what the test itself has set up to happen.
func await(t *testing.T, reached <-chan struct{}) {
	t.Helper()
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		t.Fatal("\nNothing came to the gate of this test within 30s: the request that it holds never got as far as its statement or its mail.")
	}
}

// countOrders counts the orders of the buyer's for the event on sale.
func countOrders(t *testing.T, app *lab.App) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`
		SELECT count(*) FROM orders JOIN users ON users.id = user_id WHERE event_id = $1 AND email = $2`,
		lab.OnSale.ID, lab.Buyer.Email).Scan(&n), "count the orders")
	return n
}

func TestIdleInstanceLeavesCleanly(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=50ms"))
		app.Do(lab.GET("/events?limit=1")).Expect(http.StatusOK, "It serves before it leaves.")
		if signal == syscall.SIGINT {
			app.Instances[0].Signal(signal)
			select {
			case <-app.Instances[0].Exited():
			case <-time.After(soon):
			}
		}
		// Of a process that is gone, Stop tells how it ended.
		leaves := askToLeave(app.Instances[0])
		leaves.cleanly(t)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=1m"), lab.Env("SHUTDOWN_TIMEOUT=1m"), lab.Env("REQUEST_TIMEOUT=1m"))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Writes("orders"))
	app.Begin(lab.OrderOf(lab.OnSale, 2).As(token))
	await(t, gate.Reached())
	drain(t, app)
	lab.Require(t, endsWhenAskedAgain(app.Instances[0]), lab.Finding{
		Measured: fmt.Sprintf("the instance drains after SIGTERM; then more of them came, and it is still there after %v", soon),
		Expected: "that a second signal ends it, whatever it is doing",
		Why:      "Who presses Ctrl-C twice means it. The next thing that they know is kill -9.",
		Try:      "DRAIN_DELAY=1m go tool workshop run 10     (then Ctrl-C twice)",
	})
	require.NoError(t, app.Instances[0].Restart())
	awaitStatus(t, app, "/readyz", http.StatusOK, lab.Finding{
		Measured: "the instance was ended in the middle of its drain and started again; now GET /readyz answers: ",
		Expected: "200: that it was about to leave has ended with its process",
		Why:      "What an instance leaves behind on its disk is there when it comes back. No balancer ever sends it a request again, and each deploy adds one more such instance.",
	})
}

// endsWhenAskedAgain sends SIGTERM until the instance has ended. (Not SIGINT, which whoever
// started the tests may have had ignored.) One that has just begun to drain may not
// have given up its hold on signals yet.
func endsWhenAskedAgain(instance *lab.Instance) bool {
	for deadline := time.Now().Add(soon); time.Now().Before(deadline); {
		instance.Signal(syscall.SIGTERM)
		select {
		case <-instance.Exited():
			return true
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

func TestEndlessRequestDoesNotKeepIt(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=1s"), lab.Env("SHUTDOWN_TIMEOUT=1s"), lab.Env("REQUEST_TIMEOUT=5m"))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Writes("orders"))
	app.Begin(lab.OrderOf(lab.OnSale, 2).As(token))
	await(t, gate.Reached())
	asked := time.Now()
	leaves := askToLeave(app.Instances[0])
	leaves.stays(t, "a request in flight and SHUTDOWN_TIMEOUT=1s", "A request that was taken is a promise, for as long as SHUTDOWN_TIMEOUT says.")
	<-leaves.done
	lab.Require(t, leaves.err == nil, lab.Finding{
		Measured: "with a request in flight that never ends, SHUTDOWN_TIMEOUT=1s and SIGTERM, " + leaves.ending(),
		Expected: "that it ends a little after SHUTDOWN_TIMEOUT, whatever is left",
		Why:      "One request that hangs would hold up the deploy, until somebody kills the instance with all that it has.",
	})
	stayed := time.Since(asked) // on a busy machine it is more, and never less
	lab.Require(t, stayed >= 2*time.Second, lab.Finding{
		Measured: fmt.Sprintf("a request was in flight with DRAIN_DELAY=1s and SHUTDOWN_TIMEOUT=1s; %.1fs after SIGTERM, %s", stayed.Seconds(), leaves.ending()),
		Expected: "that it stays for 2s: the port is closed after DRAIN_DELAY, and what is in flight then has all of SHUTDOWN_TIMEOUT",
		Why:      "With a drain as long as SHUTDOWN_TIMEOUT, each request that is in flight when the port closes would be cut off.",
	})
}

// A port that is taken is the first thing that goes wrong with a deploy. It has nothing
// to do with signals, and gets lost in code that waits for one.
func TestPortInUseIsAnError(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0), lab.Env("DRAIN_DELAY=50ms"))
	instance := app.Instances[0]
	_, err := instance.Stop()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", strings.TrimPrefix(instance.URL, "http://"))
	require.NoError(t, err, "take the instance's port")
	defer listener.Close()
	_ = instance.Restart() // it may take whoever listens there for the instance
	const why = "An instance that can't listen and says nothing looks like one that is starting. Nobody restarts it, and nobody is told."
	select {
	case <-instance.Exited():
	case <-time.After(soon):
		t.Fatal(lab.Finding{
			Measured: fmt.Sprintf("another program had the instance's port; %v later the instance is still there, and listens nowhere", soon),
			Expected: "that it ends, with an error",
			Why:      why,
		}.String())
	}
	code, err := instance.Stop() // of a process that is gone, it tells how it ended
	require.NoError(t, err)
	lab.Require(t, code > 0, lab.Finding{
		Measured: fmt.Sprintf("another program had the instance's port, and the instance ended with exit code %d", code),
		Expected: "another exit code than 0",
		Why:      why,
	})
}
