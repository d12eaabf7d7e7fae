package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// Each of as many requests as there are connections has one, and goes on to its
// next query.
func TestOneConnectionIsEnoughForARequest(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	events := contract.OnSale(t, app, conns)

	requireOneAtATime(t, app, lab.GET("/me/orders").As(token))
	requireOneAtATime(t, app, lab.GET("/events?limit=5"))
	requireOneAtATime(t, app, lab.OrderOf(lab.OnSale, 1).As(token))
	requireOneConnection(t, app, conns, lab.Touches("orders"), func(int) *lab.Request { return lab.GET("/me/orders").As(token) })
	requireOneConnection(t, app, conns, lab.Touches("events"), func(i int) *lab.Request { return lab.GET("/events?limit=%d", 3+i) })
	requireOneConnection(t, app, conns, inTransaction, func(i int) *lab.Request {
		return lab.POST(fmt.Sprintf("/events/%d/orders", events[i]), lab.Body{"quantity": 1}).As(token)
	})
	for _, id := range events {
		execute(t, app, fmt.Sprintf(`UPDATE events SET remaining = 0 WHERE id = %d`, id))
	}
	requireOneConnection(t, app, conns, inTransaction, func(i int) *lab.Request {
		return lab.POST(fmt.Sprintf("/events/%d/orders", events[i]), lab.Body{"quantity": 1}).As(token)
	}, http.StatusConflict)
}

// requireOneConnection sends n requests, holds all of them at their first statement
// that matches, and looks how many connections they have at the one after it.
// All of them succeed, or have the status that is named.
func requireOneConnection(t *testing.T, app *lab.App, n int, first lab.Match, request func(i int) *lab.Request, refused ...int) {
	t.Helper()
	gate := app.Postgres.Hold(first)
	defer gate.Open()
	pending := app.BeginAll(n, request)
	arrived := func(g *lab.Gate) func() bool {
		return func() bool { return g.Hits() >= n || allDone(pending) }
	}
	lab.Within(patience, arrived(gate))
	next := app.Postgres.Hold(lab.Work)
	defer next.Open()
	gate.Open()
	goesOn := lab.Within(patience, arrived(next))
	stats := app.Postgres.Stats()
	lab.Require(t, goesOn, lab.Finding{
		Measured: fmt.Sprintf("%d times %s at once, with DB_MAX_CONNS=%d: after their first query they wait for ever, with %d connections open and no query running on %d of them",
			n, request(0), n, stats.Open, stats.Open-stats.Busy),
		Expected: "each request goes on with the connection that it has",
		Why:      "Whoever holds a connection and asks for another waits for somebody who does the same. It takes just as many requests as there are connections, and nobody ever gets any further.",
	})
	few := allDone(pending) || lab.Within(patience, func() bool { return app.Postgres.Stats().Open <= n })
	lab.Require(t, few, lab.Finding{
		Measured: fmt.Sprintf("%d times %s at once: between their first query and their second, they have %d connections open", n, request(0), app.Postgres.Stats().Open),
		Expected: fmt.Sprintf("%d: no request holds more than one", n),
		Why:      "Whoever holds a connection and asks for another waits for somebody who does the same, once the pool has a limit. Nobody ever gets any further.",
	})
	next.Open()
	for _, answer := range lab.WaitAll(pending, 2*patience) {
		asked := answer.Status < 300
		expected := "a success for each of them"
		if len(refused) > 0 {
			asked, expected = slices.Contains(refused, answer.Status), fmt.Sprintf("%d for each of them: nothing is left", refused[0])
		}
		lab.Require(t, asked, lab.Finding{
			Measured: fmt.Sprintf("%d times %s at once: one of them answered %d", n, request(0), answer.Status),
			Expected: expected,
			Why:      "There is a connection for each of them.",
		})
	}
}

// requireOneAtATime sends a request when nobody else asks for anything, and holds each of its
// statements in turn: none of them comes with another one.
func requireOneAtATime(t *testing.T, app *lab.App, request *lab.Request) {
	t.Helper()
	gate := app.Postgres.Hold(lab.Work)
	defer func() { gate.Open() }()
	pending := app.Begin(request)
	for k := 1; k <= 2; k++ { // behind the first, a list may ask for all that it lists
		came := lab.Within(patience, func() bool { return gate.Hits() > 0 || pending.Answered() })
		require.True(t, came, "%s is answered, or asks the database", request)
		if pending.Answered() {
			break
		}
		lab.Within(moment/2, func() bool { return asking(app) > 1 })
		busy := asking(app)
		lab.Require(t, busy <= 1, lab.Finding{
			Measured: fmt.Sprintf("one client asks for %s, and nobody else for anything: at its statement %d, %d connections run statements at once", request, k, busy),
			Expected: "one: whatever a request asks for, it asks for one after another",
			Why:      "A request that takes several connections at once is as much to the pool as several visitors. A few of those who have bought much keep out all the others.",
		})
		next := app.Postgres.Hold(lab.Work)
		gate.Open()
		gate = next
	}
	gate.Open()
	answer := pending.Wait(2 * patience)
	lab.Require(t, answer.Status < 300, lab.Finding{
		Measured: fmt.Sprintf("%s was answered with %d", request, answer.Status),
		Expected: "a success: each of its statements had to wait for a moment, and no longer",
		Why:      "A slow minute of the database is no reason to turn people away who may still wait.",
	})
}

// asking returns how many connections have a statement that runs.
func asking(app *lab.App) int {
	connections := map[int]bool{}
	for _, s := range app.Postgres.Running() {
		connections[s.Connection] = true
	}
	return len(connections)
}

func allDone(pending []*lab.Pending) bool {
	for _, p := range pending {
		if !p.Answered() {
			return false
		}
	}
	return true
}

// refuse sends a request that ends badly, and demands that it does end.
func refuse(t *testing.T, app *lab.App, number int, r *lab.Request) *lab.Response {
	t.Helper()
	pending := app.Begin(r)
	answered := lab.Within(patience, func() bool {
		select {
		case <-pending.Done():
			return true
		default:
			return false
		}
	})
	stats := app.Postgres.Stats()
	lab.Require(t, answered, lab.Finding{
		Measured: fmt.Sprintf("request %d, %s, waits for its answer; %d connections are open, %d of them in a transaction, and no query runs",
			number, r, stats.Open, stats.InTransaction),
		Expected: "an answer: the requests before it have theirs, and need nothing any more",
		Why:      whyWhole,
	})
	return pending.Wait(patience)
}

const whyWhole = "A connection that isn't given back is lost for everybody else. Once DB_MAX_CONNS of them are, the API answers nobody, until somebody restarts it in the night."

// requireWhole demands that all connections are idle, and that n requests can use
// them at the same time.
func requireWhole(t *testing.T, app *lab.App, n int, token, after string) {
	t.Helper()
	resting := lab.Within(patience, func() bool {
		s := app.Postgres.Stats()
		return s.Busy == 0 && s.InTransaction == 0 && s.Open <= n
	})
	stats := app.Postgres.Stats()
	lab.Require(t, resting, lab.Finding{
		Measured: fmt.Sprintf("%s, when nobody asks for anything any more, %d connections are open, %d of them in a transaction", after, stats.Open, stats.InTransaction),
		Expected: fmt.Sprintf("at most %d (DB_MAX_CONNS=%d), and none in a transaction", n, n),
		Why:      whyWhole,
	})
	requireNoLocks(t, app, after)
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	pending := app.BeginAll(n, me(token))
	all := lab.Within(patience, func() bool { return gate.Hits() >= n })
	lab.Require(t, all, lab.Finding{
		Measured: fmt.Sprintf("%s, %d requests come at once, and %d of them get a connection", after, n, gate.Hits()),
		Expected: fmt.Sprintf("all %d (DB_MAX_CONNS=%d)", n, n),
		Why: "A connection that nobody can have was not given back, or its holder waits for another one, which is lost as well. " +
			"Once DB_MAX_CONNS of them are gone, the API answers nobody.",
	})
	tooMany := !lab.Within(patience, func() bool { return app.Postgres.Stats().Open <= n })
	lab.Require(t, !tooMany, lab.Finding{
		Measured: fmt.Sprintf("%s, %d requests at once have %d connections open", after, n, app.Postgres.Stats().Open),
		Expected: fmt.Sprintf("%d: one for each of them, and none for those that ended long ago", n),
		Why:      whyWhole,
	})
	gate.Open()
	requireAll(t, lab.WaitAll(pending, 2*patience), after)
}

// requireNoLocks asks PostgreSQL itself whether anybody still holds a lock. Those of a session
// outlive its transactions.
func requireNoLocks(t *testing.T, app *lab.App, after string) {
	t.Helper()
	locks, kinds := 0, ""
	free := lab.Within(patience, func() bool {
		require.NoError(t, app.DB().QueryRow(`
			SELECT count(*), coalesce(string_agg(DISTINCT locktype, ' and '), '') FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&locks, &kinds))
		return locks == 0
	})
	lab.Require(t, free, lab.Finding{
		Measured: fmt.Sprintf("%s, when nobody asks for anything any more, connections of the pool hold locks in PostgreSQL: %d (%s)", after, locks, kinds),
		Expected: "none: a request that is over has given back all that it took",
		Why:      "A lock in an idle connection is seen by nobody, and whoever wants it from another connection waits until the deadline. A rollback ends only what belongs to the transaction.",
	})
}

func TestRefusedOrdersGiveConnectionsBack(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	for i := range 6 {
		refuse(t, app, 2*i+1, lab.OrderOf(lab.SoldOut, 1).As(token)).Expect(http.StatusConflict, "Nothing is left.")
		refuse(t, app, 2*i+2, lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(token)).Expect(http.StatusConflict, "Not that many are left.")
	}
	requireWhole(t, app, conns, token, "after 12 orders for which too few tickets were left")
}

// The database refuses what the API asks for: a constraint, a migration half done.
func TestFailedQueriesGiveConnectionsBack(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")

	// Without the table, a list of events fails in its first query; without the column, in a later one.
	for _, schema := range []struct{ broken, whole string }{
		{`ALTER TABLE venues RENAME TO places`, `ALTER TABLE places RENAME TO venues`},
		{`ALTER TABLE venues RENAME COLUMN name TO title`, `ALTER TABLE venues RENAME COLUMN title TO name`},
	} {
		execute(t, app, schema.broken)
		for i := range 6 {
			refuse(t, app, 3*i+1, lab.GET("/me/orders").As(token))
			refuse(t, app, 3*i+2, lab.GET("/events?limit=%d", i+1))
			refuse(t, app, 3*i+3, lab.GET("/events/%d", i+1))
		}
		execute(t, app, schema.whole)
		requireWhole(t, app, conns, token, "after 18 requests that broke off in the middle, since a query failed")
	}

	app.RefuseWrites("orders")
	for i := range 12 {
		refuse(t, app, i+1, lab.OrderOf(lab.OnSale, 1).As(token))
	}
	requireWhole(t, app, conns, token, "after 12 orders whose INSERT the database refused")
}

func execute(t *testing.T, app *lab.App, sql string) {
	t.Helper()
	_, err := app.DB().Exec(sql)
	require.NoError(t, err, sql)
}

func TestHundredFailuresLeaveThePoolWhole(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token, organiser, strangers := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser), 0
	failures := []func() *lab.Request{
		func() *lab.Request { return lab.OrderOf(lab.SoldOut, 1).As(token) },
		func() *lab.Request { return lab.OrderOf(lab.Past, 1).As(token) },
		func() *lab.Request { return lab.OrderOf(lab.OnSale, 99).As(token) },
		func() *lab.Request { return lab.OrderOf(lab.OnSale, "two").As(token) },
		func() *lab.Request { return lab.POST("/events/999999999/orders", lab.Body{"quantity": 1}).As(token) },
		func() *lab.Request { return lab.GET("/events/999999999") },
		func() *lab.Request { return lab.GET("/events/abc") },
		func() *lab.Request { return lab.GET("/orders/999999999").As(token) },
		func() *lab.Request { return lab.GET("/orders/1").As(organiser) },
		func() *lab.Request {
			return lab.POST("/users", lab.Body{"email": lab.Buyer.Email, "password": "a long pass phrase"})
		},
		func() *lab.Request {
			return lab.PATCH(fmt.Sprintf("/events/%d", lab.OnSale.ID), lab.Body{"title": "Mine"}).As(token)
		},
		func() *lab.Request { return lab.PATCH("/events/999999999", lab.Body{"title": "Mine"}).As(organiser) },
		func() *lab.Request {
			strangers++
			return lab.POST("/sessions", lab.Body{"email": fmt.Sprintf("nobody-%d@example.com", strangers), "password": "a long pass phrase"})
		},
	}
	for i := range 91 {
		refuse(t, app, i+1, failures[i%len(failures)]())
	}
	for range 5 {
		leave(t, app, lab.OrderOf(lab.OnSale, 1).As(token), inTransaction)
		leave(t, app, lab.GET("/me/orders").As(token), lab.Touches("orders"))
	}
	requireWhole(t, app, conns, token, "after 91 refused requests and 10 whose client left in the middle")
}

// inTransaction matches the work that is done between BEGIN and COMMIT.
func inTransaction(s lab.Statement) bool { return s.InTransaction && lab.Work(s) }

// leave sends a request, and hangs up while a statement that matches runs.
func leave(t *testing.T, app *lab.App, r *lab.Request, match lab.Match) {
	t.Helper()
	gate := app.Postgres.Hold(match)
	defer gate.Open()
	pending := app.Begin(r)
	lab.Within(patience, func() bool { return gate.Hits() > 0 || pending.Answered() })
	pending.Leave()
	<-pending.Done()
}

// A server that greets nobody is where a pool loses count: it may open another connection as
// soon as nobody waits for the first.
func TestGivenUpConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	const conns, waves = 3, 8
	app := lab.Start(t, maxConns(conns), lab.Env("REQUEST_TIMEOUT=1m"))
	token := app.LogIn(lab.Buyer)
	app.Postgres.CutAll()
	defer app.Postgres.Stall()()
	for range waves {
		before := app.Postgres.Stats()
		visitors := app.BeginAll(conns, me(token))
		// Not each has one opened: the pool may be opening another by itself.
		lab.Within(time.Second, func() bool { return app.Postgres.Stats().Since(before).Connections > 0 })
		for _, v := range visitors {
			v.Leave()
		}
	}
	few := lab.Within(2*patience, func() bool { return app.Postgres.Stats().Open <= conns })
	lab.Require(t, few, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL takes connections and says nothing. %d times, %d visitors came and left again; %d connections are still open, with DB_MAX_CONNS=%d",
			waves, conns, app.Postgres.Stats().Open, conns),
		Expected: fmt.Sprintf("%d at most: whoever leaves takes along the connection that was being opened for them", conns),
		Why:      "The pool doesn't count what it no longer waits for. The server that comes back finds all of them before its door, and the limit that you worked out isn't one.",
	})
}
