package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
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
	for i, request := range []func(i int) *lab.Request{
		me(token),
		func(int) *lab.Request { return lab.GET("/me/orders").As(token) },
		me(token),
	} {
		wave(t, app, conns, conns, me(token), fmt.Sprintf("after %d cuts", i))
		before := app.Postgres.Stats()
		app.Postgres.CutAll()
		lab.Within(patience, func() bool { return app.Postgres.Stats().Open == 0 })
		for range 2 {
			wave(t, app, conns, conns, request, fmt.Sprintf("after all connections were cut, for %s", request(0)))
		}
		opened := app.Postgres.Stats().Since(before).Connections
		lab.Require(t, opened <= conns, lab.Finding{
			Measured: fmt.Sprintf("all %d connections were cut; the next %d requests, %d at a time, opened %d", conns, 2*conns, conns, opened),
			Expected: fmt.Sprintf("at most %d: one for each that was lost", conns),
			Why:      "After a restart of the database, all instances come back in the same second. What they open then is the first thing that it has to bear.",
		})
	}
}

// A connection breaks while a list is being read: some rows are there, and the others aren't.
func TestListCutInTheMiddleIsNoList(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, maxConns(4), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	for _, c := range []struct {
		request *lab.Request
		table   string
	}{
		{lab.GET("/me/orders").As(token), "orders"},
		{lab.GET("/events?limit=50"), "events"},
	} {
		gate := app.Postgres.HoldRows(5, lab.Touches(c.table))
		defer gate.Open()
		pending := app.Begin(c.request)
		reached := lab.Within(patience, func() bool { return gate.Hits() > 0 })
		require.True(t, reached, "%s reads rows of %s", c.request, c.table)
		app.Postgres.CutAll()
		gate.Open()
		answer := pending.Wait(2 * patience)
		lab.Require(t, answer.Status == http.StatusServiceUnavailable, lab.Finding{
			Measured: fmt.Sprintf("the connection was cut behind the fifth row of %s; it was answered with %d and %d bytes", c.request, answer.Status, len(answer.Body)),
			Expected: "503: the list isn't whole",
			Why:      "Rows that end look the same whether they are all there or the connection broke, until somebody asks. A buyer whose tickets aren't in the list buys them again.",
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
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	frozen, late := orderOfAFrozenServer(t), lateOrder(t)
	for k := 1; ; k++ {
		before, after := orderCut(t, app, token, k, "before"), orderCut(t, app, token, k, "after")
		if !before && !after {
			require.Greater(t, k, 2, "an order takes a few statements")
			break
		}
	}
	requireInDoubt(t, frozen.Wait(3*patience), "PostgreSQL was frozen behind the COMMIT of an order, and never answered it")
	requireInDoubt(t, late.Wait(3*patience), "PostgreSQL answered the COMMIT of an order, and nothing that came after it until the deadline")
}

// orderOfAFrozenServer is an order to another API. Its PostgreSQL is frozen once it has done the COMMIT,
// and before it says so.
func orderOfAFrozenServer(t *testing.T) *lab.Pending {
	t.Helper()
	app := lab.Start(t, maxConns(4), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.HoldReply(lab.Verb("COMMIT"))
	t.Cleanup(gate.Open)
	pending := app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
	lab.Within(patience, func() bool { return gate.Hits() > 0 || pending.Answered() })
	t.Cleanup(app.Postgres.Stall())
	return pending
}

// lateOrder is an order to another API. It is made, and then its time is over: PostgreSQL answers
// nothing any more that comes after COMMIT.
func lateOrder(t *testing.T) *lab.Pending {
	t.Helper()
	app := lab.Start(t, maxConns(4), lab.Env(hasty))
	token := app.LogIn(lab.Buyer)
	var committed atomic.Bool
	gate := app.Postgres.Hold(func(s lab.Statement) bool {
		if s.Verb() == "COMMIT" {
			committed.Store(true)
		}
		return committed.Load() && lab.Work(s)
	})
	t.Cleanup(gate.Open)
	return app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
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
	answer := app.Begin(lab.OrderOf(lab.OnSale, 1).As(token)).Wait(2 * patience)
	lab.Within(moment, func() bool { _, fell := cut.At(); return fell })
	statement, fell := cut.At()
	cut.Stop()
	// The server may still be about to notice that its client is gone.
	lab.Within(patience, func() bool { return app.Postgres.Stats().InTransaction == 0 })
	now := readBooks(t, app, lab.OnSale)
	orders, taken, sold := now.orders-old.orders, old.remaining-now.remaining, now.sold-old.sold
	where := fmt.Sprintf("the connection was cut %s statement %d of an order, %s", side, k, named(statement))
	if statement.Verb() == "COMMIT" {
		requireInDoubt(t, answer, where)
	} else {
		lab.Require(t, answer.Status == http.StatusCreated || answer.Status == http.StatusServiceUnavailable, lab.Finding{
			Measured: fmt.Sprintf("%s: the answer was %d", where, answer.Status),
			Expected: "201 when the order could be made all the same, else 503",
			Why:      "A lost connection is no bug, and passes. Before the COMMIT nothing has happened, so the client may well ask again.",
		})
	}
	lab.Require(t, taken == sold, lab.Finding{
		Measured: fmt.Sprintf("%s: %d tickets were taken, and %d ordered", where, taken, sold),
		Expected: "the same number, whatever was cut",
		Why:      "Tickets that are taken and ordered by nobody are seats that stay empty; orders without tickets are people at the door.",
	})
	lab.Require(t, answer.Status != http.StatusServiceUnavailable || orders == 0, lab.Finding{
		Measured: fmt.Sprintf("%s: the answer was 503, and %d orders were made", where, orders),
		Expected: "none: 503 says that nothing has happened",
		Why:      "A 503 with Retry-After has clients send the order again by themselves, and the buyer pays for two.",
	})
	lab.Require(t, orders <= 1 && (answer.Status != http.StatusCreated || orders == 1), lab.Finding{
		Measured: fmt.Sprintf("%s: one request was answered with %d, and made %d orders", where, answer.Status, orders),
		Expected: "201 and one order, or an error and at most one",
		Why:      "When the answer gets lost, nobody knows whether the statement ran. Whoever sends it again without knowing sells the same buyer two tickets.",
	})
	return fell
}

// requireInDoubt demands an answer to an order that may have been made, or not: one that no
// client takes for "ask again", and that says so.
func requireInDoubt(t *testing.T, answer *lab.Response, where string) {
	t.Helper()
	if answer.Status == http.StatusCreated {
		return // database/sql, or somebody who looked it up, found that it was made
	}
	var problem struct{ Detail string }
	_ = json.Unmarshal(answer.Body, &problem)
	lab.Require(t, answer.Status == http.StatusInternalServerError && answer.Header.Get("Retry-After") == "" && problem.Detail != "", lab.Finding{
		Measured: fmt.Sprintf("%s: the answer was %d, with the Retry-After %q and the detail %q", where, answer.Status, answer.Header.Get("Retry-After"), problem.Detail),
		Expected: "500 without Retry-After, and a detail that says what a buyer needs to know: the error boxoffice.ErrInDoubt",
		Why:      "The order may have been made. A 503 with Retry-After has clients send it again by themselves, and the buyer pays for two.",
	})
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
	up := app.Postgres.Down()
	requests := []*lab.Request{
		lab.GET("/me").As(token),
		lab.GET("/events"),
		lab.GET("/me/orders").As(token),
		lab.OrderOf(lab.OnSale, 1).As(token),
		lab.POST("/users", lab.Body{"email": "new@example.com", "password": "a long pass phrase"}),
	}
	for range 2 {
		pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
		requireGivenUp(t, pending, requests, "PostgreSQL refuses connections, as it does while it restarts", whyUnavailable)
	}
	up()
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
		lab.OrderOf(lab.OnSale, 1).As(token),
	}
	for _, no := range []struct{ code, text string }{
		{"53300", "sorry, too many clients already"},
		{"57P03", "the database system is starting up"},
		{"57P01", "terminating connection due to administrator command"},
		{"57P02", "terminating connection because of crash of another server process"},
		{"08P01", "no more connections allowed (max_client_conn)"}, // pgbouncer's
		{"53200", "out of memory"},
	} {
		refusal := app.Postgres.Refuse(no.code, no.text)
		app.Postgres.CutAll()
		lab.Within(patience, func() bool { return app.Postgres.Stats().Open == 0 })
		pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
		requireGivenUp(t, pending, requests, fmt.Sprintf("PostgreSQL answers each new connection with FATAL: %s (%s)", no.text, no.code), whyUnavailable)
		refusal.Stop()
		requireBack(t, app, token)
	}
}

// A statement that was fine, on a server that has no room for it.
func TestServerWithoutRoomIsUnavailable(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, maxConns(4), lab.Env(hasty))
	request := lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer))
	execute(t, app, `
		CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER no_room BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION no_room()`)
	requireGivenUp(t, []*lab.Pending{app.Begin(request)}, []*lab.Request{request}, "PostgreSQL answers the INSERT with ERROR: No space left on device (53100)", whyUnavailable)
	execute(t, app, `DROP TRIGGER no_room ON orders`)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "There is room again.")
}

func TestClosedPortIsUnavailable(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	for _, absent := range []struct{ address, is string }{
		{closedPort(t), "a port at which nobody listens, as while PostgreSQL is stopped"},
		{"database.invalid:5432", "a name that nobody has, as while it moves to another server"},
		{"255.255.255.255:5432", "an address to which no way leads, as while a network is mended"},
	} {
		app := lab.Start(t, lab.Env("DATABASE_URL=postgres://boxoffice@"+absent.address+"/boxoffice?sslmode=disable"), lab.Env(hasty), lab.Workers(0))
		requests := []*lab.Request{
			lab.GET("/events"),
			lab.GET("/events/1"),
			lab.POST("/users", lab.Body{"email": "new@example.com", "password": "a long pass phrase"}),
		}
		pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
		requireGivenUp(t, pending, requests, "DATABASE_URL leads to "+absent.is, whyUnavailable)
	}
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
// migration, and so is an answer that the API doesn't understand. Asking again doesn't help.
func TestBugsAreNotUnavailable(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	execute(t, app, fmt.Sprintf(`ALTER TABLE events ALTER title DROP NOT NULL; UPDATE events SET title = NULL WHERE id = %d`, lab.Past.ID))
	unreadable := app.Do(lab.GET("/events/%d", lab.Past.ID))
	lab.Require(t, unreadable.Status != http.StatusServiceUnavailable, lab.Finding{
		Measured: fmt.Sprintf("the title of an event is NULL, which no release has written; GET /events/%d was answered with %d", lab.Past.ID, unreadable.Status),
		Expected: "500: the database is there, and has answered; whoever can't read its answer has a bug",
		Why:      "503 says: try again in a second. Whoever does that to a bug asks for ever, and nobody is woken to mend it.",
	})
	execute(t, app, `ALTER TABLE venues RENAME TO places`)
	app.RefuseWrites("orders")
	for _, request := range []*lab.Request{lab.GET("/events"), lab.GET("/me/orders").As(token), lab.OrderOf(lab.OnSale, 1).As(token)} {
		answer := app.Do(request)
		lab.Require(t, answer.Status == http.StatusInternalServerError, lab.Finding{
			Measured: fmt.Sprintf("a table has another name than in the query, and another refuses each write; %s was answered with %d", request, answer.Status),
			Expected: "500: the database is there, and has said what is wrong with the statement",
			Why:      "503 says: try again in a second. Whoever does that to a bug asks for ever, and nobody is woken to mend it.",
		})
	}
}
