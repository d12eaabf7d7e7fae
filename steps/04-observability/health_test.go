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
	answer := app.Times(5, check)[0].Expect(http.StatusOK, aliveWhy)
	asked := app.Postgres.Stats().Since(before)
	lab.Require(t, asked.Connections == 0 && asked.RoundTrips == 0, lab.Finding{
		Measured: fmt.Sprintf("5 × %s opened %d connections to PostgreSQL, and waited for it %d times", check, asked.Connections, asked.RoundTrips),
		Expected: "no connection, and no word to PostgreSQL",
		Why:      aliveWhy,
		Try:      answer.Curl(),
	})

	resume := app.Postgres.Stall()
	defer resume()
	ask(t, app, check, "hangs", http.StatusOK, aliveWhy)
	resume()
	app.Postgres.Down()
	ask(t, app, check, "is gone", http.StatusOK, aliveWhy)
}

func TestReadyzSaysNoWhileTheDatabaseHangs(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	requireReady(t, app, "at first", patience)
	resume := app.Postgres.Stall()
	defer resume()
	requireNotReady(t, app, "hangs")
	resume()
	requireReady(t, app, "once the database answers again", 2*patience)

	// A proxy before the database, such as PgBouncer, greets by itself.
	gate := app.Postgres.Hold(lab.Any)
	defer gate.Open()
	requireNotReady(t, app, "takes connections, and answers no statement")
	gate.Open()
	requireReady(t, app, "once the database answers statements again", 2*patience)
}

func TestReadyzSaysNoWhileTheDatabaseIsGone(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	requireReady(t, app, "at first", patience)
	up := app.Postgres.Down()
	requireNotReady(t, app, "is gone")
	up()
	requireReady(t, app, "once the database is back", 2*patience)
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

func requireReady(t *testing.T, app *lab.App, when string, within time.Duration) {
	t.Helper()
	status := 0
	for deadline := time.Now().Add(within); status != http.StatusOK && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		status = asked(t, app, lab.GET("/readyz"), "is well", waitsWhy).Status
	}
	lab.Require(t, status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("GET /readyz answers %d %s, for %v", status, when, within),
		Expected: "200",
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
