// Package contract is what the API promises to its clients, as tests: the text that each
// step's contract_test.go and rules_test.go call, a line a test.
//
// The contract never breaks from step to step, so it stands here once. Each function is a
// whole test: it starts an API of its own, and is named as the step's test without "Test".
// What fails is reported at the step's line, beside the place here.
//
// The other tests of a step find here what the API answers, decoded, and what they ask
// it again and again.
package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// User is what POST /users and GET /me answer; the first leaves the role out.
type User struct {
	ID    int64
	Email string
	Role  string // "buyer" or "organiser"
}

// Event is what GET /events/:id answers, and each event of a [Page], which leaves the
// description out.
type Event struct {
	ID          int64
	Title       string
	Description string
	StartsAt    time.Time `json:"starts_at"`
	PriceCents  int64     `json:"price_cents"`
	Remaining   int       // tickets
	Venue       struct {
		ID         int64
		Name, City string
	}
}

// Line is what lists show of an event.
func (e Event) Line() string {
	return fmt.Sprintf("%q, %s, %d cents, %d left, at venue %d, %q in %q",
		e.Title, e.StartsAt.UTC().Format(time.RFC3339Nano), e.PriceCents, e.Remaining, e.Venue.ID, e.Venue.Name, e.Venue.City)
}

// Page is what GET /events answers.
type Page struct {
	Events []Event
	Next   string // the cursor of the page after it, "" on the last
}

// Order is what POST /events/:id/orders and GET /orders/:id answer.
type Order struct {
	ID         int64
	EventID    int64 `json:"event_id"`
	Quantity   int
	TotalCents int64 `json:"total_cents"`
	Status     string
	CreatedAt  time.Time `json:"created_at"`
}

// same reports whether two answers tell of the same order.
func same(a, b Order) bool {
	sameTime := a.CreatedAt.Equal(b.CreatedAt)
	a.CreatedAt, b.CreatedAt = time.Time{}, time.Time{}
	return sameTime && a == b
}

// IDs are the ids of the events, in their order.
func IDs(events []Event) []int64 {
	all := make([]int64, len(events))
	for i, event := range events {
		all[i] = event.ID
	}
	return all
}

// Stored is an event as it is in the database, past the API.
func Stored(t *testing.T, app *lab.App, id int64) (e Event) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`
		SELECT e.id, e.title, e.description, e.starts_at, e.price_cents, e.remaining, v.id, v.name, v.city
		FROM events e JOIN venues v ON v.id = e.venue_id WHERE e.id = $1`, id).
		Scan(&e.ID, &e.Title, &e.Description, &e.StartsAt, &e.PriceCents, &e.Remaining, &e.Venue.ID, &e.Venue.Name, &e.Venue.City))
	return e
}

// OrderRows is how many rows the table of orders has, whatever they say.
func OrderRows(t *testing.T, app *lab.App) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`SELECT count(*) FROM orders`).Scan(&n))
	return n
}

// Listed finds an event by its title among the events to come, and ends the test with a
// finding when GET /events?q= doesn't answer this one event.
func Listed(t *testing.T, app *lab.App, title string) Event {
	t.Helper()
	var page Page
	search := lab.GET("/events?q=%s", url.QueryEscape(title))
	app.Do(search).Expect(http.StatusOK, "Fans find an event by its title.").JSON(&page)
	lab.Require(t, len(page.Events) == 1 && page.Events[0].Title == title, lab.Finding{
		Measured: fmt.Sprintf("%s found %d events", search, len(page.Events)),
		Expected: fmt.Sprintf("the one event with the title %q", title),
		Why:      "Fans find an event by its title.",
	})
	return page.Events[0]
}

// OnSale returns the ids of n events that have tickets left, or of fewer when the first
// hundred have no more.
func OnSale(t *testing.T, app *lab.App, n int) []int64 {
	t.Helper()
	var page Page
	app.Do(lab.GET("/events?limit=100")).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	var found []int64
	for _, event := range page.Events {
		if event.Remaining > 0 && len(found) < n {
			found = append(found, event.ID)
		}
	}
	return found
}

// OrdersOf returns the orders that GET /me/orders answers to somebody who has logged in.
func OrdersOf(t *testing.T, app *lab.App, token string) []Order {
	t.Helper()
	var answer struct{ Orders []Order }
	app.Do(lab.GET("/me/orders").As(token)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&answer)
	return answer.Orders
}
