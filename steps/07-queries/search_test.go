package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// What a list has to keep while its queries are written anew. These tests are guards:
// they pass from the start.

// find returns the list for the parameters.
func find(app *lab.App, parameters, why string) (*lab.Response, []contract.Event) {
	var page contract.Page
	answer := app.Do(lab.GET("/events?limit=100&%s", parameters)).Expect(http.StatusOK, why).JSON(&page)
	return answer, page.Events
}

func TestSearchFindsAnyPieceOfATitle(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	added := addShow(t, app, 2, `1, 'Olwenqua' || k || ': 50% Off_Key', 'Two evenings.', now() + interval '7 days', 5000, 100`)
	const why = "Fans type the letters that they remember, and the list narrows while they type. Whoever finds nothing buys nothing."
	for _, piece := range []string{"Olwenqua", "wenqu", "NQUA", "ua0: 50", "0% O", "f_k"} {
		answer, found := find(app, "q="+url.QueryEscape(piece), why)
		want := slices.DeleteFunc(slices.Clone(added), func(id int64) bool { return piece == "ua0: 50" && id != added[0] })
		lab.Require(t, slices.Equal(contract.IDs(found), want), lab.Finding{
			Measured: fmt.Sprintf("a search for %q finds the events %.200v", piece, contract.IDs(found)),
			Expected: fmt.Sprintf("%v: those whose title has that in it, in letters of either case, and %% and _ meaning themselves", want),
			Why:      why,
			Try:      answer.Curl(),
		})
	}
	answer, found := find(app, "q=q&sort=price_cents", why)
	strangers := slices.DeleteFunc(slices.Clone(found), func(e contract.Event) bool { return strings.Contains(strings.ToLower(e.Title), "q") })
	lab.Require(t, len(found) >= len(added) && len(strangers) == 0, lab.Finding{
		Measured: fmt.Sprintf("a search for one letter, q=q, finds %d events, %d of which have no q in the title", len(found), len(strangers)),
		Expected: "those that have one",
		Why:      why,
		Try:      answer.Curl(),
	})
}

func TestWhatHasBegunIsInNoList(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	for _, sort := range []string{"starts_at", "price_cents"} {
		path := "/events?q=last+call&limit=2&sort=" + sort
		added := addShow(t, app, 6, `1, 'Last Call: Live', 'Be there.', now() + interval '7 days', 1000 + k, 50`)
		var first, second contract.Page
		app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&first)
		_, err := app.DB().Exec(`UPDATE events SET starts_at = now() - interval '1 minute' WHERE id = $1`, added[2])
		require.NoError(t, err)
		answer := app.Do(lab.GET("%s&cursor=%s", path, url.QueryEscape(first.Next))).
			Expect(http.StatusOK, "The next of a page is the cursor of the one after it.").JSON(&second)
		lab.Require(t, !slices.Contains(contract.IDs(second.Events), added[2]), lab.Finding{
			Measured: fmt.Sprintf("event %d begins while page 1 of GET %s is looked at. Page 2 shows it: %v", added[2], path, contract.IDs(second.Events)),
			Expected: "the events to come alone, on each page, in each order",
			Why:      "A cursor may be an hour old, or a bookmark from last week. What is on is a question for now.",
			Try:      answer.Curl(),
		})
		_, err = app.DB().Exec(`DELETE FROM events WHERE title = 'Last Call: Live'`)
		require.NoError(t, err)
	}
	requireNothingBegun(t, app)
}

// requireNothingBegun demands that the events behind a cursor are to come, when the moment that the cursor
// names is over as well.
func requireNothingBegun(t *testing.T, app *lab.App) {
	t.Helper()
	var path string
	var first, second contract.Page
	var added []int64
	// On a busy machine, page 1 may come too late to show them.
	for soon := 500; len(first.Events) < 2; soon *= 2 {
		require.Less(t, soon, 60_000, "no event is to come when page 1 is shown")
		path = fmt.Sprintf("/events?q=doors+open+%d&limit=2&sort=starts_at", soon)
		added = addShow(t, app, 4, fmt.Sprintf(`1, 'Doors Open %d', 'Come in.', now() + interval '%d milliseconds', 1000, 50`, soon, soon))
		first = contract.Page{}
		app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&first)
	}
	lab.Within(time.Minute, func() bool {
		var begun bool
		require.NoError(t, app.DB().QueryRow(`SELECT bool_and(starts_at < now()) FROM events WHERE id = ANY($1)`, pq.Array(added)).Scan(&begun))
		return begun
	})
	answer := app.Do(lab.GET("%s&cursor=%s", path, url.QueryEscape(first.Next))).
		Expect(http.StatusOK, "The next of a page is the cursor of the one after it.").JSON(&second)
	lab.Require(t, len(second.Events) == 0, lab.Finding{
		Measured: fmt.Sprintf("the %d events of GET %s begin, all in one moment, while page 1 is looked at. Page 2 shows %v", len(added), path, contract.IDs(second.Events)),
		Expected: "nothing: the events to come alone, on each page",
		Why:      "A cursor may be an hour old, or a bookmark from last week. What is behind it isn't to come for that.",
		Try:      answer.Curl(),
	})
}

// What a client sends is a value for PostgreSQL, and never a piece of the statement.
func TestWhatClientsSendIsNoSQL(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	addTown(t, app, "O'Fallon")
	const why = "People live in O'Fallon. And whoever can write a piece of the statement can write all of it, and reads the users' table next."
	answer, found := find(app, "city="+url.QueryEscape("O'Fallon"), why)
	lab.Require(t, len(found) == 3, lab.Finding{
		Measured: fmt.Sprintf("the list for the city O'Fallon has %d events", len(found)),
		Expected: "its 3",
		Why:      why,
		Try:      answer.Curl(),
	})
	const mark = "zq7x"
	injection := url.QueryEscape("x' OR '" + mark + "' = '" + mark)
	cursor, _ := genuineCursor(app, "price_cents")
	plain, encode := readable(cursor)
	forged := url.QueryEscape(encode(strings.NewReplacer("price_cents", "price_cents, '"+mark+"'", "starts_at", mark).Replace(plain)))
	for _, parameters := range []string{
		"city=" + injection, "q=" + injection, "sort=" + injection, "cursor=" + injection, "limit=" + injection,
		"sort=price_cents&cursor=" + forged, "city=London&q=" + mark,
	} {
		before := app.Postgres.Stats()
		answer := app.Do(lab.GET("/events?%s", parameters))
		for _, s := range app.Postgres.StatementsSince(before) {
			lab.Require(t, !strings.Contains(s.SQL, mark), lab.Finding{
				Measured: fmt.Sprintf("GET /events?%s became a piece of the statement:\n%s", parameters, s.SQL),
				Expected: "what the client sent as a parameter, $1 and so on, or nowhere",
				Why:      why,
				Try:      answer.Curl(),
			})
		}
		lab.Require(t, answer.Status == http.StatusOK || answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("GET /events?%s answered %d", parameters, answer.Status),
			Expected: "a list, or 400",
			Why:      why,
			Try:      answer.Curl(),
		})
	}
}

// What the seed is like on the day of the release, and what becomes of it.
func TestCityIsWhereItsVenuesAre(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	app.Do(lab.GET("/events?limit=5&city=London")).Expect(http.StatusOK, "Fans look in their own city.")
	addTown(t, app, town) // a city and a venue that weren't there when the API was started
	requireTown(t, app, "starts_at", town, "Harpa", 3, "a new venue there has 3 events to come")

	const renamed = "Reykjavik"
	_, err := app.DB().Exec(`UPDATE venues SET city = $1, name = 'Harpa Concert Hall' WHERE city = $2`, renamed, town)
	require.NoError(t, err)
	requireTown(t, app, "starts_at", renamed, "Harpa Concert Hall", 3, "the venue of 3 events was renamed, and so was its city")
	requireTown(t, app, "price_cents", town, "", 0, "its only venue is in a city of another name now")

	const large, venues = "Edinburgh", 1000
	_, err = app.DB().Exec(`
		WITH added AS (INSERT INTO venues (name, city, capacity) SELECT 'The Close', $1, 80 FROM generate_series(1, $2::int) RETURNING id)
		INSERT INTO events (venue_id, title, description, starts_at, price_cents, remaining)
		SELECT id, 'Fringe: One Act', 'Short.', now() + interval '7 days', 900, 80 FROM added
		WHERE id IN ((SELECT min(id) FROM added), (SELECT max(id) FROM added))`, large, venues)
	require.NoError(t, err)
	requireTown(t, app, "starts_at", large, "The Close", 2, fmt.Sprintf("the oldest and the newest of %d venues there have an event each", venues))
}

// requireTown demands the events of a city, each at the venue. Nobody asks for a city twice in the
// same order here: what has been answered may be remembered.
func requireTown(t *testing.T, app *lab.App, sort, city, venue string, events int, when string) {
	t.Helper()
	var page contract.Page
	answer := app.Do(lab.GET("/events?limit=50&sort=%s&city=%s", sort, url.QueryEscape(city))).Expect(http.StatusOK, "Fans look in their own city.").JSON(&page)
	at := 0
	for _, event := range page.Events {
		if event.Venue.Name == venue && event.Venue.City == city {
			at++
		}
	}
	lab.Require(t, len(page.Events) == events && at == events, lab.Finding{
		Measured: fmt.Sprintf("%s; the list of %s has %d events, %d of them at %q", when, city, len(page.Events), at, venue),
		Expected: fmt.Sprintf("%d events, each at %q", events, venue),
		Why:      "A copy of a city, or of a venue, is right on the day it is made. Whoever drives to the wrong town doesn't come again.",
		Try:      answer.Curl(),
	})
}
