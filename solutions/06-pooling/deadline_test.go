package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// hasty is a deadline that passes soon, and that a log-in on a busy machine still
// keeps. The tests wait much longer for the answer.
const hasty = "REQUEST_TIMEOUT=1500ms"

const whyDeadline = "A client that waits asks again, and the old request still has its place in the queue. Soon everybody waits, for answers that nobody reads any more."

// requireGivenUp demands that each request is answered with a 503 that a client can
// act on, while the database still keeps everybody waiting.
func requireGivenUp(t *testing.T, pending []*lab.Pending, requests []*lab.Request, when, why string) {
	t.Helper()
	requireGivenUpWithin(t, patience, hasty, pending, requests, when, why)
}

// requireGivenUpWithin does so where REQUEST_TIMEOUT is something else than hasty.
func requireGivenUpWithin(t *testing.T, within time.Duration, timeout string, pending []*lab.Pending, requests []*lab.Request, when, why string) {
	t.Helper()
	lab.Within(within, func() bool { return allDone(pending) })
	var wrong []string
	for i, p := range pending {
		if !p.Answered() {
			wrong = append(wrong, fmt.Sprintf("%s: no answer", requests[i]))
			continue
		}
		if complaint := unhelpful(p.Wait(within)); complaint != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", requests[i], complaint))
		}
	}
	lab.Require(t, len(wrong) == 0, lab.Finding{
		Measured: fmt.Sprintf("%s. With %s, this is what clients get within %v:\n%s", when, timeout, within, strings.Join(counted(wrong), "\n")),
		Expected: "for each of them a 503, as application/problem+json and with Retry-After",
		Why:      why,
	})
}

// unhelpful says what a client can't make use of in an answer.
func unhelpful(r *lab.Response) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch {
	case r.Status != http.StatusServiceUnavailable:
		return fmt.Sprintf("answered %d", r.Status)
	case kind != "application/problem+json":
		return fmt.Sprintf("503, as %q", r.Header.Get("Content-Type"))
	case r.Header.Get("Retry-After") == "":
		return "503, without Retry-After"
	}
	return ""
}

// counted writes a line that comes n times as "line (n times)".
func counted(lines []string) []string {
	times := map[string]int{}
	var once []string
	for _, line := range lines {
		if times[line]++; times[line] == 1 {
			once = append(once, line)
		}
	}
	for i, line := range once {
		if times[line] > 1 {
			once[i] = fmt.Sprintf("%s (%d times)", line, times[line])
		}
	}
	return once
}

// requireStopped demands that no statement runs any more.
func requireStopped(t *testing.T, app *lab.App, when string) {
	t.Helper()
	stopped := lab.Within(patience, func() bool { return len(app.Postgres.Running()) == 0 })
	running := app.Postgres.Running()
	lab.Require(t, stopped, lab.Finding{
		Measured: fmt.Sprintf("%s; %v later, this still runs (%d in all):\n%s", when, patience, len(running), strings.Join(counted(queries(running)), "\n")),
		Expected: "none: whoever asked has an answer, or has left",
		Why: "A query whose answer nobody waits for takes the connection, and the database's time, from those who still wait. " +
			"Which context has the query, and does that one end with the request? gin's own Context doesn't.",
	})
}

func queries(statements []lab.Statement) []string {
	lines := make([]string, len(statements))
	for i, s := range statements {
		lines[i] = strings.Join(strings.Fields(s.SQL), " ")
	}
	return lines
}

// requireRecovered demands that the pool is as good as new.
func requireRecovered(t *testing.T, app *lab.App, n int, token string) {
	t.Helper()
	wave(t, app, n, 2*n, me(token), "when PostgreSQL answers again")
}

func TestEachRouteKeepsItsDeadline(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	const conns = 9
	app := lab.Start(t, maxConns(conns), lab.Env(hasty))
	calm := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	requests, itsRequests := everyRoute(app), everyRoute(calm)
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
	unset := beginWithoutSettings(t)
	requirePatience(t, calm, itsRequests)
	requireGivenUp(t, pending, requests, "PostgreSQL takes queries and answers none", whyDeadline)
	requireStopped(t, app, "all requests have their 503")
	gate.Open()
	requireRecovered(t, app, conns, token)
	requireGivenUpWithin(t, 2*patience, "no REQUEST_TIMEOUT set, so that the default of config.go holds", unset.pending, unset.requests,
		"PostgreSQL takes queries and answers none", whyDeadline)
}

// everyRoute returns a request to each route that asks the database, the order first.
func everyRoute(app *lab.App) []*lab.Request {
	token, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	return []*lab.Request{
		lab.OrderOf(lab.OnSale, 1).As(token),
		lab.GET("/events"),
		lab.GET("/events/%d", lab.OnSale.ID),
		lab.GET("/me").As(token),
		lab.GET("/me/orders").As(token),
		lab.GET("/orders/1").As(token),
		lab.PATCH(fmt.Sprintf("/events/%d", lab.Past.ID), lab.Body{"price_cents": 1}).As(organiser),
		lab.POST("/users", lab.Body{"email": "new@example.com", "password": "a long pass phrase"}),
		lab.POST("/sessions", lab.Body{"email": lab.OtherBuyer.Email, "password": lab.OtherBuyer.Password}),
	}
}

// requirePatience demands that requests wait for as long as the operator wants them to,
// which is much longer than this test waits.
func requirePatience(t *testing.T, app *lab.App, requests []*lab.Request) {
	t.Helper()
	order := app.Postgres.Hold(func(s lab.Statement) bool { return inTransaction(s) || lab.Writes("events")(s) })
	defer order.Open()
	began := time.Now()
	pending := app.BeginAll(1, func(int) *lab.Request { return requests[0] })
	lab.Within(patience, func() bool { return order.Hits() > 0 || allDone(pending) })
	others := app.Postgres.Hold(lab.Work)
	defer others.Open()
	pending = append(pending, app.BeginAll(len(requests)-1, func(i int) *lab.Request { return requests[i+1] })...)
	lab.Within(patience-time.Since(began), func() bool { return slices.ContainsFunc(pending, (*lab.Pending).Answered) })
	took := time.Since(began)
	if i := slices.IndexFunc(pending, (*lab.Pending).Answered); i >= 0 {
		lab.Require(t, false, lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL takes queries and answers none. With %s, %s was answered after %.1f s, with %d",
				patient, requests[i], took.Seconds(), pending[i].Wait(patience).Status),
			Expected: fmt.Sprintf("no answer for as long as this test watches, which is %v", patience),
			Why:      "How long is too long is for the operator to say. Another number in the code is a second opinion.",
		})
	}
	order.Open()
	others.Open()
	for i, answer := range lab.WaitAll(pending, 2*patience) {
		lab.Require(t, answer.Status < 500, lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL answered after %v, and %s, with %s, got %d", patience, requests[i], patient, answer.Status),
			Expected: "what it asked for: there was time left",
			Why:      "A slow minute of the database is no reason to turn people away who may still wait.",
		})
	}
}

// How long is too long, and how many are too many, is for the operator to say. A number in the code, of
// seconds that nobody will ever need, is a second opinion, and on the night when they are needed, nobody
// knows of it.
func TestOperatorsPatienceIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	const watched = 12 * time.Second // a constant is usually 5 or 10
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	locked := beginBehindALock(t, app, token)
	requests := []*lab.Request{
		lab.OrderOf(lab.OnSale, 1).As(token),
		lab.GET("/events"),
		lab.GET("/me").As(token),
		lab.GET("/me/orders").As(token),
	}
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	requests = append(requests, requests...) // as many have a connection as wait for one
	pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
	answered := func() bool { return locked.Answered() || slices.ContainsFunc(pending, (*lab.Pending).Answered) }
	lab.Within(watched-time.Second, answered)
	limited := app.Postgres.Stats().Open <= conns // TestPoolEndsAtDBMaxConns asks for that
	requests = append(requests, requests...)      // more come while the others still wait
	pending = append(pending, app.BeginAll(len(requests)/2, func(i int) *lab.Request { return requests[i] })...)
	lab.Within(time.Second, answered)
	if locked.Answered() {
		lab.Require(t, false, lab.Finding{
			Measured: fmt.Sprintf("another transaction holds the row of an event. With %s, an order that waits for it was answered within %v, with %d", patient, watched, locked.Wait(patience).Status),
			Expected: "no answer for as long as this test watches",
			Why:      "In a sale, everybody wants the row of the same event, and a buyer who waits for a moment has their tickets. How long is too long is for the operator to say.",
		})
	}
	if i := slices.IndexFunc(pending, (*lab.Pending).Answered); i >= 0 {
		lab.Require(t, false, lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL takes queries and answers none. With %s, %s was answered within %v, with %d", patient, requests[i], watched, pending[i].Wait(patience).Status),
			Expected: "no answer for as long as this test watches",
			Why:      "How long is too long is for the operator to say. Another number in the code is a second opinion.",
		})
	}
	open := app.Postgres.Stats().Open
	lab.Require(t, open <= conns || !limited, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL takes queries and answers none, and %d requests wait. After %v, %d connections are open, with DB_MAX_CONNS=%d", len(requests), watched, open, conns),
		Expected: fmt.Sprintf("at most %d, however long the requests wait", conns),
		Why:      "A limit that gives way when it is reached is none. All instances are full in the same minute, and all of them take more, from a server that has no more.",
	})
}

// beginBehindALock sends an order, and returns when it waits in PostgreSQL for the row of its event,
// which somebody else's transaction holds until the test's end.
func beginBehindALock(t *testing.T, app *lab.App, token string) *lab.Pending {
	t.Helper()
	tx, err := app.DB().Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.Exec(`SELECT FROM events WHERE id = $1 FOR UPDATE`, lab.FewLeft.ID)
	require.NoError(t, err)
	pending := app.Begin(lab.OrderOf(lab.FewLeft, 1).As(token))
	lab.Within(patience, func() bool { return pending.Answered() || lockWaiters(t, app) > 0 })
	return pending
}

// lockWaiters asks PostgreSQL itself how many statements wait for a lock.
func lockWaiters(t *testing.T, app *lab.App) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`
		SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
	return n
}

func TestWaitingForAConnectionHasAnEnd(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	const conns = 2
	app := lab.Start(t, maxConns(conns), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	requests := make([]*lab.Request, 10*conns)
	for i := range requests {
		requests[i] = lab.GET("/me").As(token)
	}
	pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
	requireGivenUp(t, pending, requests, fmt.Sprintf("PostgreSQL takes queries and answers none, %d requests come, and there are %d connections", len(requests), conns), whyDeadline)
	gate.Open()
	requireRecovered(t, app, conns, token)
}

// sent are requests, and what becomes of them.
type sent struct {
	requests []*lab.Request
	pending  []*lab.Pending
}

// beginWithoutSettings sends requests to another API, for which nobody has set REQUEST_TIMEOUT, and
// whose PostgreSQL answers none of them.
func beginWithoutSettings(t *testing.T) (s sent) {
	t.Helper()
	app := lab.Start(t, maxConns(1), lab.Env("REQUEST_TIMEOUT="))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Work)
	t.Cleanup(gate.Open)
	for range 4 { // all but the first wait for the connection
		s.requests = append(s.requests, lab.GET("/me").As(token), lab.OrderOf(lab.OnSale, 1).As(token))
	}
	s.pending = app.BeginAll(len(s.requests), func(i int) *lab.Request { return s.requests[i] })
	return s
}

// Somebody else's transaction holds the row that an order wants to change.
func TestOrderBehindALockIsGivenUp(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	before := readBooks(t, app, lab.OnSale)
	tx, err := app.DB().Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec(`SELECT FROM events WHERE id = $1 FOR UPDATE`, lab.OnSale.ID)
	require.NoError(t, err)

	request := lab.OrderOf(lab.OnSale, 2).As(token)
	requireGivenUp(t, []*lab.Pending{app.Begin(request)}, []*lab.Request{request}, "another transaction holds the event's row", whyDeadline)
	requireNobodyWaits(t, app)
	require.NoError(t, tx.Rollback())
	requireRecovered(t, app, conns, token)
	after := readBooks(t, app, lab.OnSale)
	lab.Require(t, after == before, lab.Finding{
		Measured: fmt.Sprintf("an order of 2 tickets was answered with 503; before it, %d tickets were left and %d sold, and now %d are left and %d sold",
			before.remaining, before.sold, after.remaining, after.sold),
		Expected: "no difference: it was given up before anything was written",
		Why:      "Whoever reads \"try again\" does, and pays twice.",
	})
	app.Do(lab.OrderOf(lab.OnSale, 2).As(token)).Expect(http.StatusCreated, "The row is free again.")
}

// requireNobodyWaits asks PostgreSQL itself whether anybody still waits for a lock.
func requireNobodyWaits(t *testing.T, app *lab.App) {
	t.Helper()
	waiting := 0
	gone := lab.Within(patience, func() bool {
		waiting = lockWaiters(t, app)
		return waiting == 0
	})
	lab.Require(t, gone, lab.Finding{
		Measured: fmt.Sprintf("the order has its answer; %v later, %d statement of it still waits for the lock in PostgreSQL", patience, waiting),
		Expected: "none: whoever gives up says so to the database",
		Why:      "PostgreSQL doesn't notice by itself that nobody listens any more. What was given up goes on, and takes the tickets in the end.",
	})
}

// The database's machine has lost its disk, or the network its way: nothing comes
// back, not even an error, and a request to cancel is not heard.
func TestFrozenDatabaseIsGivenUp(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	const conns = 3
	app := lab.Start(t, maxConns(conns), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	wave(t, app, conns, conns, me(token), "before anything happens")
	resume := app.Postgres.Stall()
	defer resume()
	requests := make([]*lab.Request, 3*conns)
	for i := range requests {
		requests[i] = lab.GET("/me").As(token)
	}
	pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
	requireGivenUp(t, pending, requests, "PostgreSQL is frozen: it doesn't even say that it can't", whyDeadline)
	resume()
	requireBack(t, app, token)
}

// requireBack waits until requests are answered again, without anybody's help.
func requireBack(t *testing.T, app *lab.App, token string) {
	t.Helper()
	var last *lab.Response
	back := lab.Within(2*patience, func() bool {
		last = app.Begin(lab.GET("/me").As(token)).Wait(2 * patience)
		return last.Status == http.StatusOK
	})
	lab.Require(t, back, lab.Finding{
		Measured: fmt.Sprintf("%v after PostgreSQL came back, GET /me still answers %d", 2*patience, last.Status),
		Expected: "200, without a restart",
		Why:      "Databases come back by themselves. An API that has to be restarted by hand makes a bad minute an hour.",
	})
}

func TestLeaverCancelsTheQuery(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t, maxConns(10), lab.Env(patient))
	token, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	requireOthersStay(t, app, token)
	before := readBooks(t, app, lab.OnSale)
	left, waited := 0, 0
	for _, c := range []struct {
		request *lab.Request
		match   lab.Match
	}{
		{lab.GET("/me").As(token), lab.Touches("users")},
		{lab.GET("/me/orders").As(token), lab.Work},
		{lab.GET("/orders/1").As(token), lab.Touches("orders")},
		{lab.PATCH(fmt.Sprintf("/events/%d", lab.OnSale.ID), lab.Body{"price_cents": 1}).As(organiser), lab.Writes("events")},
		{lab.POST("/users", lab.Body{"email": "new@example.com", "password": "a long pass phrase"}), lab.Writes("users")},
		{lab.POST("/sessions", lab.Body{"email": lab.OtherBuyer.Email, "password": lab.OtherBuyer.Password}), lab.Touches("users")},
		{lab.OrderOf(lab.OnSale, 1).As(token), inTransaction},
	} {
		for k := 1; k <= 4; k++ { // a list may have as many statements as it has rows
			gate := app.Postgres.Hold(nth(k, c.match))
			defer gate.Open()
			pending := app.Begin(c.request)
			lab.Within(patience, func() bool { return gate.Hits() > 0 || pending.Answered() })
			if gate.Hits() == 0 {
				require.Greater(t, k, 1, "%s reaches the database", c.request)
				if pending.Wait(patience); strings.HasSuffix(c.request.String(), "/orders") && strings.HasPrefix(c.request.String(), "POST") {
					waited++
				}
				gate.Open()
				break // it has no more statements
			}
			pending.Leave()
			left++
			requireStopped(t, app, fmt.Sprintf("the client of %s has left, while statement %d of it ran", c.request, k))
			gate.Open()
		}
	}
	errors := app.LogsWith("level", "ERROR")
	lab.Require(t, len(errors) == 0, lab.Finding{
		Measured: fmt.Sprintf("%d clients left while their query ran, and the log has %d lines at level ERROR", left, len(errors)),
		Expected: "none: handle in httpapi/errors.go sees that the request's context was cancelled",
		Why:      "People close their laptops. Whoever is on call needs no word of that.",
	})
	after := readBooks(t, app, lab.OnSale)
	sold, taken := after.orders-before.orders, before.remaining-after.remaining
	lab.Require(t, sold == waited && taken == waited, lab.Finding{
		Measured: fmt.Sprintf("%d clients waited for their order of a ticket, the others left while a statement of theirs ran; %d orders were made, and %d tickets taken", waited, sold, taken),
		Expected: "as many as clients waited: before COMMIT, whoever leaves gets nothing",
		Why:      "Tickets that nobody knows of are seats that stay empty.",
	})
}

// requireOthersStay has two clients ask for the same, and the first one leave.
func requireOthersStay(t *testing.T, app *lab.App, token string) {
	t.Helper()
	requests := []*lab.Request{
		lab.GET("/me").As(token),
		lab.GET("/me/orders").As(token),
		lab.GET("/orders/1").As(token),
		lab.GET("/events"),
		lab.GET("/events/%d", lab.OnSale.ID),
	}
	n, before := len(requests), app.Postgres.Stats()
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	same := func(i int) *lab.Request { return requests[i] }
	leavers := app.BeginAll(n, same)
	lab.Within(patience, func() bool { return gate.Hits() >= n })
	stayers := app.BeginAll(n, same)
	lab.Within(patience, func() bool { return gate.Hits() >= 2*n })
	for _, leaver := range leavers {
		leaver.Leave()
	}
	lab.Within(patience, func() bool { return app.Postgres.Stats().Since(before).Cancels >= n })
	gate.Open()
	for i, answer := range lab.WaitAll(stayers, 2*patience) {
		lab.Require(t, answer.Status < 500, lab.Finding{
			Measured: fmt.Sprintf("two clients asked for %s at the same time, and the first of them left. The other one was answered with %d", requests[i], answer.Status),
			Expected: "what it asked for: it is still there, and has time left",
			Why:      "What was given up is the query of the client that left. In a rush, somebody leaves at every moment, and may take nobody along.",
		})
	}
}

// nth matches the k-th statement that matches, counted from 1, and no other.
func nth(k int, match lab.Match) lab.Match {
	var came atomic.Int64
	return func(s lab.Statement) bool { return match(s) && came.Add(1) == int64(k) }
}
