package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// checkPatience is how long who asks for health waits for the answer.
const checkPatience = 3 * time.Second

const (
	aliveWhy = "Whoever asks /healthz restarts what doesn't answer. A database that hangs would then have all your instances restarted, again and again, and a restart doesn't mend a database."
	waitsWhy = "A check that doesn't answer says neither yes nor no. Whoever asks goes on to send requests until their own patience ends, and the checks pile up behind one another."
	readyWhy = "Whoever asks /readyz sends requests where it says 200. An instance that can't serve them makes an error of each."
)

func TestHealthzAsksNobody(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	before := app.Postgres.Stats()
	check := lab.GET("/healthz")
	const checks = 100 // some minutes of whoever asks
	answers := app.Times(checks, check)
	asked := app.Postgres.Stats().Since(before)
	answer := answers[0]
	for _, a := range answers {
		a.Expect(http.StatusOK, aliveWhy)
	}
	lab.Require(t, asked.Connections == 0 && asked.RoundTrips == 0, lab.Finding{
		Measured: fmt.Sprintf("%d × %s opened %d connections to PostgreSQL, and waited for it %d times", checks, check, asked.Connections, asked.RoundTrips),
		Expected: "no connection, and no word to PostgreSQL, at no check",
		Why:      aliveWhy,
		Try:      answer.Curl(),
	})

	resume := app.Postgres.Stall()
	defer resume()
	ask(t, app, check, "hangs", http.StatusOK, aliveWhy)

	// On sale day, all who came wait together.
	const crowd = 400
	before = app.Postgres.Stats()
	app.BeginAll(crowd, func(i int) *lab.Request { return lab.GET("/events/%d", 1000+i) })
	lab.Within(patience, func() bool { return app.Postgres.Stats().Since(before).Connections >= crowd }) // a pool has fewer
	ask(t, app, check, fmt.Sprintf("hangs with %d requests that wait for it", crowd), http.StatusOK, aliveWhy)
	app.Postgres.Down() // before it answers again: the crowd must not fall upon the database
	resume()
	ask(t, app, check, "is gone", http.StatusOK, aliveWhy)
}

func TestReadyzSaysNoWhileTheDatabaseHangs(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	requireReady(t, app, "at first")
	resume := app.Postgres.Stall()
	defer resume()
	requireNotReady(t, app, "hangs")
	requireNotReadyTogether(t, app, "hangs")
	resume()
	requireReady(t, app, "once the database answers again")

	// A proxy before the database, such as PgBouncer, greets by itself.
	gate := app.Postgres.Hold(lab.Any)
	defer gate.Open()
	requireNotReady(t, app, "takes connections, and answers no statement")
	gate.Open()
	requireReady(t, app, "once the database answers statements again")
}

func TestReadyzSaysNoWhileTheDatabaseIsGone(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	requireReady(t, app, "at first")
	up := app.Postgres.Down()
	requireNotReady(t, app, "is gone")
	up()
	requireReady(t, app, "once the database is back")

	// A database that is there and lets nobody in serves as little as one that is gone.
	for _, no := range []struct{ code, text string }{
		{"53300", "sorry, too many clients already"},
		{"57P03", "the database system is starting up"},
	} {
		refusal := app.Postgres.Refuse(no.code, no.text)
		app.Postgres.CutAll()
		requireNotReady(t, app, fmt.Sprintf("says %q to each who connects", no.text))
		refusal.Stop()
		requireReady(t, app, "once the database takes connections again")
	}
}

// requireNotReady demands a 503 from /readyz. A check that runs on its own, every
// second or so, is right as well: it gets the time for that.
func requireNotReady(t *testing.T, app *lab.App, state string) {
	t.Helper()
	check := lab.GET("/readyz")
	var answer *lab.Response
	for deadline := time.Now().Add(checkPatience); ; time.Sleep(20 * time.Millisecond) {
		if answer = asked(t, app, check, state, waitsWhy); answer.Status == http.StatusServiceUnavailable || time.Now().After(deadline) {
			break
		}
	}
	lab.Require(t, answer.Status == http.StatusServiceUnavailable, lab.Finding{
		Measured: fmt.Sprintf("the database %s, and %s answers %d, for %v now", state, check, answer.Status, checkPatience),
		Expected: "503",
		Why:      readyWhy,
	})
	var problem struct{ Status int }
	err := json.Unmarshal(answer.Body, &problem)
	kind := answer.Header.Get("Content-Type")
	lab.Require(t, err == nil && problem.Status == answer.Status && strings.HasPrefix(kind, "application/problem+json"), lab.Finding{
		Measured: fmt.Sprintf("%s answered 503 as %q:\n%s", check, kind, shortText(string(answer.Body))),
		Expected: "application/problem+json, as all answers that say no",
		Why:      "One form for all errors is one piece of code in each client, the operator's included.",
	})
}

// requireNotReadyTogether demands the same of checks that come at the same moment, as those
// of a balancer's nodes do.
func requireNotReadyTogether(t *testing.T, app *lab.App, state string) {
	t.Helper()
	// One after another, they would take ten seconds; all at once, one, and more on a busy machine.
	const together, patience = 10, 2 * checkPatience
	check := lab.GET("/readyz")
	pending := app.BeginAll(together, func(int) *lab.Request { return check })
	lab.Within(patience, func() bool { return answered(pending) == together })
	lab.Require(t, answered(pending) == together, lab.Finding{
		Measured: fmt.Sprintf("the database %s, and of %d × %s at the same moment, %d are still waiting for their answers after %v",
			state, together, check, together-answered(pending), patience),
		Expected: "an answer to each within a second or so",
		Why:      waitsWhy,
	})
	for _, answer := range lab.WaitAll(pending, patience) {
		answer.Expect(http.StatusServiceUnavailable, readyWhy)
	}
}

// answered is how many of the requests have their answers.
func answered(pending []*lab.Pending) (n int) {
	for _, p := range pending {
		if p.Answered() {
			n++
		}
	}
	return n
}

// requireReady demands a 200 from /readyz. A check that runs on its own, every second
// or so, is right as well: it gets the time for that, and more of it on a machine that
// is slow to ask.
func requireReady(t *testing.T, app *lab.App, when string) {
	t.Helper()
	const checks = 50
	status, start := 0, time.Now()
	for n := 0; status != http.StatusOK && (n < checks || time.Since(start) < checkPatience); n++ {
		if n > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		status = asked(t, app, lab.GET("/readyz"), "is well", waitsWhy).Status
	}
	lab.Require(t, status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("GET /readyz answers %d %s, for %v now", status, when, time.Since(start).Round(time.Second)),
		Expected: "200, as soon as the database can serve",
		Why:      "An instance that stays away after the trouble is over is one that somebody must restart by hand, on the worst day of the year.",
	})
}

// ask demands a status from a check while the database is in trouble.
func ask(t *testing.T, app *lab.App, check *lab.Request, state string, want int, why string) {
	t.Helper()
	answer := asked(t, app, check, state, why)
	lab.Require(t, answer.Status == want, lab.Finding{
		Measured: fmt.Sprintf("the database %s, and %s answered %d", state, check, answer.Status),
		Expected: fmt.Sprint(want),
		Why:      why,
	})
}

// asked sends a check, and demands that it is answered at all.
func asked(t *testing.T, app *lab.App, check *lab.Request, state, why string) *lab.Response {
	t.Helper()
	pending := app.Begin(check)
	select {
	case <-pending.Done():
	case <-time.After(checkPatience):
		lab.Require(t, false, lab.Finding{
			Measured: fmt.Sprintf("the database %s, and %s is still waiting for its answer after %v", state, check, checkPatience),
			Expected: "an answer within a second or so, whatever it says",
			Why:      why,
		})
	}
	return pending.Wait(patience)
}
