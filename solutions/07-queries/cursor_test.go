package main_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

const tryPages = `curl -s 'localhost:8080/events?limit=2' | tail -c 150     (its next is the cursor of the page behind it)`

// walk reads a list page by page, and returns the ids in the order in which they
// came. Behind the first page it calls meanwhile, with what that page holds. where says what is
// special about the list.
func walk(t *testing.T, app *lab.App, path, where string, most int, meanwhile func(first []int64)) (seen []int64) {
	t.Helper()
	cursor := ""
	for number := range most {
		var page contract.Page
		app.Do(lab.GET("%s%s", path, cursor)).
			Expect(http.StatusOK, "The next of a page is the cursor of the one after it"+where+".").JSON(&page)
		seen = append(seen, contract.IDs(page.Events)...)
		if page.Next == "" {
			return seen
		}
		cursor = "&cursor=" + url.QueryEscape(page.Next)
		if number == 0 {
			meanwhile(contract.IDs(page.Events))
		}
	}
	again := 0
	for _, id := range seen {
		if id == seen[len(seen)-1] {
			again++
		}
	}
	lab.Require(t, false, lab.Finding{
		Measured: fmt.Sprintf("GET %s%s, and then each next, goes on after %d pages; the last event on them, %d, came %d times", path, where, most, seen[len(seen)-1], again),
		Expected: "a last page, with an empty next",
		Why:      "A client that goes through the list goes round in a circle, for ever.",
		Try:      tryPages,
	})
	return nil
}

// This test makes the indexes of both lists by itself: it is about the cursor alone.
func TestPage400ReadsAsLittleAsPage1(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	_, err := app.DB().Exec(`CREATE INDEX ON events (starts_at, id); CREATE INDEX ON events (price_cents, id)`)
	require.NoError(t, err)
	const limit, most = 20, 100
	for _, sort := range []string{"starts_at", "price_cents"} {
		path := fmt.Sprintf("/events?sort=%s&limit=%d", sort, limit)
		requireReads(t, app, path, "page 1", most)

		long := fmt.Sprintf("/events?sort=%s&limit=95", sort) // 84 pages of them are 399 of 20
		cursor := cursorAt(app, long, 84)
		last := requireReads(t, app, path+cursor, "page 400", most)
		lab.Require(t, len(last) == limit, lab.Finding{
			Measured: fmt.Sprintf("page 400 by %s holds %d events", sort, len(last)),
			Expected: fmt.Sprintf("%d: there are more than 8,000 events to come", limit),
			Why:      "A fan who scrolls must see each event once.",
			Try:      tryPages,
		})
	}
}

// requireReads demands that the page touches no more rows than that.
func requireReads(t *testing.T, app *lab.App, path, page string, most int) []contract.Event {
	t.Helper()
	var found contract.Page
	answer, statements := asked(app, lab.GET("%s", path), "Anybody may see what is on.")
	answer.JSON(&found)
	rows, plans := 0, []string{}
	for _, s := range statements {
		if verb := s.Verb(); verb == "SELECT" || verb == "WITH" {
			plan := app.Explain(s)
			rows += plan.Rows("events")
			plans = append(plans, oneLine(s.SQL), plan.String())
		}
	}
	path, _, _ = strings.Cut(path, "&cursor=")
	lab.Require(t, rows <= most, lab.Finding{
		Measured: fmt.Sprintf("%s of GET %s touches %d rows of events, to show %d:\n%s",
			page, path, rows, len(found.Events), strings.Join(plans[:min(len(plans), 6)], "\n")),
		Expected: fmt.Sprintf("at most %d: page 400 costs what page 1 does, and both cost what they show", most),
		Why:      "Crawlers read all pages, and each one costs more than the one before. Half of what the database does is then for pages that nobody looks at.",
		Try:      tryPages,
	})
	return found.Events
}

// series are thirty events of one title. Ten each begin in the same moment, with
// parts of a second; ten each, others, have the same price.
func series(t *testing.T, app *lab.App) (byStart, byPrice []int64) {
	t.Helper()
	added := addShow(t, app, 30, `1, 'Tie Break: The Series', 'Best of thirty.',
		date_trunc('day', now()) + interval '100 days' + (k / 10) * interval '250001 microseconds', 4000 - 100 * (k % 3), 50`)
	byPrice = slices.Clone(added)
	slices.SortStableFunc(byPrice, func(a, b int64) int { return int((b-added[0])%3 - (a-added[0])%3) })
	return added, byPrice
}

// eachSort walks through the series in both sorts, each with an API of its own.
func eachSort(t *testing.T, check func(t *testing.T, app *lab.App, path string, want []int64)) {
	for _, sort := range []string{"starts_at", "price_cents"} {
		t.Run("by "+sort, func(t *testing.T) {
			t.Parallel()
			app := lab.Start(t)
			byStart, byPrice := series(t, app)
			want := byStart
			if sort == "price_cents" {
				want = byPrice
			}
			check(t, app, "/events?q=tie+break&limit=7&sort="+sort, want)
		})
	}
}

const whyTies = "Shows begin at eight o'clock, hundreds of them, and cost 45 pounds. A list that isn't sure of its place among equals loses some of them, and nobody buys what nobody sees."

func TestNothingComesTwice(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	eachSort(t, func(t *testing.T, app *lab.App, path string, want []int64) {
		var added []int64
		seen := walk(t, app, path, "", 20, func([]int64) {
			added = addShow(t, app, 3, `1, 'Tie Break: The Qualifiers', 'On a smaller stage.', now() + interval '50 days', 1000, 50`)
		})
		requireOnce(t, seen, want, added, fmt.Sprintf("behind page 1 of GET %s, 3 new events come in front of it", path))
	})
}

func TestNothingIsSkipped(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	eachSort(t, func(t *testing.T, app *lab.App, path string, want []int64) {
		requireNoneSkipped(t, app, path, want, "")
	})
	for _, other := range elsewhere {
		t.Run(other.where, func(t *testing.T) {
			t.Parallel()
			app := lab.Start(t)
			_, err := app.DB().Exec(other.before)
			require.NoError(t, err)
			require.NoError(t, app.Instances[0].Restart()) // its connections are older
			want, byPrice := series(t, app)
			if other.sort == "price_cents" {
				want = byPrice
			}
			_, err = app.DB().Exec(other.behind)
			require.NoError(t, err)
			requireNoneSkipped(t, app, "/events?q=tie+break&limit=7&sort="+other.sort, want, ", "+other.where)
		})
	}
}

// elsewhere is what differs in other databases from the seeded one: from before the series is there, or from
// behind it on.
var elsewhere = []struct{ where, sort, before, behind string }{
	{"where the TimeZone is that of Berlin", "starts_at", `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO %L', current_database(), 'Europe/Berlin'); END $$`, ""},
	{"where ids have 19 digits", "starts_at", `ALTER TABLE events ALTER COLUMN id RESTART WITH 1000000000000000100`, ""},
	{"where the cheapest are free", "price_cents", "", `UPDATE events SET price_cents = price_cents - 3800 WHERE title = 'Tie Break: The Series'`},
}

// requireNoneSkipped demands that the pages have all that is wanted, when those of page 1 begin meanwhile.
func requireNoneSkipped(t *testing.T, app *lab.App, path string, want []int64, where string) {
	t.Helper()
	seen := walk(t, app, path, where, 20, func(first []int64) {
		for _, id := range first {
			_, err := app.DB().Exec(`UPDATE events SET starts_at = now() - interval '1 minute' WHERE id = $1`, id)
			require.NoError(t, err)
		}
	})
	requireOnce(t, seen, want, nil, fmt.Sprintf("behind page 1 of GET %s%s, its 7 events begin, and are no longer events to come", path, where))
}

// requireOutlives demands that a cursor is good for another process of the API than the one that
// wrote it.
func requireOutlives(t *testing.T, app *lab.App, path string) {
	t.Helper()
	var page contract.Page
	app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	require.NoError(t, app.Instances[0].Restart())
	answer := app.Do(lab.GET("%s&cursor=%s", path, url.QueryEscape(page.Next)))
	lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
		Measured: fmt.Sprintf("behind page 1 of GET %s, the API was started anew, and answered %d to the next of that page: %.200s", path, answer.Status, answer.Body),
		Expected: "page 2",
		Why:      "There are several instances, and each release starts them anew. Any of them may be asked for the page behind a cursor that another one wrote.",
		Try:      tryPages,
	})
}

// An organiser moves the last event of the page, and changes its price, and a release is deployed. Its
// reader's place in the list is where it was.
func TestPlaceStaysWhereItWas(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	eachSort(t, func(t *testing.T, app *lab.App, path string, want []int64) {
		requireOutlives(t, app, path)
		seen := walk(t, app, path, "", 20, func(first []int64) {
			_, err := app.DB().Exec(`UPDATE events SET starts_at = now() + interval '300 days', price_cents = 9000 WHERE id = $1`, first[len(first)-1])
			require.NoError(t, err)
		})
		moved := want[6] // the last of the first page; it comes once more, at its new place
		requireOnce(t, slices.DeleteFunc(seen, func(id int64) bool { return id == moved }),
			slices.DeleteFunc(slices.Clone(want), func(id int64) bool { return id == moved }), nil,
			fmt.Sprintf("behind page 1 of GET %s, its last event goes to the end of the list", path))
	})
}

// requireOnce demands that the pages showed the wanted events in their order, and
// perhaps some that came meanwhile.
func requireOnce(t *testing.T, seen, want, meanwhile []int64, when string) {
	t.Helper()
	seen = slices.DeleteFunc(seen, func(id int64) bool { return slices.Contains(meanwhile, id) })
	lab.Require(t, slices.Equal(seen, want), lab.Finding{
		Measured: fmt.Sprintf("of %d events, many of which are equals, pages of 7 are read; %s. All pages together: %s", len(want), when, difference(seen, want)),
		Expected: "each event once, sorted, and equals by id",
		Why:      whyTies,
		Try:      tryPages,
	})
}

// difference says what is too much in seen, and what is not enough.
func difference(seen, want []int64) string {
	times := map[int64]int{}
	for _, id := range seen {
		times[id]++
	}
	skipped, again := []int64{}, []int64{}
	for _, id := range want {
		switch times[id] {
		case 0:
			skipped = append(skipped, id)
		case 1:
		default:
			again = append(again, id)
		}
	}
	switch {
	case len(skipped) > 0 && len(again) > 0:
		return fmt.Sprintf("the events %v were skipped, and %v came again", skipped, again)
	case len(skipped) > 0:
		return fmt.Sprintf("the events %v were skipped", skipped)
	case len(again) > 0:
		return fmt.Sprintf("the events %v came again", again)
	}
	return fmt.Sprintf("they come in another order, %v instead of %v", seen, want)
}

// A cursor comes back from clients: from a bookmark, a list that was sorted anew, a
// curious person.
func TestForeignCursorIsRefused(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t)
	for _, sort := range []string{"starts_at", "price_cents"} {
		genuine, last := genuineCursor(app, sort)
		other := map[string]string{"starts_at": "price_cents", "price_cents": "starts_at"}[sort]
		requireRefused(t, app, other, genuine, "is the next of a list by "+sort)
		for _, text := range []string{
			"20", "-1", "abc", "null", "e30", "W10", "bnVsbA", "' OR 1=1 --", "\x00", "\xff\xfe", "☕", strings.Repeat("A", 4000),
			genuine[:len(genuine)/2], genuine + genuine,
		} {
			requireRefused(t, app, sort, text, "was never the next of any list")
		}
		requireNoBug(t, app, sort, genuine)
		requireNotBlamed(t, app, sort, genuine)
		for _, spelling := range spellings(genuine, last) {
			requireRefused(t, app, sort, spelling.text, "is a genuine one, "+spelling.how)
		}
	}
}

// genuineCursor is the next of a page, and the id of the last event on it.
func genuineCursor(app *lab.App, sort string) (cursor string, last int64) {
	var page contract.Page
	app.Do(lab.GET("/events?limit=3&sort=%s", sort)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	return page.Next, page.Events[len(page.Events)-1].ID
}

func cursorRequest(sort, cursor string) *lab.Request {
	return lab.GET("/events?limit=1&sort=%s&cursor=%s", sort, url.QueryEscape(cursor))
}

func requireRefused(t *testing.T, app *lab.App, sort, cursor, what string) {
	t.Helper()
	answer := app.Do(cursorRequest(sort, cursor))
	named := false
	if answer.Status == http.StatusBadRequest {
		var problem struct{ Errors []struct{ Field string } }
		answer.JSON(&problem)
		for _, e := range problem.Errors {
			named = named || e.Field == "cursor"
		}
	}
	lab.Require(t, named, lab.Finding{
		Measured: fmt.Sprintf("%s, whose cursor %s, answered %d %.200s", cursorRequest(sort, cursor), what, answer.Status, answer.Body),
		Expected: `400 with "errors":[{"field":"cursor",…}]`,
		Why:      "Whoever gets a wrong page doesn't notice, and whoever gets a 500 thinks that we are down. Both follow from a cursor that is believed unseen. And whoever can write one builds on what is in it, so that it may never change again.",
		Try:      answer.Curl(),
	})
}

// requireNoBug demands that whatever somebody makes of a cursor is a page or a 400.
func requireNoBug(t *testing.T, app *lab.App, sort, genuine string) {
	t.Helper()
	for _, cursor := range forgeries(genuine) {
		answer := app.Do(cursorRequest(sort, cursor.text))
		lab.Require(t, answer.Status == http.StatusOK || answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("%s answered %d. Its cursor is a genuine one, %s", cursorRequest(sort, cursor.text), answer.Status, cursor.how),
			Expected: "a page, or 400",
			Why:      "What Go reads as a time or a number, PostgreSQL may not. A 500 wakes somebody, and this one can be had by anybody who likes to play.",
			Try:      answer.Curl(),
		})
	}
}

// requireNotBlamed demands that a genuine cursor isn't called a wrong one when the database fails.
func requireNotBlamed(t *testing.T, app *lab.App, sort, genuine string) {
	t.Helper()
	// database/sql tries a statement that lost its connection twice more.
	cuts := []interface{ Stop() }{}
	for range 3 {
		cuts = append(cuts, app.Postgres.CutAt(1, lab.Before, lab.Touches("events")))
	}
	answer := app.Do(cursorRequest(sort, genuine))
	for _, cut := range cuts {
		cut.Stop()
	}
	lab.Require(t, answer.Status == http.StatusOK || answer.Status >= http.StatusInternalServerError, lab.Finding{
		Measured: fmt.Sprintf("%s, whose cursor is a genuine one, lost its connection to the database, and answered %d %.200s", cursorRequest(sort, genuine), answer.Status, answer.Body),
		Expected: "the page, if the API asks again by itself; else a status from 500 on",
		Why:      "A client that is told that its cursor is wrong throws its place away, and begins at page 1. And nobody is woken when the database is down.",
		Try:      answer.Curl(),
	})
}

type forgery struct{ text, how string }

// What may stand in a cursor, and what somebody may write there instead.
var (
	digits  = regexp.MustCompile(`[0-9]+`)
	zone    = regexp.MustCompile(`Z|[+-][0-9]{2}:?[0-9]{2}\b`)
	year    = regexp.MustCompile(`\b20[0-9]{2}\b`)
	numbers = []string{"0", "00", "13", "99", "-1", "1e3", "2147483648", "9223372036854775807", "9223372036854775808", "99999999999999999999", "NaN", "",
		// Microseconds before 1970: what int64 can hold, and the years -4713 and 1.
		"-9223372036854775808", "-210866803200000001", "-62135596800000001"}
	zones = []string{"+23:59", "-23:59", "+24:00", "", "+15:59", "Z0"}
	years = []string{"0000", "0001", "9999", "294277", "-4713", "1970"}
)

// spellings are other ways to write what the cursor says, or a part of it, which no page had for its
// next. last is the id that it ends with.
func spellings(genuine string, last int64) (all []forgery) {
	plain, encode := readable(genuine)
	add := func(text string) {
		if text != plain {
			all = append(all, forgery{encode(text), fmt.Sprintf("with %q in it instead of %q", text, plain)})
		}
	}
	half := len(genuine) / 2
	for _, text := range []string{genuine[:half] + "\n" + genuine[half:], genuine + "\r\n", genuine + "="} {
		all = append(all, forgery{text, fmt.Sprintf("written as %q", text)})
	}
	id := regexp.MustCompile(fmt.Sprintf(`\b%d\b`, last))
	for _, number := range []string{"+%d", "0%d", "%d.0", "%de0"} {
		add(id.ReplaceAllString(plain, fmt.Sprintf(number, last)))
	}
	if plain == genuine {
		return all
	}
	// The bits that a last letter has to spare.
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		text := genuine[:len(genuine)-1] + string(letter)
		if same, _ := readable(text); same == plain && text != genuine {
			all = append(all, forgery{text, "with another last letter that says the same"})
		}
	}
	add(plain + " ")
	add(plain + plain)
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(plain), &members) != nil || len(members) == 0 {
		return all
	}
	add(strings.Replace(plain, "{", `{"unknown":1,`, 1))
	add(strings.Replace(plain, "{", "{ ", 1))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := members[name]
		member := fmt.Sprintf("%q:%s", name, value)
		add(strings.ReplaceAll(plain, member, fmt.Sprintf("%q:%s", strings.ToUpper(name), value)))
		add(strings.ReplaceAll(plain, member, fmt.Sprintf("%q:null", name)))
		add(strings.Replace(plain, "{", "{"+member+",", 1))
		if id.Match(value) { // a price of 0 may be left out, but no event has the id 0
			add(strings.NewReplacer(","+member, "", member+",", "").Replace(plain))
			add(fmt.Sprintf("{%s}", member))
		}
	}
	return all
}

// forgeries changes what is written in the cursor, as far as it can be read, and its
// letters.
func forgeries(genuine string) (all []forgery) {
	plain, encode := readable(genuine)
	add := func(text string) {
		all = append(all, forgery{encode(text), fmt.Sprintf("with %q in it instead of %q", text, plain)})
	}
	replace := func(place []int, values []string) {
		for _, value := range values {
			add(plain[:place[0]] + value + plain[place[1]:])
		}
	}
	for _, place := range digits.FindAllStringIndex(plain, -1) {
		replace(place, numbers)
	}
	for _, place := range zone.FindAllStringIndex(plain, -1) {
		replace(place, zones)
		for _, y := range year.FindAllStringIndex(plain, -1) {
			if y[1] <= place[0] {
				add(plain[:y[0]] + "0000" + plain[y[1]:place[0]] + "+12:00" + plain[place[1]:])
				add(plain[:y[0]] + "9999-12-31T23:59:59-12:00" + plain[place[1]:])
			}
		}
	}
	for _, place := range year.FindAllStringIndex(plain, -1) {
		replace(place, years)
	}
	for i := range genuine {
		text := genuine[:i] + "9" + genuine[i+1:]
		all = append(all, forgery{text, fmt.Sprintf("with another letter at place %d", i+1)})
	}
	return all
}

// readable is the cursor as text, if it is one, and how to encode another.
func readable(cursor string) (plain string, encode func(string) string) {
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
		if text, err := encoding.DecodeString(cursor); err == nil && isText(text) {
			return string(text), func(s string) string { return encoding.EncodeToString([]byte(s)) }
		}
	}
	if text, err := hex.DecodeString(cursor); err == nil && isText(text) {
		return string(text), func(s string) string { return hex.EncodeToString([]byte(s)) }
	}
	return cursor, func(s string) string { return s }
}

func isText(b []byte) bool {
	return utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) })
}
