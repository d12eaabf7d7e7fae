package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// patience is how long what must happen may take on a busy machine.
const patience = 10 * time.Second

func TestEventIsServed(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	event := lab.GET("/events/%d", lab.OnSale.ID)
	requireServed(t, app, event, lab.OnSale.ID, "This is the page that everybody opens when the tickets go on sale.")
	requireConnectionsGivenBack(t, app, event)

	sale, err := app.DB().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer sale.Rollback()
	if _, err := sale.Exec(`SELECT 1 FROM events WHERE id = $1 FOR UPDATE`, lab.OnSale.ID); err != nil {
		t.Fatal(err)
	}
	lab.Require(t, lab.Within(patience, app.Begin(event).Answered), lab.Finding{
		Measured: fmt.Sprintf("%s had no answer for %v, while an order held the event's row", event, patience),
		Expected: "200, as without the order",
		Why:      "Somebody buys all the time. The page that everybody opens must not wait for them.",
	})
}

// GET /events/:id: what an order has taken and what an organiser has changed, to the next who asks:
// at another instance, too, and in a browser that remembers the event as it was.
func TestEventShowsWhatChanged(t *testing.T) {
	lab.Task(t, 1)
	contract.EventShowsWhatChanged(t)

	app := lab.Start(t, lab.Instances(2))
	const why = "What was read once isn't true for ever. Fans see tickets that are gone."
	event := lab.GET("/events/%d", lab.OnSale.ID).On(1)
	before := requireServed(t, app, event, lab.OnSale.ID, why)
	app.Do(lab.OrderOf(lab.OnSale, 2).As(app.LogIn(lab.Buyer)).On(0)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	requireServed(t, app, event.Header("If-None-Match", before.Header.Get("ETag")), lab.OnSale.ID, why)
}

// The list holds the events to come. A single event stays where it is: people
// have its address in their mail.
func TestPastEventIsServed(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	requireServed(t, app, lab.GET("/events/%d", lab.Past.ID), lab.Past.ID, "Links to an event outlive its evening: in mails, in search engines, in orders.")
}

func TestUnknownEventIsNotFound(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	// The clock on this database's wall isn't UTC. Whoever takes it for that is hours off.
	inDatabase(t, app, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO %L', current_database(), 'Asia/Kolkata'); END $$`)
	for _, id := range []int64{20_001, 999_999_999, 1<<63 - 1} {
		event := lab.GET("/events/%d", id)
		app.Do(event).
			Expect(http.StatusNotFound, "A cache and a search engine keep a 200 for ever, and a 500 wakes somebody at night. 404 says how it is.")
		announce(t, app, id, 100)
		lab.Within(patience, func() bool { return app.Do(event).Status != http.StatusNotFound })
		requireServed(t, app, event, id, "404 says how it is now. An event that nobody knew in the morning is announced at noon.")
	}
}

func TestBadEventIDIsRefused(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, id := range []string{"abc", "0", "-1", "1.5", "42abc", "0x2a", "1_0", "9223372036854775808"} {
		app.Do(lab.GET("/events/%s", id)).
			Expect(http.StatusBadRequest, fmt.Sprintf("%q can never be an event's id. That is the client's mistake; a 500 would say that it is yours, and page you.", id))
	}
}

// announce puts an event of that id into the database.
func announce(t *testing.T, app *lab.App, id int64, remaining int) {
	t.Helper()
	inDatabase(t, app, `
		INSERT INTO events (id, venue_id, title, description, starts_at, price_cents, remaining)
		SELECT $1, venue_id, 'Rock & Roll <live>: L''été à Kraków', repeat('"Encore" & <encore>, où ça? ', 1000), starts_at, price_cents, $2
		FROM events WHERE id = $3`, id, remaining, lab.OnSale.ID)
}

// inDatabase does what somebody does to the test's database past the API.
func inDatabase(t *testing.T, app *lab.App, statement string, args ...any) {
	t.Helper()
	if _, err := app.DB().Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

// requireServed demands that GET /events/:id answers 200 with the event as the
// database has it.
func requireServed(t *testing.T, app *lab.App, request *lab.Request, id int64, why string) *lab.Response {
	t.Helper()
	var event contract.Event
	answer := app.Do(request).Expect(http.StatusOK, why).JSON(&event)
	stored := contract.Stored(t, app, id)
	for _, field := range []struct {
		name      string
		got, want any
	}{
		{"id", event.ID, stored.ID},
		{"title", event.Title, stored.Title},
		{"price_cents", event.PriceCents, stored.PriceCents},
		{"remaining", event.Remaining, stored.Remaining},
		{"starts_at", event.StartsAt.UTC(), stored.StartsAt.UTC()},
		{"venue.id", event.Venue.ID, stored.Venue.ID},
		{"venue.name", event.Venue.Name, stored.Venue.Name},
		{"venue.city", event.Venue.City, stored.Venue.City},
	} {
		lab.Require(t, field.got == field.want, lab.Finding{
			Measured: fmt.Sprintf("%s answered 200 with %s = %v", request, field.name, field.got),
			Expected: fmt.Sprintf("%s = %v", field.name, field.want),
			Why:      "A 200 promises that the body is true. Clients show what it says.",
			Try:      answer.Curl(),
		})
	}
	lab.Require(t, event.Description == stored.Description, lab.Finding{
		Measured: fmt.Sprintf("%s answered a description of %d bytes: %.60q…", request, len(event.Description), event.Description),
		Expected: fmt.Sprintf("the whole description, which only this route shows: %d bytes, %.60q…", len(stored.Description), stored.Description),
		Why:      "Nobody pays for an evening that they can't read about.",
		Try:      answer.Curl(),
	})
	return answer
}

// requireConnectionsGivenBack demands that few connections to PostgreSQL are open
// after each of twenty requests, one after another, and no transaction.
func requireConnectionsGivenBack(t *testing.T, app *lab.App, request *lab.Request) {
	t.Helper()
	for n := range 20 {
		answer := app.Do(request)
		var open, begun int
		lab.Require(t, lab.Within(patience, func() bool {
			now := app.Postgres.Stats()
			open, begun = now.Open, now.InTransaction
			return open <= 5 && begun == 0
		}), lab.Finding{
			Measured: fmt.Sprintf("%s was answered %d times, one after another; then %d connections to PostgreSQL were open, %d of them in a transaction", request, n+1, open, begun),
			Expected: "that whoever has answered gives the connection back, and ends the transaction",
			Why:      "PostgreSQL allows a hundred connections. When nobody gives them back, the hundred and first visitor gets an error, and so do all others.",
			Try:      answer.Curl(),
		})
	}
}
