package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// The rules of selling tickets, and of releases, which hold wherever the code has moved to.
// Those of the whole course have their text in tools/lab/contract; the rest is this step's.

// patience is how long the tests wait for what must come.
const patience = 10 * time.Second

// POST /events/:id/orders: 201 to eight tickets, 422 to nine, and to any number beyond.
func TestOrderHasAtMostEightTickets(t *testing.T) {
	lab.Task(t, 2)
	contract.OrderHasAtMostEightTickets(t)
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	for _, quantity := range []int{100, 255, 256, 1000, 65_536, 1_000_000} {
		app.Do(lab.OrderOf(lab.OnSale, quantity).As(token)).Expect(http.StatusUnprocessableEntity,
			"This is a whole number of tickets, and too many of them. Whoever hears 400 looks for a fault in what they sent.")
	}
}

// POST /events/:id/orders: 422 to an event that has begun.
func TestPastEventSellsNothing(t *testing.T) {
	lab.Task(t, 2)
	contract.PastEventSellsNothing(t)
}

// POST /events/:id/orders: 409 to more tickets than remain, 201 to all of them, 400 to none and to fewer.
func TestWhatIsGoneIsNotSold(t *testing.T) { contract.WhatIsGoneIsNotSold(t) }

// POST /events/:id/orders: when the database refuses one of its writes, a 5xx; no ticket is gone, and there is no order.
func TestOrderIsAllOrNothing(t *testing.T) { contract.OrderIsAllOrNothing(t) }

// POST /events/:id/orders: before each of its writes, whoever else looks sees the whole order, or nothing of it.
func TestNobodySeesHalfAnOrder(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	before := contract.Seats(t, app)
	for _, table := range []string{"events", "orders"} {
		write := app.Postgres.Hold(lab.Writes(table))
		sale := app.Begin(lab.OrderOf(lab.OnSale, 2).As(token))
		lab.Within(patience, func() bool { return write.Held() > 0 || sale.Answered() })
		now := contract.Seats(t, app)
		write.Open()
		lab.Require(t, now == before, lab.Finding{
			Measured: fmt.Sprintf("an order of 2 tickets was stopped before its write to %s; what was sold and what remains were %d tickets together, and are %d", table, before, now),
			Expected: "the same sum at each moment: whoever looks sees the order and its tickets taken, or neither",
			Why:      "At that moment the process can be killed, or the machine lose its power. Then nobody is left who gives the tickets back.",
		})
		sale.Wait(patience).Expect(http.StatusCreated, "Nothing was wrong: it took a little longer.")
	}
}

// POST /events/:id/orders: one order at most, whichever answer of the database is lost between BEGIN and COMMIT, or to these.
// What stands outside of a transaction isn't asked: database/sql repeats it by itself.
func TestLostAnswerSellsOnce(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	before := contract.Seats(t, app)
	for k, fell := 1, true; fell; k++ {
		orders := contract.OrderRows(t, app)
		cut := app.Postgres.CutAt(k, lab.After, ofATransaction)
		answer := app.Do(lab.OrderOf(lab.OnSale, 1).As(token))
		var statement lab.Statement
		statement, fell = cut.At()
		cut.Stop()
		made, now := contract.OrderRows(t, app)-orders, contract.Seats(t, app)
		lab.Require(t, made <= 1 && now == before, lab.Finding{
			Measured: fmt.Sprintf("the database did statement %d of an order's transaction (%s), and its answer was lost; there are %d orders more, and what was sold and what remains were %d tickets together, and are %d",
				k, statement.Verb(), made, before, now),
			Expected: "one order or none, and the same sum",
			Why:      "Whoever hears nothing of a sale can't know that there was none. One that is made again sells twice, and takes the money twice.",
		})
		lab.Require(t, answer.Status == http.StatusCreated && made == 1 || answer.Status >= http.StatusInternalServerError, lab.Finding{
			Measured: fmt.Sprintf("the database did statement %d of an order's transaction (%s), and its answer was lost; the order was answered with %d, and there are %d orders more", k, statement.Verb(), answer.Status, made),
			Expected: "201 and one order, or a status from 500 on",
			Why:      "The buyer believes the answer.",
		})
	}
}

// ofATransaction matches what begins or ends one, and all between.
func ofATransaction(s lab.Statement) bool {
	return s.InTransaction || lab.Verb("BEGIN", "START", "COMMIT", "END")(s)
}

// All routes about orders: whatever the answer, no connection to the database stays behind, and no transaction.
func TestConnectionsAreGivenBack(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	var order contract.Order
	app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)
	const (
		often = 8 // requests of a kind, one after another
		few   = 6 // connections that a pool may keep for them
	)
	ask := func(r *lab.Request) {
		t.Helper()
		var status int
		for range often {
			status = app.Do(r).Status
		}
		var now lab.PostgresStats
		given := lab.Within(patience, func() bool {
			now = app.Postgres.Stats()
			return now.Open <= few && now.InTransaction == 0
		})
		lab.Require(t, given, lab.Finding{
			Measured: fmt.Sprintf("%s was answered with %d, %d times, one after another; since %v all is quiet, with %d connections to the database open, %d of them in a transaction",
				r, status, often, patience, now.Open, now.InTransaction),
			Expected: fmt.Sprintf("none in a transaction, and no more than %d open, if they are kept for the next requests", few),
			Why:      "PostgreSQL has a hundred connections, for all. What leaves one behind with each request shuts the shop in a minute of a sale.",
		})
	}
	nobodys := lab.Event{ID: 999_999_999}
	ask(lab.GET("/orders/%d", order.ID).As(buyer))
	ask(lab.GET("/orders/%d", order.ID).As(organiser)) // another's order
	ask(lab.GET("/orders/999999999").As(buyer))
	ask(lab.GET("/me/orders").As(organiser))
	ask(lab.OrderOf(lab.OnSale, 1).As(buyer))
	ask(lab.OrderOf(lab.SoldOut, 1).As(buyer))
	ask(lab.OrderOf(lab.Past, 1).As(buyer))
	ask(lab.OrderOf(nobodys, 1).As(buyer))
	app.RefuseWrites("orders")
	ask(lab.OrderOf(lab.OnSale, 1).As(buyer))
}

// All routes: the same as before when each table has columns that this release doesn't know, whatever they are called,
// wherever they stand and however much is in them.
func TestColumnsMayBeAdded(t *testing.T) {
	lab.Task(t, 1)
	contract.ColumnsMayBeAdded(t)
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for _, release := range []struct{ did, changes, why string }{
		{"gave each table columns that are called as those of the others", sameNames,
			"A statement that joins two tables, and doesn't say whose column it means, fails once both have one of that name."},
		{"built the tables of users and orders anew, with their columns in another order", otherOrder,
			"A statement that counts columns puts the sum into the quantity, or fails."},
		{fmt.Sprintf("gave each table a column with %d bytes in each row", weight), fmt.Sprintf(heavyRows, weight),
			"Whoever reads all columns, and throws away what they don't know, still waits for it: a picture in each row, and the list that took 5 ms takes a second."},
	} {
		_, err := app.DB().Exec(release.changes)
		require.NoError(t, err, "another release %s", release.did)
		before := app.Postgres.Stats()
		failed := unlike(t, app, buyer, organiser)
		for _, s := range app.Postgres.StatementsSince(before) {
			if s.Rows > 0 && s.Bytes/s.Rows >= weight {
				failed = append(failed, fmt.Sprintf("this statement read %d bytes in %d rows: %s", s.Bytes, s.Rows, strings.Join(strings.Fields(s.SQL), " ")))
			}
		}
		lab.Require(t, len(failed) == 0, lab.Finding{
			Measured: fmt.Sprintf("another release %s; after that:\n%s", release.did, strings.Join(failed, "\n")),
			Expected: "all as before: each statement names the columns that it wants",
			Why:      release.why,
		})
	}
}

// weight is how much a later release adds to each row, in bytes.
const weight = 200_000

// What other releases do to the tables.
const (
	// sameNames gives each table a column for each name that another table has.
	sameNames = `
		DO $$
		DECLARE addition text;
		BEGIN
			FOR addition IN
				WITH ours AS (
					SELECT table_name, column_name FROM information_schema.columns
					WHERE table_schema = current_schema AND table_name IN ('users', 'venues', 'events', 'orders')
				)
				SELECT DISTINCT format('ALTER TABLE %I ADD COLUMN %I text', t.table_name, c.column_name) FROM ours AS t, ours AS c
				WHERE NOT EXISTS (SELECT FROM ours AS o WHERE o.table_name = t.table_name AND o.column_name = c.column_name)
			LOOP
				EXECUTE addition;
			END LOOP;
		END $$`
	// otherOrder moves a column to the end of each table that the API adds rows to.
	otherOrder = `
		ALTER TABLE users ADD COLUMN moved text;
		UPDATE users SET moved = password_hash;
		ALTER TABLE users DROP COLUMN password_hash;
		ALTER TABLE users RENAME COLUMN moved TO password_hash;
		ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
		TRUNCATE orders; -- it is about the next one
		ALTER TABLE orders DROP COLUMN quantity;
		ALTER TABLE orders ADD COLUMN quantity int NOT NULL;`
	// heavyRows adds so many bytes to each row.
	heavyRows = `
		ALTER TABLE users ADD COLUMN weighs text DEFAULT repeat('x', %[1]d);
		ALTER TABLE venues ADD COLUMN weighs text DEFAULT repeat('x', %[1]d);
		ALTER TABLE events ADD COLUMN weighs text DEFAULT repeat('x', %[1]d);
		ALTER TABLE orders ADD COLUMN weighs text DEFAULT repeat('x', %[1]d);`
)

// unlike sends a request to each route that reads or writes the database, and says which were
// answered otherwise than they should.
func unlike(t *testing.T, app *lab.App, buyer, organiser string) (failed []string) {
	t.Helper()
	check := func(r *lab.Request, status int, pieces ...string) *lab.Response {
		t.Helper()
		answer := app.Do(r)
		for _, piece := range pieces {
			if answer.Status == status && !strings.Contains(string(answer.Body), piece) {
				failed = append(failed, fmt.Sprintf("%s: %d, without %s: %s", r, status, piece, answer.Body))
				return answer
			}
		}
		if answer.Status != status {
			failed = append(failed, fmt.Sprintf("%s: %d %s", r, answer.Status, answer.Body))
		}
		return answer
	}
	path := fmt.Sprintf("/events/%d", lab.OnSale.ID)
	title := fmt.Sprintf("%q", lab.OnSale.Title)
	email := fmt.Sprintf("after-%d@example.com", time.Now().UnixNano())
	check(lab.POST("/users", lab.Body{"email": email, "password": "a long pass phrase"}), http.StatusCreated, email)
	check(lab.GET("/me").As(buyer), http.StatusOK, lab.Buyer.Email)
	check(lab.PATCH(path, lab.Body{"price_cents": 4300}).As(organiser), http.StatusOK, title, `"price_cents":4300`)
	check(lab.GET("/events?q=%s&city=%s", url.QueryEscape(lab.OnSale.Title), url.QueryEscape(lab.OnSale.Venue.City)), http.StatusOK, title, `"price_cents":4300`)
	check(lab.GET("%s", path), http.StatusOK, title, `"price_cents":4300`)
	var order contract.Order
	sold := []string{`"quantity":2`, `"total_cents":8600`, `"status":"confirmed"`}
	if answer := check(lab.OrderOf(lab.OnSale, 2).As(buyer), http.StatusCreated, sold...); answer.Status == http.StatusCreated {
		answer.JSON(&order)
		check(lab.GET("/orders/%d", order.ID).As(buyer), http.StatusOK, sold...)
	}
	check(lab.GET("/me/orders").As(buyer), http.StatusOK, append(sold, title)...)
	return failed
}
