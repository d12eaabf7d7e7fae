package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

const (
	readTimeout = "READ_TIMEOUT=500ms"
	// patience is how long the tests wait for what READ_TIMEOUT or IDLE_TIMEOUT
	// should have done.
	patience = 3 * time.Second
	// dripping is the pause between two bytes of a slow client. A request at that
	// pace takes minutes.
	dripping = 50 * time.Millisecond
)

func TestSlowHeaderIsCutOff(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env(readTimeout))
	client := app.Dial(0)
	client.Drip("GET /events/42 HTTP/1.1\r\nHost: boxoffice\r\nX-Slow: "+strings.Repeat("z", 5000), dripping)
	lab.Require(t, client.Closed(patience), lab.Finding{
		Measured: fmt.Sprintf("a client that sends its header one byte every %v still had its connection after %v, with %s", dripping, patience, readTimeout),
		Expected: "a connection that is closed soon after READ_TIMEOUT",
		Why:      "This is called Slowloris: one laptop with ten thousand such connections, and nobody else gets one. It costs the attacker nothing.",
	})
}

func TestSilentConnectionIsCutOff(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	short, usual, long := lab.Start(t, lab.Env(readTimeout)), lab.Start(t), lab.Start(t, lab.Env("READ_TIMEOUT=1m"))
	// This client begins before the others, and must still be there when they aren't.
	client := long.Dial(0)
	body := `{"email":"ann@example.com","password":"long enough"}`
	_ = client.Send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", signUpHead, len(body), body[:9]))
	half, end := usual.Dial(0), time.Now().Add(5*time.Second+patience)
	_ = half.Send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", signUpHead, len(body), body[:9]))
	requireSilentIsCutOff(t, short, patience, "with "+readTimeout)
	requireSilentIsCutOff(t, usual, 5*time.Second+patience, "without READ_TIMEOUT in the environment, which means 5 seconds")
	lab.Require(t, half.Closed(max(time.Until(end), 10*time.Millisecond)), lab.Finding{
		Measured: fmt.Sprintf("a client that sent its header, half its body and then nothing still had its connection after %v, without READ_TIMEOUT in the environment, which means 5 seconds",
			5*time.Second+patience),
		Expected: "a connection that is closed soon after READ_TIMEOUT, which is for the header and the body together",
		Why:      "Where each slow client stays for twice as long, twice as many are there at any time.",
	})
	_ = client.Send(body[9:])
	answer, err := client.Response(10 * time.Second)
	lab.Require(t, err == nil && answer.Status == http.StatusCreated, lab.Finding{
		Measured: fmt.Sprintf("a client that took 5 s to send its body, with READ_TIMEOUT=1m, was answered with %s", statusOrError(answer, err)),
		Expected: "201: its body came in time",
		Why:      "Whoever sets READ_TIMEOUT knows their customers' lines. What can be set, and does nothing, is looked for last.",
	})
}

func requireSilentIsCutOff(t *testing.T, app *lab.App, within time.Duration, how string) {
	t.Helper()
	lab.Require(t, app.Dial(0).Closed(within), lab.Finding{
		Measured: fmt.Sprintf("a client that connected and said nothing still had its connection after %v, %s", within, how),
		Expected: "a connection that is closed soon after READ_TIMEOUT",
		Why:      "Each connection costs a file descriptor, and a process has a limited number of them.",
	})
}

func TestSlowBodyIsCutOff(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env(readTimeout))
	client := app.Dial(0)
	_ = client.Send("POST /users HTTP/1.1\r\nHost: boxoffice\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n")
	client.Drip(`{"email":"`+strings.Repeat("z", 4000), dripping)

	start := time.Now()
	answer, err := client.Response(patience)
	closed := client.Closed(patience - time.Since(start))
	lab.Require(t, closed, lab.Finding{
		Measured: fmt.Sprintf("a client that sends its body one byte every %v still had its connection after %v, with %s; the answer so far is %s",
			dripping, patience, readTimeout, statusOrError(answer, err)),
		Expected: "a connection that is closed soon after READ_TIMEOUT, with a 408 or without",
		Why:      "The header of this request came at once. Whoever watches headers alone has moved the hole by one line.",
	})
	lab.Require(t, err != nil || answer.Status == http.StatusRequestTimeout, lab.Finding{
		Measured: fmt.Sprintf("a body that came too slowly was answered with %s", statusOrError(answer, err)),
		Expected: "408, or a closed connection",
		Why:      "A 400 tells the client to mend its request, a 500 wakes you. Neither would help: the line was slow.",
	})
}

func TestIdleConnectionIsClosed(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env("IDLE_TIMEOUT=500ms"), lab.Env("READ_TIMEOUT=30s"))
	client := app.Dial(0)
	requireServed(t, client)
	lab.Require(t, client.Closed(patience), lab.Finding{
		Measured: fmt.Sprintf("a connection was still open %v after its last answer, with IDLE_TIMEOUT=500ms", patience),
		Expected: "a connection that is closed soon after IDLE_TIMEOUT",
		Why:      "Browsers keep connections open as long as they are let. On sale day, those of people who left take the place of those who come.",
	})
}

// Between two requests a client may take longer than within one.
func TestIdleConnectionIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env(readTimeout), lab.Env("IDLE_TIMEOUT=1m"))
	client := app.Dial(0)
	requireServed(t, client)
	lab.Require(t, !client.Closed(1500*time.Millisecond), lab.Finding{
		Measured: "a connection was closed 1.5 s after its last answer, with IDLE_TIMEOUT=1m and " + readTimeout,
		Expected: "a connection that waits for the next request as long as IDLE_TIMEOUT says",
		Why:      "Who reads a page for two seconds and goes on would pay for a new connection, and with TLS for three round trips.",
	})
	requireServed(t, client)
}

func requireServed(t *testing.T, client *lab.RawClient) {
	t.Helper()
	_ = client.Send("GET /events/42 HTTP/1.1\r\nHost: boxoffice\r\n\r\n")
	answer, err := client.Response(10 * time.Second)
	lab.Require(t, err == nil && answer.Status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("GET /events/42 was answered with %s", statusOrError(answer, err)),
		Expected: "200",
		Why:      "A client that sends its request at once is not to blame.",
	})
}

func TestSlowClientsLeaveNothingBehind(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const clients = 100
	app := lab.Start(t, lab.Env(readTimeout))
	var slow []*lab.RawClient
	const half = " HTTP/1.1\r\nHost: boxoffice\r\n"
	const halfABody = half + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
	halves := []string{
		"GET /events/42" + half, "POST /users" + halfABody,
		// No handler reads these bodies. net/http does, to get at the next request.
		"GET /me" + halfABody, "POST /nothing" + halfABody, "PUT /events/42" + halfABody, "POST /events/42/orders" + halfABody,
	}
	for i := range clients {
		client := app.Dial(0)
		_ = client.Send(halves[i%len(halves)])
		slow = append(slow, client)
	}
	app.Do(lab.GET("/events/42")).Expect(http.StatusOK, "A hundred slow clients are no reason to let the others wait.")

	deadline, open, which := time.Now().Add(patience), 0, ""
	for i, client := range slow {
		if !client.Closed(max(time.Until(deadline), 10*time.Millisecond)) {
			open++
			which, _, _ = strings.Cut(halves[i%len(halves)], " HTTP")
		}
	}
	lab.Require(t, open == 0, lab.Finding{
		Measured: fmt.Sprintf("%d of %d clients that had sent half a request, such as half of %s, still had their connection after %v, with %s", open, clients, which, patience, readTimeout),
		Expected: "none",
		Why:      "Half requests pile up by themselves: phones in tunnels, laptops that fall asleep. Nobody has to attack you.",
	})
}

// A client whose request came in time may wait for its answer longer than that.
func TestSlowAnswersAreNotCutOff(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env(readTimeout))
	gate := app.Postgres.Hold(lab.Touches("events"))
	var answer *lab.Response
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer = app.Burst(1, func(int) *lab.Request { return lab.GET("/events?limit=100") })[0]
	}()
	select {
	case <-gate.Reached():
	case <-done:
	}
	held := time.NewTimer(1200 * time.Millisecond) // more than twice READ_TIMEOUT
	select {
	case <-held.C:
	case <-done:
	}
	gate.Open()
	<-done
	lab.Require(t, answer.Err == nil && answer.Status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("GET /events?limit=100 came at once, and the test held its statement up for 1.2 s, with %s; the client got %s", readTimeout, statusOrError(answer, answer.Err)),
		Expected: "200",
		Why:      "READ_TIMEOUT is about requests. The answer is late because the database is, and the client would only ask again.",
		Try:      answer.Curl(),
	})
}

// A request that takes its time, and stays within READ_TIMEOUT, is served.
func TestUnhurriedClientsAreServed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	client := app.Dial(0)
	client.Drip("GET /events/42 HTTP/1.1\r\nHost: boxoffice\r\n\r\n", 5*time.Millisecond)
	answer, err := client.Response(10 * time.Second)
	lab.Require(t, err == nil && answer.Status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("a request that took a quarter of a second to arrive was answered with %s", statusOrError(answer, err)),
		Expected: "200: without READ_TIMEOUT in the environment, a client has 5 seconds",
		Why:      "A phone at the edge of the network is a customer.",
	})
}
