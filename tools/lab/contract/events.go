package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// EventsToComeAreListed holds when GET /events answers the first 20 events to come, by
// starts_at and then by id, each with all that a list shows, and where the next page begins.
func EventsToComeAreListed(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	var page Page
	answer := app.Do(lab.GET("/events")).Expect(http.StatusOK, "This is the first page that a fan sees.").JSON(&page)
	lab.Require(t, len(page.Events) == 20 && page.Next != "", lab.Finding{
		Measured: fmt.Sprintf("GET /events answered %d events and the next page %q", len(page.Events), page.Next),
		Expected: "20 events, which is the default limit, and where the next page begins",
		Why:      "A list without a limit is one request away from reading the whole table.",
		Try:      answer.Curl(),
	})
	for i, event := range page.Events {
		lab.Require(t, event.StartsAt.After(time.Now()) && (i == 0 || !before(event, page.Events[i-1])), lab.Finding{
			Measured: fmt.Sprintf("GET /events has event %d, which begins at %v, at place %d", event.ID, event.StartsAt, i+1),
			Expected: "the events to come, by starts_at and then by id",
			Why:      "An order that isn't total shows some events twice and others never, from page to page.",
			Try:      answer.Curl(),
		})
		lab.Require(t, event.ID > 0 && event.Title != "" && event.PriceCents > 0 && event.Venue.ID > 0 && event.Venue.Name != "" && event.Venue.City != "", lab.Finding{
			Measured: fmt.Sprintf("GET /events has this event at place %d: %+v", i+1, event),
			Expected: "id, title, starts_at, price_cents, remaining, and the venue's id, name and city",
			Why:      "A client shows all of these.",
			Try:      answer.Curl(),
		})
	}
}

// before reports whether a stands before b in the list.
func before(a, b Event) bool {
	if a.StartsAt.Equal(b.StartsAt) {
		return a.ID < b.ID
	}
	return a.StartsAt.Before(b.StartsAt)
}

// PagesFollowEachOther holds when four pages of 25, each at the cursor of the one before it,
// hold the events of one page of 100.
func PagesFollowEachOther(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	var whole Page
	app.Do(lab.GET("/events?limit=100")).Expect(http.StatusOK, "A page may hold a hundred events.").JSON(&whole)

	var pages []Event
	path := "/events?limit=25"
	for range 4 {
		var page Page
		app.Do(lab.GET("%s", path)).
			Expect(http.StatusOK, "The next of a page is the cursor of the one after it.").JSON(&page)
		pages = append(pages, page.Events...)
		path = "/events?limit=25&cursor=" + url.QueryEscape(page.Next)
	}
	lab.Require(t, fmt.Sprint(IDs(pages)) == fmt.Sprint(IDs(whole.Events)), lab.Finding{
		Measured: fmt.Sprintf("four pages of 25 hold the events %v", IDs(pages)),
		Expected: fmt.Sprintf("those of one page of 100: %v", IDs(whole.Events)),
		Why:      "A fan who scrolls must see each event once.",
	})
}

// LastPageHasNoNext holds when a page that has all events there are has no next one.
func LastPageHasNoNext(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	var page Page
	answer := app.Do(lab.GET("/events?q=%s", url.QueryEscape(lab.OnSale.Title))).Expect(http.StatusOK, "Fans search by title.").JSON(&page)
	lab.Require(t, len(page.Events) == 1 && page.Next == "", lab.Finding{
		Measured: fmt.Sprintf("a list of %d events has the next page %q", len(page.Events), page.Next),
		Expected: "one event, and no next page",
		Why:      "A client that is always told to go on never stops asking.",
		Try:      answer.Curl(),
	})
}

// EventsAreFiltered holds when city= lists events of that city alone, and when a search that
// finds nothing answers 200 and an empty list, which isn't null.
func EventsAreFiltered(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	city := Listed(t, app, lab.OnSale.Title).Venue.City
	var page Page
	answer := app.Do(lab.GET("/events?limit=100&city=%s", url.QueryEscape(city))).Expect(http.StatusOK, "Fans look in their own city.").JSON(&page)
	elsewhere := 0
	for _, event := range page.Events {
		if event.Venue.City != city {
			elsewhere++
		}
	}
	lab.Require(t, len(page.Events) > 0 && elsewhere == 0, lab.Finding{
		Measured: fmt.Sprintf("the list for %s has %d events, %d of them in other cities", city, len(page.Events), elsewhere),
		Expected: "events in that city alone",
		Why:      "Fans look in their own city.",
		Try:      answer.Curl(),
	})
	app.Do(lab.GET("/events?q=%s", url.QueryEscape("no event is called this"))).
		Expect(http.StatusOK, "A search that finds nothing is no error.").JSON(&page)
	lab.Require(t, page.Events != nil && len(page.Events) == 0, lab.Finding{
		Measured: fmt.Sprintf("a search that finds nothing answered the events %v", page.Events),
		Expected: `an empty list: {"events":[],"next":""}`,
		Why:      "A client that goes through the list falls over null.",
	})
}

// ListRefusesABadLimit holds when GET /events answers 400 to a limit that is no whole number
// from 1 to 100.
func ListRefusesABadLimit(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	for _, limit := range []string{"0", "-1", "101", "1000000", "ten", "1.5"} {
		app.Do(lab.GET("/events?limit=%s", limit)).
			Expect(http.StatusBadRequest, "One request for a million events costs as much as ten thousand pages.")
	}
}

// OrganiserChangesAnEvent holds when PATCH /events/:id answers 200 to an organiser with the
// event as it is now; when what the body leaves out stays as it was; and when the list shows
// the change to its next reader.
func OrganiserChangesAnEvent(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)

	var changed Event
	answer := app.Do(lab.PATCH(path, lab.Body{"price_cents": 12345}).As(organiser)).Expect(http.StatusOK, "Prices change.").JSON(&changed)
	lab.Require(t, changed.PriceCents == 12345 && changed.Title == lab.OnSale.Title && changed.Venue.Name != "", lab.Finding{
		Measured: fmt.Sprintf("the price %d, the title %q, the venue %q", changed.PriceCents, changed.Title, changed.Venue.Name),
		Expected: fmt.Sprintf("the price 12345, and the rest as before: the title %q and the venue", lab.OnSale.Title),
		Why:      "PATCH changes what the body names. What it leaves out must not be lost.",
		Try:      answer.Curl(),
	})
	app.Do(lab.PATCH(path, lab.Body{"title": "Moved indoors"}).As(organiser)).Expect(http.StatusOK, "Titles change.")
	now := Listed(t, app, "Moved indoors")
	lab.Require(t, now.PriceCents == 12345, lab.Finding{
		Measured: fmt.Sprintf("the list has the price %d after the title was changed", now.PriceCents),
		Expected: "the price 12345, as it was changed before",
		Why:      "The next reader must see what was written.",
	})
}

// EventChangesAreRefused holds when PATCH /events/:id answers 403 to a buyer, 400 to a price
// below zero, to half a body and to a bad id, and 404 where there is no such event.
func EventChangesAreRefused(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)
	app.Do(lab.PATCH(path, lab.Body{"price_cents": 1}).As(app.LogIn(lab.Buyer))).Expect(http.StatusForbidden, "Buyers don't set prices.")
	app.Do(lab.PATCH(path, lab.Body{"price_cents": -1}).As(organiser)).Expect(http.StatusBadRequest, "Nobody is paid for coming.")
	app.Do(lab.PATCH(path, `{"title":`).As(organiser)).Expect(http.StatusBadRequest, "Half a body is no body.")
	app.Do(lab.PATCH("/events/999999999", lab.Body{"title": "Nothing"}).As(organiser)).Expect(http.StatusNotFound, "There is no such event.")
	app.Do(lab.PATCH("/events/abc", lab.Body{"title": "Nothing"}).As(organiser)).Expect(http.StatusBadRequest, "abc is no id.")
}

// EventShowsWhatChanged holds when GET /events/:id answers an event as it is stored, its whole
// description included, and when it shows what an order has taken and an organiser has changed
// to the next who asks, whoever has asked before.
func EventShowsWhatChanged(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	requireAsStored(t, app, "at first")
	app.Do(lab.OrderOf(lab.OnSale, 2).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	requireAsStored(t, app, "after an order of 2 tickets")
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)
	app.Do(lab.PATCH(path, lab.Body{"title": "Moved indoors", "price_cents": 0}).As(app.LogIn(lab.Organiser))).
		Expect(http.StatusOK, "Titles and prices change, and an evening may cost nothing.")
	requireAsStored(t, app, "after its title and its price were changed")
}

func requireAsStored(t *testing.T, app *lab.App, when string) {
	t.Helper()
	var shown Event
	answer := app.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, "Anybody may see an event.").JSON(&shown)
	want := Stored(t, app, lab.OnSale.ID)
	lab.Require(t, shown.Line() == want.Line() && shown.Description == want.Description, lab.Finding{
		Measured: fmt.Sprintf("%s, GET /events/%d shows %s, with a description of %d bytes", when, lab.OnSale.ID, shown.Line(), len(shown.Description)),
		Expected: fmt.Sprintf("%s, with a description of %d bytes, as it is in the database", want.Line(), len(want.Description)),
		Why:      "What was read once isn't true for ever. Fans see tickets that are gone, at a price that nobody will honour.",
		Try:      answer.Curl(),
	})
}
