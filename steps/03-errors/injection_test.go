package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
	// What is written in another way, as digits or in a code, is still the client's.
	requireSameSQL(t, app, "q", search("samarkand"), search("xanadu"))
	requireSameSQL(t, app, "city", lab.GET("/events?city=samarkand"), lab.GET("/events?city=xanadu"))
}

// Titles, addresses, numbers and header fields come from clients as well.
func TestNothingElseOfARequestIsSQL(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	title := func(text string) *lab.Request { return lab.PATCH("/events/42", lab.Body{"title": text}).As(organiser) }
	requireOutsideSQL(t, app, title(marker+"'"), "title")
	requireSameSQL(t, app, "title", title(marker), title("xanadu"))
	price := func(cents int) *lab.Request {
		return lab.PATCH("/events/42", lab.Body{"price_cents": cents}).As(organiser)
	}
	requireSameSQL(t, app, "price_cents", price(8311), price(8313))
	signUp := func(name string) *lab.Request {
		return lab.POST("/users", lab.Body{"email": name + "@example.com", "password": name + name})
	}
	requireOutsideSQL(t, app, signUp(marker), "email and password")
	requireSameSQL(t, app, "email", signUp(marker+"2"), signUp("xanadu"))
	logIn := func(name string) *lab.Request {
		return lab.POST("/sessions", lab.Body{"email": name + "@nowhere.example", "password": name + name})
	}
	requireOutsideSQL(t, app, logIn(marker), "email and password")
	requireSameSQL(t, app, "email", logIn(marker), logIn("xanadu"))

	few := "/events?q=" + url.QueryEscape(lab.FewLeft.Title) // fewer than a page, so that the answer is the same
	requireSameSQL(t, app, "limit", lab.GET("%s&limit=97", few), lab.GET("%s&limit=99", few))
	requireSameSQL(t, app, "cursor", lab.GET("/events?cursor=86413"), lab.GET("/events?cursor=86417"))

	for _, request := range []*lab.Request{lab.GET("/events/42"), lab.GET("/events"), lab.GET("/me").As(organiser)} {
		for _, name := range []string{
			"X-Request-Id", "X-Correlation-Id", "Traceparent", "Tracestate", "User-Agent", "Referer", "Origin", "Cookie",
			"X-Forwarded-For", "X-Real-Ip", "Accept-Language", "If-None-Match",
		} {
			request.Header(name, marker)
		}
		requireOutsideSQL(t, app, request, "a header field")
	}
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

// requireSameSQL demands that two requests that differ only in what the client sent as
// parameter are the same SQL to the database.
func requireSameSQL(t *testing.T, app *lab.App, parameter string, a, b *lab.Request) {
	t.Helper()
	statements := func(request *lab.Request) map[string]bool {
		before := app.Postgres.Stats()
		app.Do(request)
		sent := map[string]bool{}
		for _, statement := range app.Postgres.StatementsSince(before) {
			sent[statement.SQL] = true
		}
		return sent
	}
	known := statements(a)
	for sql := range statements(b) {
		lab.Require(t, known[sql], lab.Finding{
			Measured: fmt.Sprintf("%s differs from %s in its %s alone, and sent SQL that the other had not: %s", b, a, parameter, strings.Join(strings.Fields(sql), " ")),
			Expected: "SQL that is the same whatever the client sends",
			Why: "Somehow what the client sent has come into the statement, though it may not look like it. The next copy of that line forgets the code that made it harmless; " +
				"and the database, which sees a new statement each time, plans each of them anew.",
		})
	}
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
		"price", "s", "_", "starts_at price_cents", "price_cents ", "Starts_At", "starts_at\n", "random()", "(SELECT count(*) FROM users)", "CASE WHEN true THEN price_cents END", "%00", "price_cents'",
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
	var next contract.Page
	answer = app.Do(lab.GET("/events?sort=price_cents&limit=100&cursor=%s", url.QueryEscape(page.Next))).Expect(http.StatusOK, "There are more events than a page has.").JSON(&next)
	dearest, cheapest := page.Events[len(page.Events)-1], next.Events[0]
	lab.Require(t, dearest.PriceCents <= cheapest.PriceCents, lab.Finding{
		Measured: fmt.Sprintf("by price, the first page ends with event %d for %d cents, and the second begins with event %d for %d cents", dearest.ID, dearest.PriceCents, cheapest.ID, cheapest.PriceCents),
		Expected: "a second page that goes on where the first one ended",
		Why:      "Sorted after it was cut, a page has the cheapest of some hundred events. The cheapest of all is on page 7, where nobody looks.",
		Try:      answer.Curl(),
	})
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
	title := `Rock 'n' Roll "Live" -- the $1 Tour; DROP by /* free */, and to Insert, Update or Delete ` + strings.Repeat("ö", 50)
	var last int64 // the event that a list comes to last, whichever way it is sorted
	require.NoError(t, app.DB().QueryRow(`SELECT id FROM events ORDER BY starts_at DESC, id DESC LIMIT 1`).Scan(&last))
	app.Do(lab.PATCH(fmt.Sprintf("/events/%d", last), lab.Body{"title": title, "price_cents": 99_000}).As(app.LogIn(lab.Organiser))).
		Expect(http.StatusOK, "Bands have such names.")
	for _, text := range []string{"'n'", `"Live"`, "-- the $1", "Tour; DROP", "/* free */", "Roll \"", "insert, update or delete", title} {
		for _, sort := range []string{"starts_at", "price_cents"} {
			var page contract.Page
			answer := app.Do(lab.GET("/events?sort=%s&q=%s", sort, url.QueryEscape(text))).
				Expect(http.StatusOK, "A quote is a letter like any other to whoever looks for a band.").JSON(&page)
			lab.Require(t, len(page.Events) > 0 && page.Events[0].ID == last, lab.Finding{
				Measured: fmt.Sprintf("sorted by %s, the search for %s found the events %v", sort, text, contract.IDs(page.Events)),
				Expected: fmt.Sprintf("event %d, the last of all and the dearest, whose title is %s", last, title),
				Why: "A search that strips or doubles letters finds something else than was asked for. " +
					"One that looks through the first some thousand events alone hides all others.",
				Try: answer.Curl(),
			})
		}
	}
	var page contract.Page
	answer := app.Do(search(title+"x")).Expect(http.StatusOK, "A search that finds nothing is no error.").JSON(&page)
	lab.Require(t, len(page.Events) == 0, lab.Finding{
		Measured: fmt.Sprintf("the search for the title of event %d with an x behind it found the events %v", last, contract.IDs(page.Events)),
		Expected: "nothing: no title has all of that in it",
		Why:      "A search that is cut off finds what nobody asked for.",
		Try:      answer.Curl(),
	})
	for _, text := range []string{"'", "''", `\`, `\'`, `\\`, "%", "_", `%\`, ";", "--", "$1", "$$", "E'\\x'", "\n", "☃", strings.Repeat("ö", 90), "o" + strings.Repeat("ö", 90), strings.Repeat("☃", 60), "s" + strings.Repeat("☃", 60)} {
		answer := app.Do(search(text))
		lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("the search for %q was answered %d: %s", text, answer.Status, excerpt(answer.Body)),
			Expected: "200, and what has that in its title, or nothing",
			Why:      "Somebody will look for this, and it isn't wrong.",
			Try:      answer.Curl(),
		})
	}
}
