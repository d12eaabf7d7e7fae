package main_test

import (
	"fmt"
	"net/http"
	"testing"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// Orders come one after another here. What happens when they come at the same
// moment is the subject of a later step.

const overselling = "Each ticket sold twice is somebody who is turned away at the door."

func TestOrdersStopAtTheLastTicket(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)

	app.Do(lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining).As(token)).
		Expect(http.StatusCreated, fmt.Sprintf("%d tickets are left, so %d can be bought. A seat that nobody may buy earns nothing.", lab.FewLeft.Remaining, lab.FewLeft.Remaining))
	requireRemaining(t, app, lab.FewLeft, 0)
	app.Do(lab.OrderOf(lab.FewLeft, 1).As(token)).Expect(http.StatusConflict, overselling)
	requireRemaining(t, app, lab.FewLeft, 0)

	inDatabase(t, app, `UPDATE events SET remaining = 2 WHERE id = $1`, lab.FewLeft.ID)
	app.Do(lab.OrderOf(lab.FewLeft, 2).As(token)).
		Expect(http.StatusCreated, "Somebody has opened another row of seats. What remains is what the database says now, not what this process has seen.")
	app.Do(lab.OrderOf(lab.FewLeft, 1).As(token)).Expect(http.StatusConflict, overselling)
}

func TestOrderBeyondTheLastTicketIsRefused(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	for _, user := range []lab.User{lab.Organiser, lab.OtherBuyer, lab.Buyer} {
		app.Do(lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(app.LogIn(user))).Expect(http.StatusConflict, overselling)
	}
	token := app.LogIn(lab.Buyer)
	for _, quantity := range []int{1<<31 - 1, 1 << 31, 1<<32 + 1, 1<<63 - 1} {
		answer := app.Do(lab.OrderOf(lab.FewLeft, quantity).As(token))
		lab.Require(t, answer.Status/100 == 4, lab.Finding{ // a later step has another word than 409 for so many
			Measured: fmt.Sprintf("an order of %d tickets, of which %d are left, answered %d %s", quantity, lab.FewLeft.Remaining, answer.Status, answer.Body),
			Expected: "409 Conflict",
			Why:      "Anybody can type a large number. Sold, it is a house full of people without seats; a 500 wakes you for it.",
			Try:      answer.Curl(),
		})
	}
	requireConnectionsGivenBack(t, app, lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(token))
}

// What is new is sold like the rest, and so where the mail server is elsewhere, as in production. An event
// from before your check may have less than nothing left.
func TestSoldOutEventSellsNothing(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Env("SMTP_ADDR=mail.example:25"))
	token := app.LogIn(lab.Buyer)
	app.Do(lab.OrderOf(lab.SoldOut, 1).As(token)).Expect(http.StatusConflict, overselling)
	for i, remaining := range []int{0, -1} {
		event := lab.Event{ID: 20_001 + int64(i)}
		announce(t, app, event.ID, remaining)
		app.Do(lab.OrderOf(event, 1).As(token)).
			Expect(http.StatusConflict, fmt.Sprintf("The test has just put event %d into the database, with %d tickets left. %s", event.ID, remaining, overselling))
	}
}

// Whatever people ask for, in whatever order: what is sold and what remains add
// up to what was there.
func TestNothingIsSoldTwice(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	buyers := []string{app.LogIn(lab.Buyer), app.LogIn(lab.OtherBuyer)}
	sold := 0
	for i, quantity := range []int{2, 2, 1, 3, 1} {
		if app.Do(lab.OrderOf(lab.FewLeft, quantity).As(buyers[i%2])).Status == http.StatusCreated {
			sold += quantity
		}
	}
	lab.Require(t, sold == lab.FewLeft.Remaining, lab.Finding{
		Measured: fmt.Sprintf("orders of 2, 2, 1, 3 and 1 tickets bought %d of %d", sold, lab.FewLeft.Remaining),
		Expected: "the first and the third go through, and nothing remains for the others",
		Why:      overselling,
	})
	requireRemaining(t, app, lab.FewLeft, 0)
}

func TestRefusedOrderLeavesNothingBehind(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	before, rows, wrote := len(contract.OrdersOf(t, app, token)), contract.OrderRows(t, app), writer(t, app, lab.FewLeft)
	app.Do(lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(token)).Expect(http.StatusConflict, overselling)

	requireRemaining(t, app, lab.FewLeft, lab.FewLeft.Remaining)
	after := len(contract.OrdersOf(t, app, token))
	lab.Require(t, after == before, lab.Finding{
		Measured: fmt.Sprintf("the buyer has %d orders more after one that was refused with 409", after-before),
		Expected: "no order",
		Why:      "A buyer who was told no, and finds the order in the list, comes to the door with it.",
	})
	kept := contract.OrderRows(t, app) - rows
	lab.Require(t, kept == 0, lab.Finding{
		Measured: fmt.Sprintf("the table of orders has %d rows more after an order that was refused with 409", kept),
		Expected: "none, of whatever status",
		Why:      "Reports, exports and the next list of orders don't know that this row was never an order.",
	})
	lab.Require(t, writer(t, app, lab.FewLeft) == wrote, lab.Finding{
		Measured: "an order that was refused with 409 has written to the event, and committed that",
		Expected: "that it sells nothing, not even for a moment",
		Why:      "In that moment, others see tickets gone that are there. Whatever breaks in it leaves them gone for ever.",
	})
	lab.Require(t, app.Mail.Count() == 0, lab.Finding{
		Measured: fmt.Sprintf("%d mails after an order that was refused with 409", app.Mail.Count()),
		Expected: "no mail",
		Why:      "A buyer who was told no, and gets a confirmation, comes to the door with it.",
	})
}

func TestQuantityMustBePositive(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	for _, event := range []lab.Event{lab.OnSale, lab.SoldOut} {
		for _, quantity := range []int{0, -1, -100} {
			app.Do(lab.OrderOf(event, quantity).As(token)).
				Expect(http.StatusBadRequest, "An order of -1 tickets makes one more to sell and charges less than nothing.")
		}
		for _, body := range []string{``, `{}`, `{"quantity":null}`, `{"quantity":0.5}`, `{"quantity":1.5}`, `{"quantity":"1"}`} {
			app.Do(lab.POST(fmt.Sprintf("/events/%d/orders", event.ID), body).As(token)).
				Expect(http.StatusBadRequest, "Whoever guesses how many were meant sells tickets that nobody has asked for.")
		}
	}
	requireRemaining(t, app, lab.OnSale, lab.OnSale.Remaining)
}

// requireRemaining demands what the list of events says about an event.
func requireRemaining(t *testing.T, app *lab.App, event lab.Event, want int) {
	t.Helper()
	got := contract.Listed(t, app, event.Title).Remaining
	lab.Require(t, got == want, lab.Finding{
		Measured: fmt.Sprintf("the list says that %d tickets of event %d remain", got, event.ID),
		Expected: fmt.Sprint(want),
		Why:      "The next buyer, and the door, go by this number.",
	})
}

// writer is the transaction that has written what the database has about an event.
func writer(t *testing.T, app *lab.App, event lab.Event) (transaction string) {
	t.Helper()
	if err := app.DB().QueryRow(`SELECT xmin::text FROM events WHERE id = $1`, event.ID).Scan(&transaction); err != nil {
		t.Fatal(err)
	}
	return transaction
}
