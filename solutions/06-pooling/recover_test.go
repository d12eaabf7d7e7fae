package main_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// The database was restarted, or a firewall forgot its connections.
func TestCutConnectionsAreReplaced(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	for i := range 3 {
		wave(t, app, conns, conns, me(token), fmt.Sprintf("after %d cuts", i))
		before := app.Postgres.Stats()
		app.Postgres.CutAll()
		within(patience, func() bool { return app.Postgres.Stats().Open == 0 })
		for range 2 {
			wave(t, app, conns, conns, me(token), "after all connections were cut")
		}
		opened := app.Postgres.Stats().Since(before).Connections
		lab.Require(t, opened <= conns, lab.Finding{
			Measured: fmt.Sprintf("all %d connections were cut; the next %d requests, %d at a time, opened %d", conns, 2*conns, conns, opened),
			Expected: fmt.Sprintf("at most %d: one for each that was lost", conns),
			Why:      "After a restart of the database, all instances come back in the same second. What they open then is the first thing that it has to bear.",
		})
	}
}

// books are what the database has about one event, past the API.
type books struct {
	remaining, sold, orders int
}

func readBooks(t *testing.T, app *lab.App, event lab.Event) (b books) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`
		SELECT remaining, (SELECT coalesce(sum(quantity), 0) FROM orders WHERE event_id = events.id),
		       (SELECT count(*) FROM orders WHERE event_id = events.id)
		FROM events WHERE id = $1`, event.ID).Scan(&b.remaining, &b.sold, &b.orders))
	return b
}

// A connection may break at any moment. This test breaks one before and after each
// statement of an order, one after another.
func TestCutOrderKeepsTheBooks(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, maxConns(4), lab.Env("REQUEST_TIMEOUT=5s"))
	token := app.LogIn(lab.Buyer)
	app.Do(orderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	for k := 1; ; k++ {
		before, after := orderCut(t, app, token, k, "before"), orderCut(t, app, token, k, "after")
		if !before && !after {
			require.Greater(t, k, 2, "an order takes a few statements")
			return
		}
	}
}

// orderCut orders a ticket, cuts the connection before or after its k-th statement,
// and checks the answer against the books. It reports whether it came to the cut.
func orderCut(t *testing.T, app *lab.App, token string, k int, side string) bool {
	t.Helper()
	when := lab.After
	if side == "before" {
		when = lab.Before
	}
	old := readBooks(t, app, lab.OnSale)
	cut := app.Postgres.CutAt(k, when, lab.Any)
	answer := app.Begin(orderOf(lab.OnSale, 1).As(token)).Wait(2 * patience)
	within(moment, func() bool { _, fell := cut.Statement(); return fell })
	statement, fell := cut.Statement()
	cut.Stop()
	// The server may still be about to notice that its client is gone.
	within(patience, func() bool { return app.Postgres.Stats().InTransaction == 0 })
	now := readBooks(t, app, lab.OnSale)
	orders, taken, sold := now.orders-old.orders, old.remaining-now.remaining, now.sold-old.sold
	where := fmt.Sprintf("the connection was cut %s statement %d of an order, %s", side, k, named(statement))
	lab.Require(t, answer.Status == http.StatusCreated || answer.Status == http.StatusServiceUnavailable, lab.Finding{
		Measured: fmt.Sprintf("%s: the answer was %d", where, answer.Status),
		Expected: "201 when the order could be made all the same, else 503",
		Why:      "500 says that the API has a bug, and wakes somebody. A lost connection is no bug, and passes.",
	})
	lab.Require(t, taken == sold, lab.Finding{
		Measured: fmt.Sprintf("%s: %d tickets were taken, and %d ordered", where, taken, sold),
		Expected: "the same number, whatever was cut",
		Why:      "Tickets that are taken and ordered by nobody are seats that stay empty; orders without tickets are people at the door.",
	})
	lab.Require(t, orders <= 1 && (answer.Status != http.StatusCreated || orders == 1), lab.Finding{
		Measured: fmt.Sprintf("%s: one request was answered with %d, and made %d orders", where, answer.Status, orders),
		Expected: "201 and one order, or 503 and at most one",
		Why:      "When the answer gets lost, nobody knows whether the statement ran. Whoever sends it again without knowing sells the same buyer two tickets.",
	})
	return fell
}

// named is what a finding calls a statement.
func named(s lab.Statement) string {
	if s.Verb() == "" {
		return "the driver's ping"
	}
	return queries([]lab.Statement{s})[0]
}

const whyUnavailable = "500 says that the API has a bug, and wakes somebody. 503 says: not now. Clients and load balancers know what to do about that."

func TestAbsentDatabaseIsUnavailable(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	wave(t, app, conns, conns, me(token), "before anything happens")
	app.Postgres.Refuse(true)
	app.Postgres.CutAll()
	requests := []*lab.Request{
		lab.GET("/me").As(token),
		lab.GET("/events"),
		lab.GET("/me/orders").As(token),
		orderOf(lab.OnSale, 1).As(token),
		lab.POST("/users", body{"email": "new@example.com", "password": "a long pass phrase"}),
	}
	for range 2 {
		pending := begin(app, len(requests), func(i int) *lab.Request { return requests[i] })
		requireGivenUp(t, pending, requests, "PostgreSQL refuses connections, as it does while it restarts", whyUnavailable)
	}
	app.Postgres.Refuse(false)
	requireBack(t, app, token)
	wave(t, app, conns, conns, me(token), "when PostgreSQL is back")
}

// The server is there, and says in its own words that it takes nobody.
func TestServerThatTakesNobodyIsUnavailable(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, maxConns(4), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	requests := []*lab.Request{
		lab.GET("/me").As(token),
		lab.GET("/events"),
		orderOf(lab.OnSale, 1).As(token),
	}
	for _, no := range []struct{ code, text string }{
		{"53300", "sorry, too many clients already"},
		{"57P03", "the database system is starting up"},
	} {
		app.Postgres.RefuseWith(no.code, no.text)
		app.Postgres.CutAll()
		within(patience, func() bool { return app.Postgres.Stats().Open == 0 })
		pending := begin(app, len(requests), func(i int) *lab.Request { return requests[i] })
		requireGivenUp(t, pending, requests, fmt.Sprintf("PostgreSQL answers each new connection with FATAL: %s (%s)", no.text, no.code), whyUnavailable)
		app.Postgres.RefuseWith("", "")
		requireBack(t, app, token)
	}
}

func TestClosedPortIsUnavailable(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	address := closedPort(t)
	app := lab.Start(t, lab.Env("DATABASE_URL=postgres://boxoffice@"+address+"/boxoffice?sslmode=disable"), lab.Env(hasty), lab.Workers(0))
	requests := []*lab.Request{
		lab.GET("/events"),
		lab.GET("/events/1"),
		lab.POST("/users", body{"email": "new@example.com", "password": "a long pass phrase"}),
	}
	pending := begin(app, len(requests), func(i int) *lab.Request { return requests[i] })
	requireGivenUp(t, pending, requests, "DATABASE_URL leads to a port at which nobody listens, as while PostgreSQL is stopped", whyUnavailable)
}

// closedPort returns an address that nobody listens on, and nobody takes before the
// test's end: it is the near end of a connection.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// A query that PostgreSQL doesn't understand is a fault of the API, or of its last
// migration. Asking again doesn't help.
func TestBugsAreNotUnavailable(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	execute(t, app, `ALTER TABLE venues RENAME TO places`)
	refuseWrites(t, app, "orders")
	for _, request := range []*lab.Request{lab.GET("/events"), lab.GET("/me/orders").As(token), orderOf(lab.OnSale, 1).As(token)} {
		answer := app.Do(request)
		lab.Require(t, answer.Status == http.StatusInternalServerError, lab.Finding{
			Measured: fmt.Sprintf("a table has another name than in the query, and another refuses each write; %s was answered with %d", request, answer.Status),
			Expected: "500: the database is there, and has said what is wrong with the statement",
			Why:      "503 says: try again in a second. Whoever does that to a bug asks for ever, and nobody is woken to mend it.",
		})
	}
}
