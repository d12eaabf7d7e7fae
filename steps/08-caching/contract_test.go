package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// What the API promises to its clients, route by route. These tests are guards:
// they pass from the start, and whatever you change, they must still pass.

type userAnswer struct {
	ID    int64
	Email string
	Role  string
}

type eventAnswer struct {
	ID          int64
	Title       string
	Description string
	StartsAt    time.Time `json:"starts_at"`
	PriceCents  int64     `json:"price_cents"`
	Remaining   int
	Venue       struct {
		ID         int64
		Name, City string
	}
}

type pageAnswer struct {
	Events []eventAnswer
	Next   string
}

type orderAnswer struct {
	ID         int64
	EventID    int64 `json:"event_id"`
	Quantity   int
	TotalCents int64 `json:"total_cents"`
	Status     string
	CreatedAt  time.Time `json:"created_at"`
}

// body is a request's body, to be sent as JSON.
type body map[string]any

// orderOf is a request for that many tickets.
func orderOf(event lab.Event, quantity any) *lab.Request {
	return lab.POST(fmt.Sprintf("/events/%d/orders", event.ID), body{"quantity": quantity})
}

// listed finds an event by its title among the events to come.
func listed(t *testing.T, app *lab.App, title string) eventAnswer {
	t.Helper()
	var page pageAnswer
	search := lab.GET("/events?q=%s", url.QueryEscape(title))
	app.Do(search).Expect(http.StatusOK, "Fans find an event by its title.").JSON(&page)
	lab.Require(t, len(page.Events) == 1 && page.Events[0].Title == title, lab.Finding{
		Measured: fmt.Sprintf("%s found %d events", search, len(page.Events)),
		Expected: fmt.Sprintf("the one event with the title %q", title),
		Why:      "Fans find an event by its title.",
	})
	return page.Events[0]
}

// ordersOf returns what /me/orders answers.
func ordersOf(app *lab.App, token string) []orderAnswer {
	var answer struct{ Orders []orderAnswer }
	app.Do(lab.GET("/me/orders").As(token)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&answer)
	return answer.Orders
}

func TestUserSignsUpAndLogsIn(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	someone := lab.User{Email: "new@example.com", Password: "a long pass phrase"}
	signUp := lab.POST("/users", body{"email": someone.Email, "password": someone.Password})

	var created userAnswer
	answer := app.Do(signUp).Expect(http.StatusCreated, "Nobody can buy without an account.").JSON(&created)
	lab.Require(t, created.ID > 0 && created.Email == someone.Email, lab.Finding{
		Measured: fmt.Sprintf("POST /users answered %s", answer.Body),
		Expected: `{"id":…,"email":"new@example.com"}`,
		Why:      "The contract with the clients names these two fields.",
		Try:      answer.Curl(),
	})
	lab.Require(t, !bytes.Contains(answer.Body, []byte("password")) && !bytes.Contains(answer.Body, []byte("$2a$")), lab.Finding{
		Measured: fmt.Sprintf("POST /users answered %s", answer.Body),
		Expected: "nothing about the password, the hash included",
		Why:      "A hash that gets out is guessed at leisure, on somebody else's machine.",
		Try:      answer.Curl(),
	})
	app.Do(signUp).Expect(http.StatusConflict, "Two accounts with one address would share their mail.")

	var me userAnswer
	answer = app.Do(lab.GET("/me").As(app.LogIn(someone))).Expect(http.StatusOK, "A client shows who is logged in.").JSON(&me)
	lab.Require(t, me == userAnswer{ID: created.ID, Email: someone.Email, Role: "buyer"}, lab.Finding{
		Measured: fmt.Sprintf("GET /me answered %s", answer.Body),
		Expected: fmt.Sprintf(`{"id":%d,"email":%q,"role":"buyer"}`, created.ID, someone.Email),
		Why:      "Whoever signs up is a buyer, and never an organiser.",
		Try:      answer.Curl(),
	})
}

func TestLogInNeedsThePassword(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	const why = "Otherwise anybody is anybody."
	app.Do(lab.POST("/sessions", body{"email": lab.Buyer.Email, "password": "wrong"})).Expect(http.StatusUnauthorized, why)
	app.Do(lab.POST("/sessions", body{"email": "nobody@example.com", "password": lab.Buyer.Password})).Expect(http.StatusUnauthorized, why)
}

func TestLogOutEndsTheSession(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	ended, other := app.LogIn(lab.Buyer), app.LogIn(lab.Buyer)
	app.Do(lab.DELETE("/sessions").As(ended)).Expect(http.StatusNoContent, "Logging out works.")
	app.Do(lab.GET("/me").As(ended)).Expect(http.StatusUnauthorized, "A token left behind in a café must be worthless.")
	app.Do(lab.GET("/me").As(other)).Expect(http.StatusOK, "Logging out on the phone doesn't log out the laptop.")
}

func TestPrivateRoutesNeedAToken(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	for _, request := range []func() *lab.Request{
		func() *lab.Request { return lab.DELETE("/sessions") },
		func() *lab.Request { return lab.GET("/me") },
		func() *lab.Request { return lab.GET("/me/orders") },
		func() *lab.Request { return lab.GET("/orders/1") },
		func() *lab.Request { return orderOf(lab.OnSale, 1) },
		func() *lab.Request { return lab.PATCH("/events/1", body{"title": "Mine"}) },
	} {
		const why = "What belongs to a user is for that user alone."
		app.Do(request()).Expect(http.StatusUnauthorized, why)
		app.Do(request().As("made-up")).Expect(http.StatusUnauthorized, why)
	}
}

func TestEventsToComeAreListed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	var page pageAnswer
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

func before(a, b eventAnswer) bool {
	if a.StartsAt.Equal(b.StartsAt) {
		return a.ID < b.ID
	}
	return a.StartsAt.Before(b.StartsAt)
}

func TestPagesFollowEachOther(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	var whole pageAnswer
	app.Do(lab.GET("/events?limit=100")).Expect(http.StatusOK, "A page may hold a hundred events.").JSON(&whole)

	var pages []eventAnswer
	path := "/events?limit=25"
	for range 4 {
		var page pageAnswer
		app.Do(lab.GET("%s", path)).
			Expect(http.StatusOK, "The next of a page is the cursor of the one after it.").JSON(&page)
		pages = append(pages, page.Events...)
		path = "/events?limit=25&cursor=" + url.QueryEscape(page.Next)
	}
	lab.Require(t, fmt.Sprint(ids(pages)) == fmt.Sprint(ids(whole.Events)), lab.Finding{
		Measured: fmt.Sprintf("four pages of 25 hold the events %v", ids(pages)),
		Expected: fmt.Sprintf("those of one page of 100: %v", ids(whole.Events)),
		Why:      "A fan who scrolls must see each event once.",
	})
}

func ids(events []eventAnswer) []int64 {
	all := make([]int64, len(events))
	for i, event := range events {
		all[i] = event.ID
	}
	return all
}

func TestLastPageHasNoNext(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	var page pageAnswer
	answer := app.Do(lab.GET("/events?q=%s", url.QueryEscape(lab.OnSale.Title))).Expect(http.StatusOK, "Fans search by title.").JSON(&page)
	lab.Require(t, len(page.Events) == 1 && page.Next == "", lab.Finding{
		Measured: fmt.Sprintf("a list of %d events has the next page %q", len(page.Events), page.Next),
		Expected: "one event, and no next page",
		Why:      "A client that is always told to go on never stops asking.",
		Try:      answer.Curl(),
	})
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	city := listed(t, app, lab.OnSale.Title).Venue.City
	var page pageAnswer
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

func TestListRefusesABadLimit(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	for _, limit := range []string{"0", "-1", "101", "1000000", "ten", "1.5"} {
		app.Do(lab.GET("/events?limit=%s", limit)).
			Expect(http.StatusBadRequest, "One request for a million events costs as much as ten thousand pages.")
	}
}

func TestOrganiserChangesAnEvent(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)

	var changed eventAnswer
	answer := app.Do(lab.PATCH(path, body{"price_cents": 12345}).As(organiser)).Expect(http.StatusOK, "Prices change.").JSON(&changed)
	lab.Require(t, changed.PriceCents == 12345 && changed.Title == lab.OnSale.Title && changed.Venue.Name != "", lab.Finding{
		Measured: fmt.Sprintf("the price %d, the title %q, the venue %q", changed.PriceCents, changed.Title, changed.Venue.Name),
		Expected: fmt.Sprintf("the price 12345, and the rest as before: the title %q and the venue", lab.OnSale.Title),
		Why:      "PATCH changes what the body names. What it leaves out must not be lost.",
		Try:      answer.Curl(),
	})
	app.Do(lab.PATCH(path, body{"title": "Moved indoors"}).As(organiser)).Expect(http.StatusOK, "Titles change.")
	now := listed(t, app, "Moved indoors")
	lab.Require(t, now.PriceCents == 12345, lab.Finding{
		Measured: fmt.Sprintf("the list has the price %d after the title was changed", now.PriceCents),
		Expected: "the price 12345, as it was changed before",
		Why:      "The next reader must see what was written.",
	})
}

func TestEventChangesAreRefused(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)
	app.Do(lab.PATCH(path, body{"price_cents": 1}).As(app.LogIn(lab.Buyer))).Expect(http.StatusForbidden, "Buyers don't set prices.")
	app.Do(lab.PATCH(path, body{"price_cents": -1}).As(organiser)).Expect(http.StatusBadRequest, "Nobody is paid for coming.")
	app.Do(lab.PATCH(path, `{"title":`).As(organiser)).Expect(http.StatusBadRequest, "Half a body is no body.")
	app.Do(lab.PATCH("/events/999999999", body{"title": "Nothing"}).As(organiser)).Expect(http.StatusNotFound, "There is no such event.")
	app.Do(lab.PATCH("/events/abc", body{"title": "Nothing"}).As(organiser)).Expect(http.StatusBadRequest, "abc is no id.")
}

func TestOrderIsConfirmed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)

	var order orderAnswer
	answer := app.Do(orderOf(lab.OnSale, 2).As(token)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)
	lab.Require(t, order.ID > 0 && order.EventID == lab.OnSale.ID && order.Quantity == 2 && order.TotalCents == 2*lab.OnSale.PriceCents &&
		order.Status == "confirmed" && time.Since(order.CreatedAt).Abs() < time.Hour, lab.Finding{
		Measured: fmt.Sprintf("an order of 2 tickets at %d cents answered %s", lab.OnSale.PriceCents, answer.Body),
		Expected: fmt.Sprintf(`{"id":…,"event_id":%d,"quantity":2,"total_cents":%d,"status":"confirmed","created_at":…}`, lab.OnSale.ID, 2*lab.OnSale.PriceCents),
		Why:      "The buyer pays what this answer says.",
		Try:      answer.Curl(),
	})
	left := listed(t, app, lab.OnSale.Title).Remaining
	lab.Require(t, left == lab.OnSale.Remaining-2, lab.Finding{
		Measured: fmt.Sprintf("%d tickets remain after 2 of %d were bought", left, lab.OnSale.Remaining),
		Expected: fmt.Sprint(lab.OnSale.Remaining - 2),
		Why:      "What is sold must be gone for the next buyer.",
		Try:      answer.Curl(),
	})
	var again orderAnswer
	app.Do(lab.GET("/orders/%d", order.ID).As(token)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&again)
	mine := ordersOf(app, token)
	lab.Require(t, same(again, order) && len(mine) > 0 && same(mine[0], order), lab.Finding{
		Measured: fmt.Sprintf("GET /orders/%d answered %+v, and GET /me/orders has %d orders", order.ID, again, len(mine)),
		Expected: fmt.Sprintf("the order as it was confirmed, first in the list: %+v", order),
		Why:      "Buyers look up what they bought, the newest first.",
	})
}

func same(a, b orderAnswer) bool {
	sameTime := a.CreatedAt.Equal(b.CreatedAt)
	a.CreatedAt, b.CreatedAt = time.Time{}, time.Time{}
	return sameTime && a == b
}

func TestOrderIsConfirmedByMail(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	app.Do(orderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
	lab.Eventually(t, 5*time.Second, func() bool { return app.Mail.Count() > 0 }, lab.Finding{
		Measured: "no mail after an order",
		Expected: "one mail to the buyer",
		Why:      "Buyers without a mail order again, or call.",
	})
	mail := app.Mail.Messages()[0]
	lab.Require(t, len(mail.To) == 1 && mail.To[0] == lab.Buyer.Email && strings.Contains(mail.Subject+mail.Body, lab.OnSale.Title), lab.Finding{
		Measured: fmt.Sprintf("a mail to %v with the subject %q", mail.To, mail.Subject),
		Expected: fmt.Sprintf("a mail to %s about %q", lab.Buyer.Email, lab.OnSale.Title),
		Why:      "A ticket in somebody else's mailbox is a ticket lost.",
	})
}

func TestOrderNeedsAnEvent(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(lab.POST("/events/999999999/orders", body{"quantity": 1}).As(token)).Expect(http.StatusNotFound, "There is no such event.")
	app.Do(lab.POST("/events/abc/orders", body{"quantity": 1}).As(token)).Expect(http.StatusBadRequest, "abc is no id.")
	app.Do(lab.POST(fmt.Sprintf("/events/%d/orders", lab.OnSale.ID), `{"quantity":`).As(token)).Expect(http.StatusBadRequest, "Half a body is no body.")
	app.Do(orderOf(lab.OnSale, "two").As(token)).Expect(http.StatusBadRequest, "A word is no number.")
}

func TestOrdersAreTheirOwners(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	buyer, other := app.LogIn(lab.Buyer), app.LogIn(lab.OtherBuyer)
	var order orderAnswer
	app.Do(orderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)

	app.Do(lab.GET("/orders/%d", order.ID).As(other)).
		Expect(http.StatusNotFound, "Whoever counts through the ids must not even learn which ones exist.")
	app.Do(lab.GET("/orders/999999999").As(buyer)).Expect(http.StatusNotFound, "There is no such order.")
	app.Do(lab.GET("/orders/abc").As(buyer)).Expect(http.StatusBadRequest, "abc is no id.")
	for _, theirs := range ordersOf(app, other) {
		lab.Require(t, theirs.ID != order.ID, lab.Finding{
			Measured: fmt.Sprintf("GET /me/orders of one buyer shows order %d of another", order.ID),
			Expected: "a buyer's own orders alone",
			Why:      "What people bought is nobody else's business, by law too.",
		})
	}
}
