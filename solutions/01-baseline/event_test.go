package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

func TestEventIsServed(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	inList := contract.Listed(t, app, lab.OnSale.Title)

	var event contract.Event
	answer := app.Do(lab.GET("/events/%d", lab.OnSale.ID)).
		Expect(http.StatusOK, "This is the page that everybody opens when the tickets go on sale.").JSON(&event)
	requireField(t, answer, "id", event.ID, lab.OnSale.ID)
	requireField(t, answer, "title", event.Title, lab.OnSale.Title)
	requireField(t, answer, "price_cents", event.PriceCents, lab.OnSale.PriceCents)
	requireField(t, answer, "remaining", event.Remaining, lab.OnSale.Remaining)
	requireField(t, answer, "starts_at", event.StartsAt.UTC(), inList.StartsAt.UTC())
	requireField(t, answer, "venue.id", event.Venue.ID, inList.Venue.ID)
	requireField(t, answer, "venue.name", event.Venue.Name, inList.Venue.Name)
	requireField(t, answer, "venue.city", event.Venue.City, inList.Venue.City)
	whole := contract.Stored(t, app, lab.OnSale.ID).Description
	lab.Require(t, event.Description == whole, lab.Finding{
		Measured: fmt.Sprintf("GET /events/%d answered a description of %d bytes: %.60q…", lab.OnSale.ID, len(event.Description), event.Description),
		Expected: fmt.Sprintf("the whole description, which only this route shows: %d bytes", len(whole)),
		Why:      "Nobody pays for an evening that they can't read about.",
		Try:      answer.Curl(),
	})
}

// GET /events/:id: what an order has taken and what an organiser has changed, to the next who asks.
func TestEventShowsWhatChanged(t *testing.T) {
	lab.Task(t, 1)
	contract.EventShowsWhatChanged(t)
}

// requireField demands that a field of an answer has the value that the database
// has for it.
func requireField[T comparable](t *testing.T, answer *lab.Response, field string, got, want T) {
	t.Helper()
	lab.Require(t, got == want, lab.Finding{
		Measured: fmt.Sprintf("GET /events/%d answered 200 with %s = %v", lab.OnSale.ID, field, got),
		Expected: fmt.Sprintf("%s = %v", field, want),
		Why:      "A 200 promises that the body is true. Clients show what it says.",
		Try:      answer.Curl(),
	})
}

// The list holds the events to come. A single event stays where it is: people
// have its address in their mail.
func TestPastEventIsServed(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	var event contract.Event
	app.Do(lab.GET("/events/%d", lab.Past.ID)).
		Expect(http.StatusOK, "Links to an event outlive its evening: in mails, in search engines, in orders.").JSON(&event)
	lab.Require(t, event.ID == lab.Past.ID && event.StartsAt.Before(time.Now()), lab.Finding{
		Measured: fmt.Sprintf("GET /events/%d answered event %d, which begins at %v", lab.Past.ID, event.ID, event.StartsAt),
		Expected: fmt.Sprintf("event %d, which has begun", lab.Past.ID),
		Why:      "A 200 promises that the body is true. Clients show what it says.",
	})
}

func TestUnknownEventIsNotFound(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, id := range []int64{20_001, 999_999_999, 1<<63 - 1} {
		app.Do(lab.GET("/events/%d", id)).
			Expect(http.StatusNotFound, "A cache and a search engine keep a 200 for ever, and a 500 wakes somebody at night. 404 says how it is.")
	}
}

func TestBadEventIDIsRefused(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, id := range []string{"abc", "0", "-1", "1.5", "42abc", "9223372036854775808"} {
		app.Do(lab.GET("/events/%s", id)).
			Expect(http.StatusBadRequest, fmt.Sprintf("%q can never be an event's id. That is the client's mistake; a 500 would say that it is yours, and page you.", id))
	}
}
