package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// FailuresAreNotAnswers holds when each route that asks the database answers as always, or with
// a 5xx, whichever of its statements loses its connection; when a 200 is as true as without;
// and when what was written is what the answer says.
func FailuresAreNotAnswers(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := newcomer(t, app), app.LogIn(lab.Organiser)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	before := Seats(t, app)
	for _, q := range questions(t, app, buyer, organiser) {
		if app.Do(q.ask(0)).Status >= http.StatusBadRequest {
			continue // a later task is to build it
		}
		for k := 1; q.cut(t, app, k); k++ {
		}
	}
	// Each order that was broken off has taken its tickets and is there, or neither.
	now := Seats(t, app)
	lab.Require(t, now == before, lab.Finding{
		Measured: fmt.Sprintf("orders lost their connection before each of their statements; what was sold and what remains were %d tickets together, and are %d", before, now),
		Expected: "the same sum: what is ordered is taken from what remains, or neither happens",
		Why:      "Tickets that are taken and ordered by nobody are seats that stay empty; orders without tickets are people at the door.",
	})
}

const newcomerEmail = "newcomer@example.com"

// newcomer signs up somebody who has no orders yet, and returns their token.
func newcomer(t *testing.T, app *lab.App) (token string) {
	t.Helper()
	account := lab.Body{"email": newcomerEmail, "password": "correct horse battery"}
	app.Do(lab.POST("/users", account)).Expect(http.StatusCreated, "Nobody buys without an account.")
	var session struct{ Token string }
	app.Do(lab.POST("/sessions", account)).Expect(http.StatusCreated, "Whoever has signed up can log in.").JSON(&session)
	return session.Token
}

// question is a request that asks the database.
type question struct {
	// ask is the nth request: each another one, so that no answer is remembered.
	ask func(n int) *lab.Request
	// wrong is what is wrong with the answer to the nth, "" when it may be given.
	wrong func(n int, answer *lab.Response) string
	tried int
}

// moment is how long after an answer it is waited for what happened before it.
const moment = 100 * time.Millisecond

// whyFailures is why a failure must not look like an answer.
const whyFailures = "A connection can break at any statement. Clients, caches and search engines believe a 200, a 404, a 401 or a 409, and remember it. They come back after a 5xx."

// cut asks, and cuts the connection before the kth statement. It reports whether the request
// came so far.
func (q *question) cut(t *testing.T, app *lab.App, k int) bool {
	t.Helper()
	q.tried++
	request := q.ask(q.tried)
	// database/sql tries a statement that lost its connection twice more.
	cut, again, third := app.Postgres.CutAt(k, lab.Before, lab.Any), app.Postgres.CutAt(k, lab.Before, lab.Any), app.Postgres.CutAt(k, lab.Before, lab.Any)
	answer := app.Do(request)
	lab.Within(moment, func() bool { _, fell := cut.At(); return fell })
	statement, fell := cut.At()
	cut.Stop()
	again.Stop()
	third.Stop()
	wrong := ""
	switch {
	case len(answer.Body) > 0 && !json.Valid(answer.Body):
		wrong = fmt.Sprintf("%d and a body that is no JSON, or two answers in a row: %s", answer.Status, answer.Body)
	case answer.Status >= http.StatusInternalServerError && fell:
	case answer.Status >= http.StatusBadRequest:
		wrong = fmt.Sprintf("%d %s", answer.Status, answer.Body)
	default:
		wrong = q.wrong(q.tried, answer)
	}
	lab.Require(t, wrong == "", lab.Finding{
		Measured: fmt.Sprintf("%s, whose connection to the database broke before statement %d (%s), was answered with %s", request, k, statement.Verb(), wrong),
		Expected: "the true answer, if the API asks again by itself; else a status from 500 on, and nothing half done",
		Why:      whyFailures,
		Try:      answer.Curl(),
	})
	return fell
}

// questions are all routes that ask the database.
func questions(t *testing.T, app *lab.App, buyer, organiser string) []*question {
	t.Helper()
	var all Page
	app.Do(lab.GET("/events?limit=100")).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&all)
	require.Len(t, all.Events, 100)
	event := func(n int) Event { return all.Events[n%len(all.Events)] }
	onSale := slices.DeleteFunc(slices.Clone(all.Events), func(e Event) bool { return e.Remaining == 0 })
	require.NotEmpty(t, onSale)
	buyable := func(n int) Event { return onSale[n%len(onSale)] }
	email := func(n int) string { return fmt.Sprintf("failure-%d@example.com", n) }
	return []*question{
		{ask: func(n int) *lab.Request { return lab.GET("/events?q=%s", url.QueryEscape(event(n).Title)) }, wrong: func(n int, a *lab.Response) string {
			var page Page
			a.JSON(&page)
			if !slices.ContainsFunc(page.Events, func(e Event) bool { return e.ID == event(n).ID && e.Venue == event(n).Venue }) {
				return fmt.Sprintf("%d %s", a.Status, a.Body)
			}
			return ""
		}},
		{ask: func(n int) *lab.Request { return lab.GET("/events/%d", event(n).ID) }, wrong: func(n int, a *lab.Response) string {
			return notTheEvent(a, event(n))
		}},
		{ask: func(int) *lab.Request { return lab.GET("/me").As(buyer) }, wrong: func(_ int, a *lab.Response) string {
			var me struct{ Email string }
			if a.JSON(&me); me.Email != newcomerEmail {
				return fmt.Sprintf("%d %s", a.Status, a.Body)
			}
			return ""
		}},
		{ask: func(int) *lab.Request { return lab.GET("/me/orders").As(buyer) }, wrong: func(_ int, a *lab.Response) string {
			var answer struct {
				Orders []struct{ Event *Event }
			}
			a.JSON(&answer)
			if len(answer.Orders) == 0 || answer.Orders[0].Event == nil || answer.Orders[0].Event.Title == "" || answer.Orders[0].Event.Venue.Name == "" {
				return fmt.Sprintf("%d %s", a.Status, a.Body)
			}
			return ""
		}},
		{ask: func(n int) *lab.Request {
			return lab.PATCH(fmt.Sprintf("/events/%d", event(n).ID), lab.Body{"price_cents": 10_000 + n}).As(organiser)
		}, wrong: func(n int, a *lab.Response) string {
			var cents int
			require.NoError(t, app.DB().QueryRow(`SELECT price_cents FROM events WHERE id = $1`, event(n).ID).Scan(&cents))
			if cents != 10_000+n {
				return fmt.Sprintf("%d, and the price is still %d", a.Status, cents)
			}
			return notTheEvent(a, event(n))
		}},
		{ask: func(n int) *lab.Request {
			return lab.POST("/users", lab.Body{"email": email(n), "password": "correct horse battery"})
		}, wrong: func(n int, a *lab.Response) string {
			var known int
			require.NoError(t, app.DB().QueryRow(`SELECT count(*) FROM users WHERE email = $1`, email(n)).Scan(&known))
			if known != 1 {
				return fmt.Sprintf("%d, and nobody has signed up", a.Status)
			}
			return ""
		}},
		{ask: func(int) *lab.Request {
			return lab.POST("/sessions", lab.Body{"email": lab.OtherBuyer.Email, "password": lab.OtherBuyer.Password})
		}, wrong: func(_ int, a *lab.Response) string {
			var session struct{ Token string }
			if a.JSON(&session); app.Do(lab.GET("/me").As(session.Token)).Status != http.StatusOK {
				return fmt.Sprintf("%d, and a token that opens nothing", a.Status)
			}
			return ""
		}},
		{ask: func(n int) *lab.Request {
			return lab.POST(fmt.Sprintf("/events/%d/orders", buyable(n).ID), lab.Body{"quantity": 1}).As(buyer)
		}, wrong: func(n int, a *lab.Response) string {
			var order Order
			a.JSON(&order)
			var rows int
			require.NoError(t, app.DB().QueryRow(`SELECT count(*) FROM orders WHERE id = $1 AND event_id = $2`, order.ID, buyable(n).ID).Scan(&rows))
			if rows != 1 {
				return fmt.Sprintf("%d, and there is no order %d", a.Status, order.ID)
			}
			return ""
		}},
	}
}

// Seats are all tickets that were sold, and all that remain, past the API.
func Seats(t *testing.T, app *lab.App) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`SELECT (SELECT sum(remaining) FROM events) + (SELECT sum(quantity) FROM orders)`).Scan(&n))
	return n
}

// notTheEvent is what is wrong with an event that was answered, "" when nothing is.
func notTheEvent(a *lab.Response, want Event) string {
	var e Event
	a.JSON(&e)
	if e.ID != want.ID || e.Title != want.Title || e.Description == "" || e.Venue != want.Venue {
		return fmt.Sprintf("%d %s", a.Status, a.Body)
	}
	return ""
}
