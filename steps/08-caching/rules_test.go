package main_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

func TestOrderHasAtMostEightTickets(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(orderOf(lab.OnSale, 8).As(token)).Expect(http.StatusCreated, "Eight friends may go together.")
	app.Do(orderOf(lab.OnSale, 9).As(token)).
		Expect(http.StatusUnprocessableEntity, "Without a limit, the first buyer is a reseller with a script, and the house is empty for the fans.")
}

func TestPastEventSellsNothing(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	app.Do(orderOf(lab.Past, 1).As(app.LogIn(lab.Buyer))).
		Expect(http.StatusUnprocessableEntity, "A ticket for yesterday is a refund, a fee and an angry mail.")
}

// The rules of step 01 hold wherever the code has moved to.
func TestWhatIsGoneIsNotSold(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	const why = "Each ticket sold twice is somebody who is turned away at the door."
	app.Do(orderOf(lab.SoldOut, 1).As(token)).Expect(http.StatusConflict, why)
	app.Do(orderOf(lab.FewLeft, lab.FewLeft.Remaining+1).As(token)).Expect(http.StatusConflict, why)
	app.Do(orderOf(lab.FewLeft, lab.FewLeft.Remaining).As(token)).Expect(http.StatusCreated, "A seat that nobody may buy earns nothing.")
	app.Do(orderOf(lab.OnSale, 0).As(token)).Expect(http.StatusBadRequest, "An order of no tickets is none.")
	app.Do(orderOf(lab.OnSale, -1).As(token)).Expect(http.StatusBadRequest, "An order of -1 tickets makes one more to sell.")
}

// The database refuses one of the two writes that make an order. The other must
// not stay behind.
func TestOrderIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"orders", "events"} {
		app := lab.Start(t)
		token := app.LogIn(lab.Buyer)
		before := len(ordersOf(app, token))
		refuseWrites(t, app, table)

		answer := app.Do(orderOf(lab.OnSale, 2).As(token))
		left := listed(t, app, lab.OnSale.Title).Remaining
		more := len(ordersOf(app, token)) - before
		lab.Require(t, answer.Status >= 500 && left == lab.OnSale.Remaining && more == 0, lab.Finding{
			Measured: fmt.Sprintf("the database refused the write to %s; the order answered %d, %d of %d tickets remain, and the buyer has %d orders more",
				table, answer.Status, left, lab.OnSale.Remaining, more),
			Expected: "a 5xx, all tickets still there, and no order",
			Why:      "Tickets that are taken and ordered by nobody are seats that stay empty; orders without tickets are people at the door.",
		})
	}
}

// refuseWrites makes the database refuse each write to the table.
func refuseWrites(t *testing.T, app *lab.App, table string) {
	t.Helper()
	_, err := app.DB().Exec(fmt.Sprintf(`
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION refuse();`, table))
	require.NoError(t, err, "make the database refuse writes to %s", table)
}
