package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

const whyBytes = "A description is some kilobytes. A page of fifty carries 100 KB of them from disk to database, over the network and through the garbage collector, to be thrown away in the end."

// requireLean demands that the database sends no more than that for each item, and
// that no item shows a description.
func requireLean(t *testing.T, answer *lab.Response, path string, items, most int, statements []lab.Statement) {
	t.Helper()
	sent := 0
	for _, s := range statements {
		sent += s.Bytes
	}
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
