package main_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// relay stands before an instance and counts the connections that come, and those that
// the proxy hasn't closed yet.
type relay struct {
	listener net.Listener
	target   string
	count    atomic.Int64
	open     atomic.Int64
}

// startRelay puts a relay in the instance's place, for those who ask for its address
// from now on.
func startRelay(t *testing.T, instance *lab.Instance) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: listener, target: strings.TrimPrefix(instance.URL, "http://")}
	instance.URL = "http://" + listener.Addr().String()
	t.Cleanup(func() { _ = listener.Close() })
	go r.accept()
	return r
}

func (r *relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.count.Add(1)
		r.open.Add(1)
		go r.pass(conn)
	}
}

func (r *relay) pass(conn net.Conn) {
	defer conn.Close()
	instance, err := net.Dial("tcp", r.target)
	if err != nil {
		r.open.Add(-1)
		return
	}
	defer instance.Close()
	var both sync.WaitGroup
	both.Go(func() {
		copyAll(instance, conn)
		r.open.Add(-1)
	})
	both.Go(func() { copyAll(conn, instance) })
	both.Wait()
}

func copyAll(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}

func TestProxyKeepsItsConnections(t *testing.T) {
	t.Parallel()
	lab.Task(t, 4)
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			app := lab.Start(t, lab.Instances(3), lab.Workers(0))
			var relays []*relay
			for _, instance := range app.Instances {
				relays = append(relays, startRelay(t, instance))
			}
			front := proxy.Front(app, "deploy/nginx.conf")
			for range 200 {
				front.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, "A reader reads.")
			}
			opened := int64(0)
			for _, r := range relays {
				opened += r.count.Load()
			}
			who := "nginx"
			if proxy.Name != who {
				who = "the " + proxy.Name + ", which does as nginx before 1.29.7,"
			}
			lab.Require(t, opened <= 30, lab.Finding{
				Measured: fmt.Sprintf("for 200 requests, one after another, %s opened %d connections to the instances", who, opened),
				Expected: "a few for each instance, at most 30 in all",
				Why:      "Each connection is a round trip before the request, a socket that lingers for a minute after it, and a port: at some 500 requests a second, nginx has none left.",
			})
			lab.Eventually(t, letsGo, func() bool { return openAt(relays) == 0 }, lab.Finding{
				Measured: fmt.Sprintf("after those requests nobody came, and %s still keeps connections to the instances", who),
				Expected: "that it lets go of an idle one in less time than DRAIN_DELAY, which is 5s by default",
				Why:      "One that is idle for the whole drain hears nothing of it. An order that goes out on it as the port closes gets a 502.",
			})
		})
	}
}

// letsGo is how long nginx may take to let go of its idle connections: DRAIN_DELAY, and as
// much again for a busy machine.
const letsGo = 10 * time.Second

func openAt(relays []*relay) (open int64) {
	for _, r := range relays {
		open += r.open.Load()
	}
	return open
}

// elsewhere is an address of this machine that isn't the proxy's.
const elsewhere = "127.0.0.2"

// clientAt returns a client that comes from the address, and skips the test where the
// machine hasn't got it.
func clientAt(t *testing.T, address string) *http.Client {
	t.Helper()
	if !isOurs(address) {
		t.Skipf("this test needs a second address of the machine itself: sudo ifconfig lo0 alias %s", address)
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: soon}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: soon}
	return client
}

// isOurs reports whether the machine has the address.
func isOurs(address string) bool {
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

var requestNumber atomic.Int64

// aPage is what visitors look at.
const aPage = "/events?limit=1"

// loggedAddress sends GET aPage with the header, and returns the client_ip that the
// instance logs for it.
func loggedAddress(t *testing.T, app *lab.App, client *http.Client, url string, header http.Header) string {
	t.Helper()
	id := fmt.Sprintf("who-is-it-%d", requestNumber.Add(1))
	request, err := http.NewRequest(http.MethodGet, url+aPage, nil)
	require.NoError(t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("X-Request-ID", id)
	answer, err := client.Do(request)
	require.NoError(t, err)
	_ = answer.Body.Close()
	lab.Eventually(t, soon, func() bool { return len(requestLines(app, id)) > 0 }, lab.Finding{
		Measured: fmt.Sprintf("no line with msg \"request\" and request_id %q came for GET %s", id, aPage),
		Expected: "one line for each request",
		Why:      "What isn't in the log can't be looked up.",
	})
	return fmt.Sprint(requestLines(app, id)[0].Fields["client_ip"])
}

func requestLines(app *lab.App, id string) (lines []lab.LogLine) {
	for _, line := range app.LogsWith("request_id", id) {
		if line.Fields["msg"] == "request" {
			lines = append(lines, line)
		}
	}
	return lines
}

// forgedAddress is who somebody would like to be.
const forgedAddress = "203.0.113.66"

// otherHeaders are those in which one proxy or platform or another tells who the client is. None
// of them is X-Forwarded-For, and whoever likes can send them.
var otherHeaders = []string{"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Appengine-Remote-Addr", "Fly-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip"}

// forged is what somebody says who would like to be somebody else.
func forged(names ...string) http.Header {
	header := http.Header{"Forwarded": {"for=" + forgedAddress}}
	for _, name := range append(names, otherHeaders...) {
		header[name] = []string{forgedAddress}
	}
	return header
}

const whoIsIt = "Limits, bans and the police go by that address. Whoever can choose it can be anybody, and can be somebody else at each request."

func TestForwardedForIsBelievedOfProxiesAlone(t *testing.T) {
	t.Parallel()
	lab.Task(t, 4)
	const proxy = "127.0.0.1"
	for _, c := range []struct {
		trusted string
		want    map[string]string // by X-Forwarded-For
	}{
		{"", map[string]string{"203.0.113.66": proxy}},
		{"10.0.0.0/8, 192.0.2.7", map[string]string{"203.0.113.66": proxy}},
		{"10.0.0.0/8,127.0.0.0/8", map[string]string{"198.51.100.7": "198.51.100.7"}},
		{"127.0.0.1", map[string]string{
			"203.0.113.66, 198.51.100.7": "198.51.100.7",
			"":                           proxy,
			// Networks that somebody may take for their own. They aren't in TRUSTED_PROXIES.
			"203.0.113.66, 10.1.2.3":    "10.1.2.3",
			"203.0.113.66, 172.20.1.7":  "172.20.1.7",
			"203.0.113.66, 192.168.7.7": "192.168.7.7",
			"203.0.113.66, 100.64.0.9":  "100.64.0.9",
			"203.0.113.66, 127.0.0.9":   "127.0.0.9",
			"203.0.113.66, fd12::7":     "fd12::7",
		}},
	} {
		app := lab.Start(t, lab.Workers(0), lab.Env("TRUSTED_PROXIES="+c.trusted))
		for _, forwarded := range slices.Sorted(maps.Keys(c.want)) {
			header := http.Header{}
			said := "no X-Forwarded-For"
			if forwarded != "" {
				header.Set("X-Forwarded-For", forwarded)
				said = "X-Forwarded-For: " + forwarded
			} else {
				header = forged() // passed on as the visitor wrote it
				said += ", but X-Real-IP: 203.0.113.66, and the same in CF-Connecting-IP and other headers"
			}
			got := loggedAddress(t, app, http.DefaultClient, app.Instances[0].URL, header)
			lab.Require(t, got == c.want[forwarded], lab.Finding{
				Measured: fmt.Sprintf("TRUSTED_PROXIES=%q; a request came from %s, with %s; its line in the log says client_ip=%s", c.trusted, proxy, said, got),
				Expected: "client_ip=" + c.want[forwarded],
				Why:      whoIsIt,
				Try:      fmt.Sprintf("TRUSTED_PROXIES='%s' go tool workshop run 10     (in another terminal)\ncurl -H 'X-Forwarded-For: %s' 'localhost:8080%s'", c.trusted, forwarded, aPage),
			})
		}
	}
}

func TestProxyTellsWhoTheClientIs(t *testing.T) {
	t.Parallel()
	lab.Task(t, 4)
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			client := clientAt(t, elsewhere)
			app := lab.Start(t, lab.Instances(3), lab.Workers(0), lab.Env("TRUSTED_PROXIES=127.0.0.1"))
			front := proxy.Front(app, "deploy/nginx.conf")
			for _, header := range []http.Header{nil, forged("X-Forwarded-For")} {
				got := loggedAddress(t, app, client, front.URL, header)
				lab.Require(t, got == elsewhere, lab.Finding{
					Measured: fmt.Sprintf("a client at %s sent a request through nginx, which is at 127.0.0.1, with X-Forwarded-For %q and the same in X-Real-IP, CF-Connecting-IP and others; TRUSTED_PROXIES=127.0.0.1; the API's log says client_ip=%s",
						elsewhere, header.Get("X-Forwarded-For"), got),
					Expected: "client_ip=" + elsewhere,
					Why:      whoIsIt,
				})
			}
			direct := loggedAddress(t, app, client, app.Instances[0].URL, forged("X-Forwarded-For"))
			lab.Require(t, direct == elsewhere, lab.Finding{
				Measured: fmt.Sprintf("a client at %s sent a request past nginx, with a forged X-Forwarded-For; TRUSTED_PROXIES=127.0.0.1; the API's log says client_ip=%s", elsewhere, direct),
				Expected: "client_ip=" + elsewhere,
				Why:      whoIsIt,
			})
		})
	}
}

// forOperators are paths of what is there for whoever runs the API, and other ways to
// write one of them.
var forOperators = []string{"/healthz", "/readyz", "/metrics", "//metrics", "/%6Detrics", "/events/../metrics", "/faults/panic"}

func TestOperatorsRoutesStayInside(t *testing.T) {
	t.Parallel()
	lab.Task(t, 4)
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		visitor := elsewhere
		if !isOurs(visitor) {
			visitor = "127.0.0.1" // nginx's own, then
		}
		client := clientAt(t, visitor)
		for _, path := range forOperators {
			answer, err := client.Get(front.URL + path)
			if err != nil {
				continue // hung up on
			}
			_ = answer.Body.Close()
			refused := answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized
			lab.Require(t, refused, lab.Finding{
				Measured: fmt.Sprintf("a visitor at %s sent GET %s through nginx, with FAULTS=on, and got %s", visitor, path, answer.Status),
				Expected: "404 or 403: who runs the API asks the instances themselves",
				Why:      "/metrics tells everybody how much you sell, and when; /readyz, when your database is down. /faults/ breaks what it is asked to.",
			})
		}
		front.Do(lab.GET(aPage)).Expect(http.StatusOK, "What is there for visitors is passed on.")
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			status := get(app.Instances[0].URL+path, nil)
			lab.Require(t, status == "200", lab.Finding{
				Measured: fmt.Sprintf("GET %s was sent to an instance directly, past nginx, and got %s", path, status),
				Expected: "200: Prometheus and the balancer's checks ask there",
				Why:      "What nobody can ask for any more doesn't wake anybody at night.",
			})
		}
	}, lab.Workers(0), lab.Env("FAULTS=on"))
}

// anAnswer is how long a reader may have to wait when an instance is frozen: longer than
// REQUEST_TIMEOUT, and much shorter than nginx's own 60 seconds.
const anAnswer = 12 * time.Second

func TestFrozenInstanceIsGivenUp(t *testing.T) {
	t.Parallel()
	lab.Task(t, 4)
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		for range 6 { // each instance has been asked before
			front.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, "A reader reads.")
		}
		app.Instances[1].Signal(syscall.SIGSTOP)
		var readers []*lab.Pending
		for range 4 {
			readers = append(readers, front.Begin(lab.GET("/events/%d", lab.OnSale.ID)))
		}
		deadline := time.After(anAnswer)
		for _, reader := range readers {
			select {
			case <-reader.Done():
			case <-deadline:
				t.Fatal(lab.Finding{
					Measured: fmt.Sprintf("one of three instances is frozen (SIGSTOP): it accepts connections and says nothing. A reader whom nginx sent there still waits after %v", anAnswer),
					Expected: "an answer from another instance, some seconds later (REQUEST_TIMEOUT is 3s)",
					Why:      "A machine that swaps or lost its disk looks like this. A third of all readers would wait, each time they click.",
				}.String())
			}
			lab.Require(t, reader.Answered() && reader.Wait(soon).Status == http.StatusOK, lab.Finding{
				Measured: "one of three instances is frozen (SIGSTOP); a reader whom nginx sent there got " + pendingStatus(reader),
				Expected: "200 OK, from another instance",
				Why:      "Two instances are left, and both can answer.",
			})
		}
	}, lab.Workers(0), lab.Env("REQUEST_TIMEOUT=3s"))
}

func TestSlowAnswersAreWaitedFor(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		token := app.LogIn(lab.Buyer)
		gate := app.Postgres.Hold(lab.Touches("orders"))
		t.Cleanup(gate.Open)
		slow := front.Begin(lab.GET("/me/orders").As(token))
		await(t, gate.Reached())
		answer := slow.Wait(anAnswer)
		lab.Require(t, answer.Status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "", lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL doesn't answer, REQUEST_TIMEOUT is 3s, and through nginx a reader got %s, Retry-After %q", described(answer), answer.Header.Get("Retry-After")),
			Expected: "the API's own 503, with Retry-After",
			Why:      "A proxy that gives up before the API does sends the same request to the next one, whose database is the same. The load doubles in the worst moment.",
		})
		tries := len(triesOf(front, http.MethodGet))
		lab.Require(t, tries == 1, lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL doesn't answer, and a reader has got the API's 503; for this one request, nginx asked %d instances", tries),
			Expected: "1: a 503 is an answer",
			Why:      "The next instance has the same database. Who repeats an overload makes it larger, and takes instances away that are all right.",
		})
	}, lab.Workers(0), lab.Env("REQUEST_TIMEOUT=3s"))
}
