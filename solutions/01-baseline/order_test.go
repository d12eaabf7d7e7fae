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
}

func TestOrderBeyondTheLastTicketIsRefused(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	app.Do(lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(app.LogIn(lab.Buyer))).Expect(http.StatusConflict, overselling)
}

func TestSoldOutEventSellsNothing(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	app.Do(lab.OrderOf(lab.SoldOut, 1).As(app.LogIn(lab.Buyer))).Expect(http.StatusConflict, overselling)
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
	before, rows := len(contract.OrdersOf(t, app, token)), contract.OrderRows(t, app)
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
	for _, quantity := range []int{0, -1, -100} {
		app.Do(lab.OrderOf(lab.OnSale, quantity).As(token)).
			Expect(http.StatusBadRequest, "An order of -1 tickets makes one more to sell and charges less than nothing.")
	}
	for _, body := range []string{`{}`, `{"quantity":null}`, `{"quantity":0.5}`, `{"quantity":1.5}`, `{"quantity":"1"}`} {
		app.Do(lab.POST(fmt.Sprintf("/events/%d/orders", lab.OnSale.ID), body).As(token)).
			Expect(http.StatusBadRequest, "Whoever guesses how many were meant sells tickets that nobody has asked for.")
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
