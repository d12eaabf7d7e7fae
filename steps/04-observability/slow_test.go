package main_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// slowQuery is how slow the statements of these tests are; SLOW_QUERY is less, or
// much more.
const slowQuery = 150 * time.Millisecond

func TestSlowQueryIsLogged(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env("SLOW_QUERY=100ms"))
	request := lab.GET("/events/%d", lab.OnSale.ID)
	for _, slow := range []struct {
		id    string
		event lab.Event
		took  time.Duration
	}{
		{"slow", lab.OnSale, slowQuery},
		{"slow-too", lab.FewLeft, moreThanASecond}, // the same statement, for somebody else
	} {
		request = lab.GET("/events/%d", slow.event.ID).Header(idHeader, slow.id)
		answer, waited := hold(t, app, request, lab.Touches("events"), slow.took)
		line := requireSlowLine(t, app, request, idOf(answer, slow.id), "events")
		logged, isNumber := line.Fields["duration_ms"].(float64)
		lab.Require(t, isNumber && logged >= milliseconds(waited) && logged < 60_000, lab.Finding{
			Measured: fmt.Sprintf("the statement took %v, and its line says duration_ms %s\n%s", waited.Round(time.Millisecond), fieldText(line, "duration_ms"), line.Text),
			Expected: fmt.Sprintf("the number %.0f, or a little more", milliseconds(waited)),
			Why:      durationWhy(line, time.Minute, "Of twenty slow queries you mend the slowest first."),
		})
	}

	patient := lab.Start(t, lab.Env("SLOW_QUERY=1m"))
	hold(t, patient, request, lab.Touches("events"), slowQuery)
	slow := patient.LogsWith("msg", "slow query")
	lab.Require(t, len(slow) == 0, lab.Finding{
		Measured: fmt.Sprintf("with SLOW_QUERY=1m, a statement of %v was logged as slow", slowQuery),
		Expected: "only those that take longer than SLOW_QUERY",
		Why:      "A log of everything is a log that nobody reads, and costs as much as the queries.",
	})
}

// A statement that waits for a lock, and is given up: by whoever runs the database, or since
// the client has hung up.
func TestSlowQueryThatFailsIsLogged(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env("SLOW_QUERY=100ms"))
	token := app.LogIn(lab.Buyer)
	for table, request := range map[string]*lab.Request{
		"events": lab.GET("/events/%d", lab.OnSale.ID),
		"orders": lab.GET("/me/orders").As(token),
		"users":  lab.GET("/me").As(token),
	} {
		id := "fails-" + table
		lock := lockTable(t, app, table)
		pending := app.Begin(request.Header(idHeader, id))
		lock.awaitWaiting(t)
		<-time.After(slowQuery)
		lock.cancel(t)
		answer := pending.Wait(patience)
		lock.release(t)
		requireSlowLine(t, app, request, idOf(answer, id), table)
	}

	request := lab.GET("/me/orders").As(token).Header(idHeader, "left")
	before := len(app.Instances[0].Logs())
	leave(t, app, request, "orders", slowQuery)
	requireSlowLine(t, app, request, cmp.Or(slowID(app, before, "orders"), "left"), "orders")
}

// slowID waits for a line about a slow statement on the table, and returns its request's id: who
// has left got no answer that says it.
func slowID(app *lab.App, before int, table string) (id string) {
	lab.Within(soon, func() bool {
		for _, line := range app.Instances[0].LogsSince(before) {
			if text(line, "msg") == "slow query" && strings.Contains(text(line, "query"), table) {
				id = text(line, "request_id")
			}
		}
		return id != ""
	})
	return id
}

func TestSlowQueryOfAnOrderIsLogged(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env("SLOW_QUERY=100ms"))
	token := app.LogIn(lab.Buyer)
	for _, table := range []string{"events", "orders"} {
		id := "slow-" + table
		request := lab.OrderOf(lab.OnSale, 1).As(token).Header(idHeader, id)
		answer, _ := hold(t, app, request, lab.Writes(table), slowQuery)
		requireSlowLine(t, app, request, idOf(answer, id), table)
	}
	requireEachSlowLineNamed(t)
}

// requireEachSlowLineNamed demands the request's id on the line of each statement of an order:
// to an API whose SLOW_QUERY is next to nothing, all are slow.
func requireEachSlowLineNamed(t *testing.T) {
	t.Helper()
	app := lab.Start(t, lab.Env("SLOW_QUERY=1ns"))
	token := app.LogIn(lab.Buyer)
	before := len(app.Instances[0].Logs())
	request := lab.OrderOf(lab.OnSale, 1).As(token).Header(idHeader, "each")
	answer := app.Do(request).Expect(http.StatusCreated, "A slow database sells tickets, too.")
	id := idOf(answer, "each")
	requireSlowLine(t, app, request, id, "orders")
	requestLines(app, id) // the last one
	ofAnOrder := func(line lab.LogLine) bool {
		return text(line, "msg") == "slow query" && slices.ContainsFunc([]string{"users", "events", "orders"}, func(table string) bool {
			return strings.Contains(text(line, "query"), table)
		})
	}
	for _, line := range app.Instances[0].LogsSince(before) {
		lab.Require(t, !ofAnOrder(line) || text(line, "request_id") != "", lab.Finding{
			Measured: fmt.Sprintf("%s came with %s: %s, and this is the line of one of its statements:\n%s", request, idHeader, id, shortText(line.Text)),
			Expected: fmt.Sprintf("request_id %q on the lines of all its statements, those behind the sale as well", id),
			Why:      "A page is slow for one customer in a hundred. The id leads from their complaint to the statement.",
		})
	}
}

func TestSlowQueryKeepsItsParameters(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env("SLOW_QUERY=100ms"), lab.Env("LOG_LEVEL=debug"))
	const private = "kilimanjaro"
	for i, c := range []struct {
		request *lab.Request
		table   string
	}{
		{lab.GET("/events?q=%s", url.QueryEscape(private)), "events"},
		{lab.POST("/users", lab.Body{"email": private + "@example.com", "password": "tr0ub4dor-and-3"}), "users"},
	} {
		id := fmt.Sprintf("private-%d", i)
		answer, _ := hold(t, app, c.request.Header(idHeader, id), lab.Touches(c.table), slowQuery)
		id = idOf(answer, id)
		requireSlowLine(t, app, c.request, id, c.table)
		for _, line := range app.LogsWith("request_id", id) {
			if text(line, "msg") == "request" {
				continue // whose subject is another task
			}
			lab.Require(t, !strings.Contains(line.Text, private), lab.Finding{
				Measured: fmt.Sprintf("what the client sent with %s stands in the log:\n%s", maskPath(c.request), around(line.Text, private)),
				Expected: "the statement as it was written, with $1 in it, and none of its values",
				Why:      "Values are names, addresses and hashes of passwords. The plan of a query is found without them; a customer's data in a log is a thing to report to the authorities.",
			})
		}
	}
}

// around is the part of a line in which the word stands.
func around(line, word string) string {
	const margin = 100
	at := max(strings.Index(line, word), 0)
	return "…" + line[max(at-margin, 0):min(at+len(word)+margin, len(line))] + "…"
}

// requireSlowLine demands a line about a slow statement on the table, with the id of
// its request.
func requireSlowLine(t *testing.T, app *lab.App, request *lab.Request, id, table string) lab.LogLine {
	t.Helper()
	var found lab.LogLine
	lab.Within(soon, func() bool {
		for _, line := range app.LogsWith("msg", "slow query") {
			if text(line, "request_id") == id && strings.Contains(text(line, "query"), table) {
				found = line
			}
		}
		return found.Fields != nil
	})
	measured := fmt.Sprintf("a statement of %s on %s took %v or longer, and nothing about it stands in the log", maskPath(request), table, slowQuery)
	if lines := app.LogsWith("msg", "slow query"); found.Fields == nil && len(lines) > 0 {
		measured = fmt.Sprintf("a statement of %s on %s took %v or longer, and the last slow query in the log is\n%s", maskPath(request), table, slowQuery, shortText(lines[len(lines)-1].Text))
	}
	lab.Require(t, found.Fields != nil, lab.Finding{
		Measured: measured,
		Expected: fmt.Sprintf("a line with msg %q, the SQL as query, and request_id %q", "slow query", id),
		Why:      "A page is slow for one customer in a hundred. The id leads from their complaint to the statement.",
	})
	return found
}
