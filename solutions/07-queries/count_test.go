package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/boxoffice/tools/lab"
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
		"/events?limit=5",
		"/events?limit=50",
		"/events?limit=50&sort=price_cents",
		"/events?limit=50&city=London",
		"/events?limit=50&q=tour",
	} {
		var page pageAnswer
		answer, queries := asked(app, lab.GET("%s", path), "Anybody may see what is on.")
		answer.JSON(&page)
		requireFewQueries(t, answer, path, len(page.Events), queries)
	}
}

func TestOrdersTakeTwoQueries(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, user := range []lab.User{lab.OtherBuyer, lab.Buyer} { // with 5 orders, and with 60
		var list struct{ Orders []orderAnswer }
		answer, queries := asked(app, lab.GET("/me/orders").As(app.LogIn(user)), "Buyers look up what they bought.")
		answer.JSON(&list)
		requireFewQueries(t, answer, "/me/orders", len(list.Orders), queries)
	}
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
