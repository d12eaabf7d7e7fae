package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const (
	absentID = 999_999_999
	absent   = "/events/999999999"
)

func TestAbsenceIsRememberedBriefly(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := start(t, lab.Instances(2)) // CACHE_TTL=1h
	const why = "There is no such event."
	queries := 0
	remembered := again(func() bool {
		app.Do(lab.GET(absent)).Expect(http.StatusNotFound, why)
		before := app.Postgres.Stats()
		app.Do(lab.GET(absent).On(1)).Expect(http.StatusNotFound, why)
		queries = app.Postgres.Stats().Since(before).Queries
		return queries == 0
	})
	lab.Require(t, remembered, lab.Finding{
		Measured: fmt.Sprintf("GET %s was answered 404 at instance A, and then at B, where it cost %d query", absent, queries),
		Expected: "none: that there is no such event was known",
		Why:      "A link with a typo in a newsletter, or a bot that counts through the ids: each of these requests goes to the database, past a cache that only remembers what exists.",
	})
	requireEnds(t, app, "after an event was asked for that doesn't exist")
	_, err := app.DB().Exec(`INSERT INTO events (id, venue_id, title, description, starts_at, price_cents, remaining)
		SELECT $1, venue_id, title, description, starts_at, price_cents, remaining FROM events WHERE id = $2`, absentID, lab.OnSale.ID)
	require.NoError(t, err)
	const most = 15 * time.Second
	lab.Eventually(t, most, func() bool { return app.Do(lab.GET(absent)).Status == http.StatusOK }, lab.Finding{
		Measured: fmt.Sprintf("GET %s was answered 404. Then the event was put on sale, past the API, and %v later it is still a 404, with CACHE_TTL=1h", absent, most),
		Expected: "200 after 10 seconds at most",
		Why:      "The event is announced, and for an hour nobody can see it. Nothing was changed that could have been forgotten.",
		Try:      "redis-cli --scan | xargs -n1 redis-cli PTTL",
	})
}

func TestErrorsAreNotRemembered(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := start(t, lab.Instances(2), lab.Env("REQUEST_TIMEOUT=1500ms"))
	paths := []string{eventPath(lab.OnSale), "/events"}
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	pending := app.BeginAll(len(paths), func(i int) *lab.Request { return lab.GET("%s", paths[i]) })
	for i, answer := range lab.WaitAll(pending, 4*patience) {
		lab.Require(t, answer.Status == http.StatusServiceUnavailable, lab.Finding{
			Measured: fmt.Sprintf("PostgreSQL answers nothing, and GET %s got %d", paths[i], answer.Status),
			Expected: "503",
			Why:      "That there is no answer is no answer. An empty list, or a 404, would be believed.",
		})
	}
	lab.Within(patience, func() bool { return len(app.Postgres.Running()) == 0 }) // a load may outlive its readers
	settle(app, 0)
	gate.Open()
	requireNoTrace(t, app, paths, "PostgreSQL didn't answer in time, and readers got 503")

	_, err := app.DB().Exec(`ALTER TABLE venues RENAME TO halls`)
	require.NoError(t, err)
	for _, path := range paths {
		path += map[bool]string{true: "?limit=100"}[path == "/events"]
		if path == eventPath(lab.OnSale) {
			path = eventPath(lab.FewLeft)
		}
		app.Do(lab.GET("%s", path)).Expect(http.StatusInternalServerError, "A table is missing: that is a bug of ours.")
	}
	_, err = app.DB().Exec(`ALTER TABLE halls RENAME TO venues`)
	require.NoError(t, err)
	requireNoTrace(t, app, []string{eventPath(lab.FewLeft), "/events?limit=100"}, "a table was missing for a moment, and readers got 500")
}

// requireNoTrace demands that the paths are answered as if nothing had been, and are
// then remembered.
func requireNoTrace(t *testing.T, app *lab.App, paths []string, when string) {
	t.Helper()
	for _, path := range paths {
		for i, instance := range app.Instances {
			var answer *lab.Response
			lab.Within(2*time.Second, func() bool { // a load from before may not have ended yet
				answer = app.Do(lab.GET("%s", path).On(i))
				return answer.Status == http.StatusOK
			})
			lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
				Measured: fmt.Sprintf("%s. Now all is well, and GET %s at instance %s is answered %d: %s", when, path, instance.Name, answer.Status, short(answer.Body)),
				Expected: "200",
				Why:      "A second without a database becomes a minute without an API, when its errors are remembered.",
				Try:      answer.Curl(),
			})
		}
	}
	requireCached(t, app, whyCached, paths...)
}

const tryMetrics = `go tool workshop run 08     (in another terminal)
curl -s -o /dev/null 'localhost:8080/events/[42-44]'; curl -s localhost:8080/metrics | grep ^cache_`

func TestHitsAndMissesAreCounted(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := start(t)
	paths := []string{"/events"}
	for i := range 30 {
		paths = append(paths, fmt.Sprintf("/events/%d", 100+i))
	}
	reads := 0
	ask := func(path string) (queries int) {
		reads++
		queries, _ = read(app, 0, path)
		return queries
	}
	for _, path := range paths {
		ask(path)
	}
	for _, path := range paths {
		if !again(func() bool { return ask(path) == 0 }) {
			requireCached(t, app, whyCached, path)
		}
	}
	metrics := app.Metrics(0)
	const name = "cache_requests_total"
	hits, misses, errors := metrics.Sum(name, "result", "hit"), metrics.Sum(name, "result", "miss"), metrics.Sum(name, "result", "error")
	lab.Require(t, hits >= 31 && misses >= 31 && hits+misses == float64(reads) && errors == 0, lab.Finding{
		Measured: fmt.Sprintf(`30 events and a list were read twice each, or until that cost no query: %d reads. GET /metrics has cache_requests_total{result="hit"} %v, "miss" %v, "error" %v`,
			reads, hits, misses, errors),
		Expected: fmt.Sprintf("at least 31 hits and 31 misses, %d together, and 0 errors", reads),
		Why:      "A cache whose hit ratio nobody sees is switched off by a typo in a key, and nobody notices until the database does.",
		Try:      tryMetrics,
	})
	series := len(metrics.Samples(name))
	lab.Require(t, series <= 12, lab.Finding{
		Measured: fmt.Sprintf("31 paths were read, and cache_requests_total has %d series", series),
		Expected: "at most 3 for each kind of question",
		Why:      "A label with a key in it makes a series for each event, and Prometheus keeps them all.",
		Try:      tryMetrics,
	})
	events, lists := metrics.Sum(name, "cache", "event", "result", "miss"), metrics.Sum(name, "cache", "events", "result", "miss")
	lab.Require(t, events >= 30 && lists >= 1 && events+lists == misses, lab.Finding{
		Measured: fmt.Sprintf(`of %v misses, cache_requests_total{cache="event"} has %v and {cache="events"} has %v`, misses, events, lists),
		Expected: "30 and 1",
		Why:      "The ratio of all together hides that the lists never hit.",
		Try:      tryMetrics,
	})
	const readers = 20
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	pending := app.BeginAll(readers, func(int) *lab.Request { return lab.GET("/events/%d", 200) })
	settle(app, readers)
	gate.Open()
	for _, answer := range lab.WaitAll(pending, 4*patience) {
		answer.Expect(http.StatusOK, "Anybody may see what is on.")
	}
	grew := app.Metrics(0).Sum(name, "result", "miss") - misses
	lab.Require(t, grew == readers, lab.Finding{
		Measured: fmt.Sprintf(`%d readers asked for an event at once that was in no cache, and waited for one load. cache_requests_total{result="miss"} grew by %v`, readers, grew),
		Expected: fmt.Sprint(readers),
		Why:      "Who counts loads, and not questions, has the best hit ratio when nobody finds anything.",
		Try:      tryMetrics,
	})
	app.Do(lab.GET(absent)).Expect(http.StatusNotFound, "There is no such event.")
	settle(app, 0)
	found, queries := app.Metrics(0), app.Postgres.Stats()
	app.Do(lab.GET(absent)).Expect(http.StatusNotFound, "There is no such event.")
	if app.Postgres.Stats().Since(queries).Queries == 0 {
		grew = app.Metrics(0).Sum(name, "result", "hit") - found.Sum(name, "result", "hit")
		lab.Require(t, grew == 1, lab.Finding{
			Measured: fmt.Sprintf(`GET %s was answered 404 without a query. cache_requests_total{result="hit"} grew by %v`, absent, grew),
			Expected: "1: the cache had the answer",
			Why:      "A miss is a query. If what is known to be absent counts as one, the dashboard shows queries that nobody has sent.",
			Try:      tryMetrics,
		})
	}
}

func TestUnansweredQuestionsAreCounted(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := start(t, lab.Env(hasty))
	requireCached(t, app, whyCached, eventPath(lab.OnSale))
	app.Redis.Down()
	const name = "cache_requests_total"
	before := app.Metrics(0)
	const reads = 5
	for range reads {
		app.Do(lab.GET("%s", eventPath(lab.OnSale))).Expect(http.StatusOK, whyOutage)
	}
	after := app.Metrics(0)
	errors := after.Sum(name, "result", "error") - before.Sum(name, "result", "error")
	misses := after.Sum(name, "result", "miss") - before.Sum(name, "result", "miss")
	lab.Require(t, errors == reads && misses == 0, lab.Finding{
		Measured: fmt.Sprintf(`Redis refuses connections, and an event was read %d times. cache_requests_total{result="error"} grew by %v, "miss" by %v`, reads, errors, misses),
		Expected: fmt.Sprintf("%d and 0", reads),
		Why:      "Many misses after a deploy are ordinary. Errors are a broken Redis, and somebody must look.",
		Try:      tryMetrics,
	})
}
