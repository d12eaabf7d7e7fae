package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// search looks for events whose title has the text in it.
func search(text string) *lab.Request { return lab.GET("/events?q=%s", url.QueryEscape(text)) }

func TestSearchReadsEventsAlone(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	// Whoever attacks tries how many columns the list selects: those that it shows, or all of the table.
	for _, more := range []string{"", ", now()"} {
		answer := app.Do(search(`%' UNION SELECT id, 1, email || ' ' || password_hash, '', now(), 0, 0` + more + ` FROM users --`))
		text := string(answer.Body)
		lab.Require(t, !strings.Contains(text, "$2a$") && !strings.Contains(text, "example.com"), lab.Finding{
			Measured: fmt.Sprintf("a search for events answered with users: %s", excerpt(answer.Body)),
			Expected: "events whose title has the searched text in it, which are none",
			Why:      "Everybody who finds this owns your database. It takes a browser and ten minutes, and programs look for it all day.",
			Try:      answer.Curl(),
		})
		answer.Expect(http.StatusOK, "A search that finds nothing is no error.")
	}
}

// marker is a word that the API can only have from the client.
const marker = "zanzibar"

func TestSearchTermsAreNoSQL(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	for _, text := range []string{marker, marker + "'", "'" + marker, marker + `\' OR 1=1 --`, marker + "''", marker + "$1", marker + "; SELECT 1"} {
		requireOutsideSQL(t, app, search(text), "q")
	}
	requireOutsideSQL(t, app, lab.GET("/events?city=%s", marker), "city")
}

func TestSortsAreNoSQL(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	for _, sort := range []string{marker, "starts_at, " + marker, "(SELECT " + marker + ")", "price_cents -- " + marker} {
		requireOutsideSQL(t, app, lab.GET("/events?sort=%s", url.QueryEscape(sort)), "sort")
	}
}

// requireOutsideSQL demands that the marker, which the request's parameter holds,
// stands in no statement.
func requireOutsideSQL(t *testing.T, app *lab.App, request *lab.Request, parameter string) {
	t.Helper()
	before := app.Postgres.Stats()
	answer := app.Do(request)
	for _, statement := range app.Postgres.StatementsSince(before) {
		at := strings.Index(statement.SQL, marker)
		lab.Require(t, at < 0, lab.Finding{
			Measured: fmt.Sprintf("%s: what the client sent as %s stands in the SQL: …%s", request, parameter, around(statement.SQL, at)),
			Expected: "SQL that is the same whatever the client sends",
			Why: "What stands in the SQL is read as SQL. Somebody will find the letter that you forgot to escape; " +
				"and the database, which sees a new statement each time, plans each of them anew.",
			Try: answer.Curl(),
		})
	}
	lab.Require(t, answer.Status < http.StatusInternalServerError, lab.Finding{
		Measured: fmt.Sprintf("%s answered %d: %s", request, answer.Status, excerpt(answer.Body)),
		Expected: "a list, or a 400: this is text that a client may send",
		Why:      "A 500 tells whoever is trying that there is something to find here.",
		Try:      answer.Curl(),
	})
}

func around(sql string, at int) string {
	if at < 0 {
		return ""
	}
	text := sql[max(0, at-40):min(len(sql), at+len(marker)+20)]
	return strings.Join(strings.Fields(text), " ") + "…"
}

func TestSortIsOneOfTwo(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	for _, sort := range []string{
		"title", "id", "remaining", "1", "price_cents DESC", "price_cents,starts_at", "starts_at--", "price_cents;", "-starts_at",
		"random()", "(SELECT count(*) FROM users)", "CASE WHEN true THEN price_cents END", "%00", "price_cents'",
	} {
		answer := app.Do(lab.GET("/events?sort=%s", strings.ReplaceAll(url.QueryEscape(sort), "%25", "%")))
		lab.Require(t, answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("sort=%s was answered %d: %s", sort, answer.Status, excerpt(answer.Body)),
			Expected: "400: the list can be sorted by starts_at or by price_cents",
			Why:      "Whoever may name any column, or any expression, learns what is in it from the order of the events. And each column that nobody has an index for is a slow query.",
			Try:      answer.Curl(),
		})
	}
}

func TestEventsAreSortedByPrice(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	var page contract.Page
	answer := app.Do(lab.GET("/events?sort=price_cents&limit=100")).Expect(http.StatusOK, "Fans look for what they can pay.").JSON(&page)
	for i := 1; i < len(page.Events); i++ {
		a, b := page.Events[i-1], page.Events[i]
		lab.Require(t, a.PriceCents < b.PriceCents || a.PriceCents == b.PriceCents && a.ID < b.ID, lab.Finding{
			Measured: fmt.Sprintf("by price, event %d for %d cents comes before event %d for %d cents", a.ID, a.PriceCents, b.ID, b.PriceCents),
			Expected: "the cheapest first, and by id when they cost the same",
			Why:      "An order that isn't total shows some events twice and others never, from page to page.",
			Try:      answer.Curl(),
		})
	}
	var first, start contract.Page
	app.Do(lab.GET("/events?limit=100")).JSON(&first)
	app.Do(lab.GET("/events?limit=100&sort=starts_at")).Expect(http.StatusOK, "The default may be named, too.").JSON(&start)
	lab.Require(t, fmt.Sprint(contract.IDs(first.Events)) == fmt.Sprint(contract.IDs(start.Events)) && fmt.Sprint(contract.IDs(first.Events)) != fmt.Sprint(contract.IDs(page.Events)), lab.Finding{
		Measured: fmt.Sprintf("without sort, the events %v; with sort=starts_at, %v; with sort=price_cents, %v", contract.IDs(first.Events)[:3], contract.IDs(start.Events)[:3], contract.IDs(page.Events)[:3]),
		Expected: "the first two alike, the third in another order",
		Why:      "Clients that never heard of sort must see what they always saw.",
	})
}

func TestSearchFindsWhatIsThere(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	title := `Rock 'n' Roll "Live" -- the $1 Tour; DROP by /* free */`
	app.Do(lab.PATCH("/events/42", lab.Body{"title": title}).As(app.LogIn(lab.Organiser))).Expect(http.StatusOK, "Bands have such names.")
	for _, text := range []string{"'n'", `"Live"`, "-- the $1", "Tour; DROP", "/* free */", "Roll \"", title} {
		var page contract.Page
		answer := app.Do(search(text)).Expect(http.StatusOK, "A quote is a letter like any other to whoever looks for a band.").JSON(&page)
		lab.Require(t, len(page.Events) > 0 && page.Events[0].ID == 42, lab.Finding{
			Measured: fmt.Sprintf("the search for %s found the events %v", text, contract.IDs(page.Events)),
			Expected: fmt.Sprintf("event 42, whose title is %s", title),
			Why:      "A search that strips or doubles letters finds something else than was asked for.",
			Try:      answer.Curl(),
		})
	}
	for _, text := range []string{"'", "''", `\`, `\'`, `\\`, "%", "_", `%\`, ";", "--", "$1", "$$", "E'\\x'", "\n", "☃"} {
		answer := app.Do(search(text))
		lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("the search for %q was answered %d: %s", text, answer.Status, excerpt(answer.Body)),
			Expected: "200, and what has that in its title, or nothing",
			Why:      "Somebody will look for this, and it isn't wrong.",
			Try:      answer.Curl(),
		})
	}
}
