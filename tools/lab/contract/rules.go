package contract

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// OrderHasAtMostEightTickets holds when an order of eight tickets is confirmed, and one of nine
// refused with 422.
func OrderHasAtMostEightTickets(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(lab.OrderOf(lab.OnSale, 8).As(token)).Expect(http.StatusCreated, "Eight friends may go together.")
	requireNoTrace(t, app, lab.OrderOf(lab.OnSale, 9).As(token), http.StatusUnprocessableEntity,
		"Without a limit, the first buyer is a reseller with a script, and the house is empty for the fans.")
}

// requireNoTrace demands that a request is refused, and that the database has no order more.
func requireNoTrace(t *testing.T, app *lab.App, r *lab.Request, status int, why string) {
	t.Helper()
	before := OrderRows(t, app)
	app.Do(r).Expect(status, why)
	kept := OrderRows(t, app) - before
	lab.Require(t, kept == 0, lab.Finding{
		Measured: fmt.Sprintf("%s was refused with %d, and the table of orders has %d rows more", r, status, kept),
		Expected: "none, of whatever status",
		Why:      "Reports, exports and the next list of orders don't know that this row was never an order.",
	})
}

// PastEventSellsNothing holds when an order for an event that has begun is refused with 422, and
// one for an event that begins in a minute is confirmed.
func PastEventSellsNothing(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	requireNoTrace(t, app, lab.OrderOf(lab.Past, 1).As(token), http.StatusUnprocessableEntity, "A ticket for yesterday is a refund, a fee and an angry mail.")
	_, err := app.DB().Exec(`UPDATE events SET starts_at = now() + interval '1 minute' WHERE id = $1`, lab.OnSale.ID)
	require.NoError(t, err)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Tickets are sold at the door, until it closes.")
}

// WhatIsGoneIsNotSold holds when an order of more tickets than remain is refused with 409, one
// of all that remain is confirmed, and one of none, or of fewer, is refused with 400: the
// rules of step 01, wherever the code has moved to.
func WhatIsGoneIsNotSold(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	const why = "Each ticket sold twice is somebody who is turned away at the door."
	requireNoTrace(t, app, lab.OrderOf(lab.SoldOut, 1).As(token), http.StatusConflict, why)
	requireNoTrace(t, app, lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(token), http.StatusConflict, why)
	app.Do(lab.OrderOf(lab.FewLeft, lab.FewLeft.Remaining).As(token)).Expect(http.StatusCreated, "A seat that nobody may buy earns nothing.")
	requireNoTrace(t, app, lab.OrderOf(lab.OnSale, 0).As(token), http.StatusBadRequest, "An order of no tickets is none.")
	requireNoTrace(t, app, lab.OrderOf(lab.OnSale, -1).As(token), http.StatusBadRequest, "An order of -1 tickets makes one more to sell.")
	for _, body := range []string{`{}`, `{"quantity":null}`, `{"quantity":0.5}`, `{"quantity":1.5}`, `{"quantity":"1"}`} {
		requireNoTrace(t, app, lab.POST(fmt.Sprintf("/events/%d/orders", lab.OnSale.ID), body).As(token), http.StatusBadRequest,
			"Whoever guesses how many were meant sells tickets that nobody has asked for.")
	}
}

// OrderIsAllOrNothing holds when the database refuses one of the two writes that make an order,
// and the other doesn't stay behind: the answer is a 5xx, all tickets are still there, and the
// buyer has no order more.
func OrderIsAllOrNothing(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, table := range []string{"orders", "events"} {
		app := lab.Start(t)
		token := app.LogIn(lab.Buyer)
		before := len(OrdersOf(t, app, token))
		app.RefuseWrites(table)

		answer := app.Do(lab.OrderOf(lab.OnSale, 2).As(token))
		left := Listed(t, app, lab.OnSale.Title).Remaining
		more := len(OrdersOf(t, app, token)) - before
		lab.Require(t, answer.Status >= 500 && left == lab.OnSale.Remaining && more == 0, lab.Finding{
			Measured: fmt.Sprintf("the database refused the write to %s; the order answered %d, %d of %d tickets remain, and the buyer has %d orders more",
				table, answer.Status, left, lab.OnSale.Remaining, more),
			Expected: "a 5xx, all tickets still there, and no order",
			Why:      "Tickets that are taken and ordered by nobody are seats that stay empty; orders without tickets are people at the door.",
		})
	}
}
