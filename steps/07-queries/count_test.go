package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// asked returns the statements that the API sent while it answered the request, but
// for those that only ask who it is that asks.
func asked(app *lab.App, r *lab.Request, why string) (*lab.Response, []lab.Statement) {
	before := app.Postgres.Stats()
	answer := app.Do(r).Expect(http.StatusOK, why)
	return answer, slices.DeleteFunc(app.Postgres.StatementsSince(before), func(s lab.Statement) bool {
		return !lab.Work(s) || lab.Touches("users")(s) && !lab.Touches("orders")(s) && !lab.Touches("events")(s)
	})
}

// repeated says which statement was sent how often.
func repeated(statements []lab.Statement) string {
	times := map[string]int{}
	var order []string
	for _, s := range statements {
		sql := oneLine(s.SQL)
		if times[sql]++; times[sql] == 1 {
			order = append(order, sql)
		}
	}
	var lines []string
	for _, sql := range order {
		lines = append(lines, fmt.Sprintf("%d × %s", times[sql], sql))
	}
	return strings.Join(lines[:min(len(lines), 4)], "\n")
}

// oneLine is the beginning of a statement, without its line breaks.
func oneLine(sql string) string {
	sql = strings.Join(strings.Fields(sql), " ")
	if runes := []rune(sql); len(runes) > 110 {
		return string(runes[:110]) + "…"
	}
	return sql
}

func TestPageTakesTwoQueries(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, path := range []string{
		"/events?limit=5&q=tour", // a search: of first pages, a cache may load more than is asked for
		"/events?limit=20",
		"/events?limit=50",
		"/events?limit=50&sort=price_cents",
		"/events?limit=50&city=London",
		"/events?limit=50&q=tour",
		"/events?limit=100", // the longest that there is
	} {
		var page contract.Page
		answer, queries := asked(app, lab.GET("%s", path), "Anybody may see what is on.")
		answer.JSON(&page)
		requireFewQueries(t, answer, path, len(page.Events), queries)
		requireAsStored(t, app, answer, path, page.Events)
	}
}

// orderWithEvent is an order as /me/orders shows it.
type orderWithEvent struct {
	contract.Order
	Event *contract.Event
}

func TestOrdersTakeTwoQueries(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, list := range []struct {
		path string
		user lab.User
	}{{"/me/orders", lab.OtherBuyer}, {"/me/orders", lab.Buyer}, {"/me/orders?limit=5", lab.Buyer}} {
		buyAgain(t, app, list.user)
		var page struct{ Orders []orderWithEvent }
		answer, queries := asked(app, lab.GET("%s", list.path).As(app.LogIn(list.user)), "Buyers look up what they bought.")
		answer.JSON(&page)
		requireFewQueries(t, answer, list.path, len(page.Orders), queries)
		requireOwnEvents(t, app, answer, list.path, page.Orders)
	}
}

// buyAgain doubles the orders of a user, of which OtherBuyer has 5 and Buyer 60: people buy more
// tickets for a show that they have tickets for.
func buyAgain(t *testing.T, app *lab.App, user lab.User) {
	t.Helper()
	_, err := app.DB().Exec(`
		INSERT INTO orders (user_id, event_id, quantity, total_cents)
		SELECT user_id, event_id, quantity, total_cents FROM orders
		WHERE user_id = (SELECT id FROM users WHERE email = $1) ORDER BY id`, user.Email)
	require.NoError(t, err)
}

// requireOwnEvents demands that each order shows the event that it is for, and that
// the newest order comes first.
func requireOwnEvents(t *testing.T, app *lab.App, answer *lab.Response, path string, orders []orderWithEvent) {
	t.Helper()
	var events []contract.Event
	for i, order := range orders {
		shown := "no event"
		if order.Event != nil {
			shown = fmt.Sprintf("event %d, %q", order.Event.ID, order.Event.Title)
			events = append(events, *order.Event)
		}
		lab.Require(t, order.Event != nil && order.Event.ID == order.EventID, lab.Finding{
			Measured: fmt.Sprintf("GET %s: order %d, at place %d of %d, is for event %d, and shows %s", path, order.ID, i+1, len(orders), order.EventID, shown),
			Expected: fmt.Sprintf("event %d", order.EventID),
			Why:      "The list is what a buyer shows at the door. With another event in it, they stand at the wrong one.",
			Try:      answer.Curl(),
		})
		lab.Require(t, i == 0 || order.ID < orders[i-1].ID, lab.Finding{
			Measured: fmt.Sprintf("GET %s has order %d at place %d, behind order %d", path, order.ID, i+1, orders[max(i-1, 0)].ID),
			Expected: "the newest order first, through the whole list",
			Why:      "Buyers look for what they have just bought.",
			Try:      answer.Curl(),
		})
	}
	requireAsStored(t, app, answer, path, events)
}

// requireAsStored demands that events are shown as they are in the database, each with
// its own venue.
func requireAsStored(t *testing.T, app *lab.App, answer *lab.Response, path string, shown []contract.Event) {
	t.Helper()
	rows, err := app.DB().Query(`
		SELECT e.id, e.title, e.starts_at, e.price_cents, e.remaining, v.id, v.name, v.city
		FROM events e JOIN venues v ON v.id = e.venue_id WHERE e.id = ANY($1)`, pq.Array(contract.IDs(shown)))
	require.NoError(t, err)
	defer rows.Close()
	stored := map[int64]contract.Event{}
	for rows.Next() {
		var e contract.Event
		require.NoError(t, rows.Scan(&e.ID, &e.Title, &e.StartsAt, &e.PriceCents, &e.Remaining, &e.Venue.ID, &e.Venue.Name, &e.Venue.City))
		stored[e.ID] = e
	}
	require.NoError(t, rows.Err())
	for _, event := range shown {
		was, want := line(event), line(stored[event.ID])
		lab.Require(t, was == want, lab.Finding{
			Measured: fmt.Sprintf("GET %s shows event %d as %s", path, event.ID, was),
			Expected: want + ", as it is in the database",
			Why:      "Rows that are fetched together must be put together as they belong, each with its own.",
			Try:      answer.Curl(),
		})
	}
}

// line is what lists show of an event.
func line(e contract.Event) string {
	return fmt.Sprintf("%q, %s, %d cents, %d left, at venue %d, %q in %q",
		e.Title, e.StartsAt.UTC().Format(time.RFC3339Nano), e.PriceCents, e.Remaining, e.Venue.ID, e.Venue.Name, e.Venue.City)
}

// requireFewQueries demands two queries for a list of so many items, and no more rows
// than such a list is made of.
func requireFewQueries(t *testing.T, answer *lab.Response, path string, items int, queries []lab.Statement) {
	t.Helper()
	lab.Require(t, items > 0 && len(queries) > 0, lab.Finding{
		Measured: fmt.Sprintf("GET %s answered %d items, after %d queries", path, items, len(queries)),
		Expected: "what is in the database",
		Why:      "A list that shows nothing sells nothing.",
		Try:      answer.Curl(),
	})
	lab.Require(t, len(queries) <= 2, lab.Finding{
		Measured: fmt.Sprintf("GET %s shows %d items, and asks the database %d times:\n%s", path, items, len(queries), repeated(queries)),
		Expected: "at most 2 queries, however long the list is",
		Why:      "Each query is a trip over the network, and work for a database that all instances share. With half a millisecond for a trip, fifty of them are 25 ms in which nothing happens; side by side, they are fifty connections.",
		Try:      answer.Curl(),
	})
	rows := 0
	for _, s := range queries {
		rows += s.Rows
	}
	lab.Require(t, rows <= 3*items, lab.Finding{
		Measured: fmt.Sprintf("GET %s shows %d items, and fetches %d rows:\n%s", path, items, rows, repeated(queries)),
		Expected: fmt.Sprintf("at most %d: an item with what belongs to it", 3*items),
		Why:      "Fetching everything to look things up in a map is one query, and grows with the table. The next tour adds a thousand venues, and each page pays for them.",
		Try:      answer.Curl(),
	})
}
