package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// patience is how long these tests wait for what has to happen soon.
const patience = 5 * time.Second

// patient is a deadline for requests that these tests never reach.
const patient = "REQUEST_TIMEOUT=30s"

// maxConns starts the API with a pool of n connections.
func maxConns(n int) lab.Option { return lab.Env(fmt.Sprintf("DB_MAX_CONNS=%d", n)) }

// me asks who is logged in: one short query, and never the same as anybody else's.
func me(token string) func(int) *lab.Request {
	return func(int) *lab.Request { return lab.GET("/me").As(token) }
}

// requireAll demands that all requests were answered with 200.
func requireAll(t *testing.T, answers []*lab.Response, when string) {
	t.Helper()
	lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == len(answers), lab.Finding{
		Measured: fmt.Sprintf("%s, %d requests were answered with %s", when, len(answers), lab.Statuses(answers)),
		Expected: fmt.Sprintf("200 OK ×%d", len(answers)),
		Why:      "More requests than connections is an ordinary minute. Each of them waits for a moment, and has its turn.",
	})
}

// wave sends requests while the database keeps all who ask it waiting, lets go once
// n statements have come, and waits until everybody has an answer.
func wave(t *testing.T, app *lab.App, n, requests int, request func(i int) *lab.Request, when string) {
	t.Helper()
	gate := app.Postgres.Hold(lab.Work)
	defer gate.Open()
	pending := app.BeginAll(requests, request)
	busy := lab.Within(patience, func() bool { return gate.Hits() >= n })
	lab.Require(t, busy, lab.Finding{
		Measured: fmt.Sprintf("%s, %d requests came at once, and no more than %d queries ran at the same time", when, requests, gate.Hits()),
		Expected: fmt.Sprintf("%d at the same time: DB_MAX_CONNS=%d", n, n),
		Why:      "A connection that the operator pays for, and nobody may use, makes everybody wait for the others.",
	})
	gate.Open()
	requireAll(t, lab.WaitAll(pending, 2*patience), when)
}

// Between two waves all connections are idle, and between two requests some are.
func TestConnectionsAreKept(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	const conns, waves = 12, 10 // more than the ten that are the default
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	request := me(app.LogIn(lab.Buyer))
	for i := range waves {
		wave(t, app, conns, 2*conns, request, fmt.Sprintf("in wave %d of %d", i+1, waves))
	}
	stats := app.Postgres.Stats()
	lab.Require(t, stats.Connections <= conns, lab.Finding{
		Measured: fmt.Sprintf("%d requests in %d waves opened %d connections, and at most %d were open at once",
			waves*2*conns, waves, stats.Connections, stats.MostOpen),
		Expected: fmt.Sprintf("at most %d opened in all, with DB_MAX_CONNS=%d: the second wave finds those of the first", conns, conns),
		Why:      "Opening a connection takes a handshake, a password check and a new process of PostgreSQL's: many times what a short query takes.",
		Try:      tryHundred,
	})
}

// tryHundred shows the number of connections that a hundred requests open.
const tryHundred = `go tool workshop run 06     (in another terminal)
curl -s 'localhost:8080/events/[1-100]' -o /dev/null; curl -s localhost:8080/metrics | grep ^db_connections`

func TestAllRoutesShareThePool(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	const conns = 2
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for i := range 3 {
		app.Do(lab.GET("/readyz")).Expect(http.StatusOK, "The database is there.")
		app.Do(lab.GET("/events?limit=5")).Expect(http.StatusOK, "Anybody may see what is on.")
		app.Do(lab.GET("/events/%d", i+1)).Expect(http.StatusOK, "Anybody may see an event.")
		app.Do(lab.POST("/users", lab.Body{"email": fmt.Sprintf("new-%d@example.com", i), "password": "a long pass phrase"})).
			Expect(http.StatusCreated, "Anybody may sign up.")
		app.Do(lab.PATCH(fmt.Sprintf("/events/%d", lab.OnSale.ID), lab.Body{"price_cents": lab.OnSale.PriceCents}).As(organiser)).
			Expect(http.StatusOK, "An organiser may set the price.")
		var order contract.Order
		app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)
		app.Do(lab.GET("/orders/%d", order.ID).As(token)).Expect(http.StatusOK, "Buyers look up what they bought.")
		app.Do(lab.GET("/me/orders").As(token)).Expect(http.StatusOK, "Buyers look up what they bought.")
		app.Do(lab.GET("/me").As(token)).Expect(http.StatusOK, "A client shows who is logged in.")
	}
	opened := app.Postgres.Stats().Connections
	lab.Require(t, opened <= conns, lab.Finding{
		Measured: fmt.Sprintf("one client that called every route in turn, one request at a time, opened %d connections", opened),
		Expected: fmt.Sprintf("at most %d: DB_MAX_CONNS=%d is for all routes together", conns, conns),
		Why:      "What counts at the server is the sum. A limit that holds for each method of the store alone is no limit.",
		Try:      tryHundred,
	})
}

func TestPoolEndsAtDBMaxConns(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	for _, conns := range []int{3, 30, 1} {
		app := lab.Start(t, maxConns(conns), lab.Env(patient))
		request := me(app.LogIn(lab.Buyer))
		gate := app.Postgres.Hold(lab.Work)
		pending := app.BeginAll(5*conns, request)
		requireBusy(t, app, gate, conns, fmt.Sprintf("while PostgreSQL keeps every query waiting, %d requests come at once, with DB_MAX_CONNS=%d", len(pending), conns))
		if conns == 3 {
			requireFewChecks(t, app, conns)
		}
		gate.Open()
		requireAll(t, lab.WaitAll(pending, 2*patience), "when PostgreSQL answers again")
	}
}

// requireFewChecks has several balancers and monitors ask at once while all connections are busy, and
// PostgreSQL answers nobody any more.
func requireFewChecks(t *testing.T, app *lab.App, conns int) {
	t.Helper()
	frozen := app.Postgres.Hold(lab.Any)
	defer frozen.Open()
	const checks = 10
	most := conns + 2 // one for the checks, and one that is about to be closed
	pending := app.BeginAll(checks, func(int) *lab.Request { return lab.GET("/readyz") })
	open := 0
	lab.Within(2*patience, func() bool {
		open = app.Postgres.Stats().Open
		return open > most || allDone(pending)
	})
	lab.Require(t, open <= most, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL answers nobody, all connections are busy, and GET /readyz is asked %d times at once: %d connections are open, with DB_MAX_CONNS=%d", checks, open, conns),
		Expected: fmt.Sprintf("%d: those of the requests, and one for the checks", conns+1),
		Why:      "The worse the database is, the more checks wait for it at the same time. What they open is beside DB_MAX_CONNS, and the operator hasn't counted it.",
	})
}

// moment is how long a test looks whether something happens that must not.
const moment = 300 * time.Millisecond

// requireBusy demands that exactly n statements wait at the gate, on n connections.
func requireBusy(t *testing.T, app *lab.App, gate *lab.Gate, n int, when string) {
	t.Helper()
	lab.Within(patience, func() bool { return gate.Hits() >= n })
	lab.Within(moment, func() bool { return gate.Hits() > n || app.Postgres.Stats().Open > n })
	stats := app.Postgres.Stats()
	lab.Require(t, gate.Hits() == n && stats.Open == n, lab.Finding{
		Measured: fmt.Sprintf("%s: %d connections are open, and %d queries run on them so far", when, stats.Open, gate.Hits()),
		Expected: fmt.Sprintf("%d connections open, and as many queries; whoever comes later waits in the API", n),
		Why:      "PostgreSQL has 100 connections by default, for everybody. The instance that takes them all in a bad minute locks out the others, and the operator too.",
	})
}

func TestEachInstanceHasAPool(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	const conns = 4
	app := lab.Start(t, maxConns(conns), lab.Env(patient), lab.Instances(2))
	token := app.LogIn(lab.Buyer)
	gate := app.Postgres.Hold(lab.Work)
	pending := app.BeginAll(6*conns, func(i int) *lab.Request { return lab.GET("/me").As(token).On(i % 2) })
	requireBusy(t, app, gate, 2*conns, fmt.Sprintf("%d requests come at once to two instances, each with DB_MAX_CONNS=%d", len(pending), conns))
	gate.Open()
	requireAll(t, lab.WaitAll(pending, 2*patience), "when PostgreSQL answers again")
}

func TestPoolIsInTheMetrics(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	const conns = 7
	app := lab.Start(t, maxConns(conns))
	app.Do(lab.GET("/events?limit=1&q=%s", url.QueryEscape(lab.OnSale.Title))).Expect(http.StatusOK, "Anybody may see what is on.")
	metrics := app.Metrics(0)
	for _, name := range []string{"go_sql_max_open_connections", "go_sql_open_connections", "go_sql_wait_count_total"} {
		lab.Require(t, metrics.Has(name), lab.Finding{
			Measured: fmt.Sprintf("after a request, %s is not in GET /metrics", name),
			Expected: "the state of the pool, which collectors.NewDBStatsCollector collects",
			Why:      "A pool that is too small looks like a slow database, until somebody can see who waits for what. Which registry does /metrics show?",
			Try:      tryPoolMetrics,
		})
	}
	limit, open := metrics.Sum("go_sql_max_open_connections"), metrics.Sum("go_sql_open_connections")
	lab.Require(t, limit == conns && open >= 1, lab.Finding{
		Measured: fmt.Sprintf("after a request, GET /metrics has go_sql_max_open_connections %v and go_sql_open_connections %v", limit, open),
		Expected: fmt.Sprintf("%d, as DB_MAX_CONNS says, and at least 1", conns),
		Why:      "Numbers of a pool that nobody uses help nobody. Which pool is it that the collector looks at?",
		Try:      tryPoolMetrics,
	})
}

// tryPoolMetrics shows what there is to see of the pool.
const tryPoolMetrics = `go tool workshop run 06     (in another terminal)
curl -s localhost:8080/events/1 -o /dev/null; curl -s localhost:8080/metrics | grep go_sql`

// Many visitors, or a few slow queries, have all connections in use.
func TestBusyInstanceIsReady(t *testing.T) {
	t.Parallel()
	const conns = 3
	app := lab.Start(t, maxConns(conns), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	app.Do(lab.GET("/readyz")).Expect(http.StatusOK, "Nothing is wrong.")
	gate := app.Postgres.Hold(lab.Touches("users"))
	defer gate.Open()
	pending := app.BeginAll(2*conns, me(token))
	busy := lab.Within(patience, func() bool { return gate.Hits() >= conns })
	require.True(t, busy, "%d requests are in the database", conns)
	for range 3 {
		answer := app.Begin(lab.GET("/readyz")).Wait(patience)
		lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("%d requests keep all connections busy (DB_MAX_CONNS=%d), PostgreSQL answers, and GET /readyz says %d", 2*conns, conns, answer.Status),
			Expected: "200: the check doesn't stand in a line with the requests",
			Why:      "Who is busy isn't gone. A balancer that takes a busy instance away gives its requests to the next one, which is soon as busy. In the end nobody is left, for what the database isn't needed for, too.",
		})
	}
	frozen := app.Postgres.Hold(lab.Any)
	defer frozen.Open()
	answer := app.Begin(lab.GET("/readyz")).Wait(2 * patience)
	lab.Require(t, answer.Status == http.StatusServiceUnavailable, lab.Finding{
		Measured: fmt.Sprintf("all connections are busy (DB_MAX_CONNS=%d), PostgreSQL answers nobody any more, and GET /readyz says %d", conns, answer.Status),
		Expected: "503: being busy doesn't say that the database is there, only asking it does",
		Why:      "A database that hangs has all connections busy within a moment. A balancer that still hears \"ready\" goes on sending people into the line.",
	})
	frozen.Open()
	gate.Open()
	requireAll(t, lab.WaitAll(pending, 2*patience), "once the queries have gone through")
}
