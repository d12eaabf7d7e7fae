package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// costs are what the answers to a request may cost, in the table of events with its
// 20,000 rows and its 4,000 pages of 8 KB.
type costs struct {
	rows  int // that are touched in events
	pages int // that are read in all; 0 for any number
}

// anyRows is for lists that read their index for a while: how far behind a cursor is
// for the tests of the cursor to say.
var anyRows = costs{rows: 30_000}

// large are the tables that grow with each day of business. Venues don't.
var large = []string{"events", "orders", "users"}

// requireCheap demands that each of the statements finds what it looks for.
func requireCheap(t *testing.T, app *lab.App, request string, most costs, statements []lab.Statement) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range statements {
		if verb := s.Verb(); seen[s.SQL] || verb != "SELECT" && verb != "WITH" {
			continue
		}
		seen[s.SQL] = true
		plan := app.Explain(s)
		scanned := slices.DeleteFunc(plan.SeqScans(), func(table string) bool { return !slices.Contains(large, table) })
		lab.Require(t, len(scanned) == 0, lab.Finding{
			Measured: fmt.Sprintf("%s reads the table %s from end to end:\n%s\n%s", request, strings.Join(scanned, ", "), oneLine(s.SQL), plan),
			Expected: "no Seq Scan of events, orders or users",
			Why:      "20,000 rows take a few milliseconds, and a million take a second. It is the same code: it gets slower each day, until a rush is too much.",
			Try:      trySQL(s),
		})
		rows, pages := plan.Rows("events"), pagesRead(t, app, s)
		lab.Require(t, rows <= most.rows, lab.Finding{
			Measured: fmt.Sprintf("%s touches %d rows of events, most of them in vain:\n%s\n%s", request, rows, oneLine(s.SQL), plan),
			Expected: fmt.Sprintf("at most %d rows", most.rows),
			Why:      "An index that is read from end to end is a Seq Scan by another name: it grows with the table, too.",
			Try:      trySQL(s),
		})
		lab.Require(t, most.pages == 0 || pages <= most.pages, lab.Finding{
			Measured: fmt.Sprintf("%s reads %d pages of tables and indexes, for %d rows:\n%s\n%s", request, pages, s.Rows, oneLine(s.SQL), plan),
			Expected: fmt.Sprintf("at most %d pages", most.pages),
			Why:      "An index is sorted by its first column, then by the second. Whoever knows the second alone has to leaf through all of it, as in a telephone book with nothing but the first name.",
			Try:      trySQL(s),
		})
	}
}

// trySQL says how to see the plan.
func trySQL(s lab.Statement) string {
	values := make([]string, len(s.Args))
	for i, arg := range s.Args {
		if arg != "NULL" {
			arg = "'" + arg + "'"
		}
		values[i] = fmt.Sprintf("$%d = %s", i+1, arg)
	}
	return "EXPLAIN (ANALYZE, BUFFERS) in front of the query, in psql or in a test. With the values " + strings.Join(values, ", ")
}

// pagesRead is how many pages PostgreSQL reads for the statement, those of indexes
// included: rows that an index passes over show nowhere else.
func pagesRead(t *testing.T, app *lab.App, s lab.Statement) int {
	t.Helper()
	tx, err := app.DB().Begin()
	require.NoError(t, err)
	defer tx.Rollback()
	args := make([]any, len(s.Params))
	for i, p := range s.Params {
		if args[i] = p.Value; p.Null {
			args[i] = nil
		} else if p.Binary {
			return 0 // another session has to be told the types
		}
	}
	_, err = tx.Exec("SET LOCAL max_parallel_workers_per_gather = 0")
	require.NoError(t, err)
	var answer []byte
	require.NoError(t, tx.QueryRow("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+s.SQL, args...).Scan(&answer), "explain %s", s.SQL)
	var plans []struct {
		Plan struct {
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		}
	}
	require.NoError(t, json.Unmarshal(answer, &plans))
	return plans[0].Plan.Hit + plans[0].Plan.Read
}

// addShow inserts events at one venue past the API, and returns their ids.
func addShow(t *testing.T, app *lab.App, n int, values string) []int64 {
	t.Helper()
	rows, err := app.DB().Query(fmt.Sprintf(`
		INSERT INTO events (venue_id, title, description, starts_at, price_cents, remaining)
		SELECT %s FROM generate_series(0, %d) k ORDER BY k RETURNING id`, values, n-1))
	require.NoError(t, err)
	defer rows.Close()
	var added []int64
	for rows.Next() {
		var id int64
		require.NoError(t, rows.Scan(&id))
		added = append(added, id)
	}
	require.NoError(t, rows.Err())
	return added
}

// addTown adds a city with one venue and three events, in a week's time, and returns their ids.
func addTown(t *testing.T, app *lab.App, city string) []int64 {
	t.Helper()
	var venue int64
	require.NoError(t, app.DB().QueryRow(`INSERT INTO venues (name, city, capacity) VALUES ('Harpa', $1, 1800) RETURNING id`, city).Scan(&venue))
	return addShow(t, app, 3, fmt.Sprintf(`%d, 'Northern Lights: Live', 'A quiet evening.', now() + interval '7 days', 5000, 100`, venue))
}

const town = "Reykjavík"

func TestListsGoThroughAnIndex(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	for _, list := range []struct {
		path string
		most costs
	}{
		{"/events?limit=20", costs{rows: 100}},
		{"/events?limit=20&sort=price_cents", costs{rows: 200}}, // some of the cheapest have begun
		{"/events?limit=20" + cursorAt(app, "/events?limit=100", 10), anyRows},
		{"/events?limit=20&sort=price_cents" + cursorAt(app, "/events?limit=100&sort=price_cents", 10), anyRows},
	} {
		_, statements := asked(app, lab.GET("%s", list.path), "Anybody may see what is on.")
		requireCheap(t, app, "GET "+list.path, list.most, statements)
	}
}

// cursorAt is the parameter for what comes behind so many pages.
func cursorAt(app *lab.App, path string, pages int) string {
	var page contract.Page
	for i := range pages {
		r := lab.GET("%s", path)
		if i > 0 {
			r = lab.GET("%s&cursor=%s", path, url.QueryEscape(page.Next))
		}
		page = contract.Page{}
		app.Do(r).Expect(http.StatusOK, "The next of a page is the cursor of the one after it.").JSON(&page)
	}
	return "&cursor=" + url.QueryEscape(page.Next)
}

func TestCityGoesThroughAnIndex(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	addTown(t, app, town)
	small := url.QueryEscape(town)
	for _, list := range []struct {
		path string
		most costs
	}{
		{"/events?limit=20&city=London", costs{rows: 4000}},
		{"/events?limit=20&city=London&sort=price_cents", costs{rows: 4000}},
		{"/events?limit=20&city=London" + cursorAt(app, "/events?limit=20&city=London", 10), anyRows},
		{"/events?limit=20&city=" + small, costs{rows: 100, pages: 60}},
		{"/events?limit=20&sort=price_cents&city=" + small, costs{rows: 100, pages: 60}},
	} {
		_, statements := asked(app, lab.GET("%s", list.path), "Fans look in their own city.")
		requireCheap(t, app, "GET "+list.path, list.most, statements)
	}
}

func TestSearchGoesThroughAnIndex(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	rare := url.QueryEscape(lab.OnSale.Title)
	for _, list := range []struct {
		path string
		most costs
	}{
		{"/events?limit=20&q=" + rare, costs{rows: 200}},
		{"/events?limit=20&sort=price_cents&q=" + rare, costs{rows: 200}},
		{"/events?limit=20&q=satellites", costs{rows: 4000}},
		{"/events?limit=20&q=tour", anyRows}, // a quarter of all events
	} {
		_, statements := asked(app, lab.GET("%s", list.path), "Fans find an event by its title.")
		requireCheap(t, app, "GET "+list.path, list.most, statements)
	}
}

func TestLookUpsGoThroughAnIndex(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t)
	before := app.Postgres.Stats()
	token := app.LogIn(lab.OtherBuyer)
	requireCheap(t, app, "POST /sessions", costs{pages: 20}, app.Postgres.StatementsSince(before))

	_, statements := asked(app, lab.GET("/me/orders").As(token), "Buyers look up what they bought.")
	requireCheap(t, app, "GET /me/orders, with 5 orders,", costs{rows: 50, pages: 150}, statements)
	mine := contract.OrdersOf(t, app, token)
	_, statements = asked(app, lab.GET("/orders/%d", mine[0].ID).As(token), "Buyers look up what they bought.")
	requireCheap(t, app, fmt.Sprintf("GET /orders/%d", mine[0].ID), costs{rows: 10, pages: 40}, statements)
	_, statements = asked(app, lab.GET("/events/%d", lab.OnSale.ID), "Anybody may see an event.")
	requireCheap(t, app, fmt.Sprintf("GET /events/%d", lab.OnSale.ID), costs{rows: 10, pages: 40}, statements)
}
