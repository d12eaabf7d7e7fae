package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

const whyBytes = "A description is some kilobytes. A page of fifty carries 100 KB of them from disk to database, over the network and through the garbage collector, to be thrown away in the end."

// requireLean demands that the database sends no more than that for each item, and
// that no item shows a description.
func requireLean(t *testing.T, answer *lab.Response, path string, items, most int, statements []lab.Statement) {
	t.Helper()
	sent := bytesSent(statements)
	lab.Require(t, items > 0 && sent <= most*items, lab.Finding{
		Measured: fmt.Sprintf("for GET %s, with %d items, the database sends %d bytes, %d for each item:\n%s", path, items, sent, sent/max(items, 1), repeated(statements)),
		Expected: fmt.Sprintf("at most %d bytes for each: what the list shows of it", most),
		Why:      whyBytes,
		Try:      answer.Curl(),
	})
	lab.Require(t, !bytes.Contains(answer.Body, []byte(`"description"`)), lab.Finding{
		Measured: fmt.Sprintf("GET %s shows descriptions: %.200s", path, answer.Body),
		Expected: "a list without descriptions",
		Why:      whyBytes,
		Try:      answer.Curl(),
	})
}

// bytesSent is what the database sent for the statements.
func bytesSent(statements []lab.Statement) (sent int) {
	for _, s := range statements {
		sent += s.Bytes
	}
	return sent
}

// requireNoWord demands that the database sends no more for a list when its events have a description
// than when they have none.
func requireNoWord(t *testing.T, app *lab.App, path string, events []int64, ask func() *lab.Request) {
	t.Helper()
	sent := func(description string) int {
		_, err := app.DB().Exec(`UPDATE events SET description = repeat($1, 100) WHERE id = ANY($2)`, description, pq.Array(events))
		require.NoError(t, err)
		_, statements := asked(app, ask(), "Lists are there to be looked at.")
		return bytesSent(statements)
	}
	without := sent("")
	with := sent("An evening to remember. ")
	lab.Require(t, with <= without, lab.Finding{
		Measured: fmt.Sprintf("for GET %s, the database sends %d bytes when its %d events have no description, and %d when they have one", path, without, len(events), with),
		Expected: "as many: not a word of a description, however short",
		Why:      whyBytes,
	})
}

func TestListsLeaveDescriptionsBehind(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t)
	for _, path := range []string{
		"/events?limit=50",
		"/events?limit=50&sort=price_cents",
		"/events?limit=50&city=London",
		"/events?limit=50&q=tour",
		"/events?limit=50" + cursorAt(app, "/events?limit=50", 1),
	} {
		var page contract.Page
		answer, statements := asked(app, lab.GET("%s", path), "Anybody may see what is on.")
		answer.JSON(&page)
		requireLean(t, answer, path, len(page.Events), 512, statements)
	}
	events := addTown(t, app, town)
	for _, filter := range []string{"city=" + url.QueryEscape(town), "q=northern+lights"} {
		for _, sort := range []string{"starts_at", "price_cents"} {
			path := fmt.Sprintf("/events?limit=50&sort=%s&%s", sort, filter)
			requireNoWord(t, app, path, events, func() *lab.Request { return lab.GET("%s", path) })
		}
	}
	requireDescription(t, app)
	requireDescriptionAfterChange(t, app)
}

func TestOrdersLeaveDescriptionsBehind(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t)
	var list struct{ Orders []contract.Order }
	answer, statements := asked(app, lab.GET("/me/orders").As(app.LogIn(lab.Buyer)), "Buyers look up what they bought.")
	answer.JSON(&list)
	requireLean(t, answer, "/me/orders", len(list.Orders), 768, statements)

	token := app.LogIn(lab.OtherBuyer)
	var events []int64
	for _, order := range contract.OrdersOf(t, app, token) {
		events = append(events, order.EventID)
	}
	requireNoWord(t, app, "/me/orders?limit=50", events, func() *lab.Request { return lab.GET("/me/orders?limit=50").As(token) })
	requireDescription(t, app)
}

// requireDescription demands that an event by itself still has its description.
func requireDescription(t *testing.T, app *lab.App) {
	t.Helper()
	var event contract.Event
	answer := app.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, "Anybody may see an event.").JSON(&event)
	lab.Require(t, len(event.Description) > 100, lab.Finding{
		Measured: fmt.Sprintf("GET /events/%d has the description %q", lab.OnSale.ID, event.Description),
		Expected: "the whole text",
		Why:      "Whoever looks at one event wants to read about it. It is the lists that do without.",
		Try:      answer.Curl(),
	})
}

// requireDescriptionAfterChange demands that PATCH answers the whole event, too.
func requireDescriptionAfterChange(t *testing.T, app *lab.App) {
	t.Helper()
	var before, event contract.Event
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)
	app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see an event.").JSON(&before)
	answer := app.Do(lab.PATCH(path, lab.Body{"price_cents": lab.OnSale.PriceCents + 100}).As(app.LogIn(lab.Organiser))).
		Expect(http.StatusOK, "Prices change.").JSON(&event)
	lab.Require(t, event.Description == before.Description, lab.Finding{
		Measured: fmt.Sprintf("PATCH %s, which changes the price, answers the description %.40q…, and GET has %.40q…", path, event.Description, before.Description),
		Expected: "the event as GET shows it, with the same description",
		Why:      "The organiser's form shows what PATCH answers. When the text is gone there, the next thing they save is an empty one.",
		Try:      answer.Curl(),
	})
}
