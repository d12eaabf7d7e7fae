package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// begin sends n requests at the same time.
func begin(app *lab.App, n int, request func(i int) *lab.Request) []*lab.Pending {
	pending := make([]*lab.Pending, n)
	for i := range pending {
		pending[i] = app.Begin(request(i))
	}
	return pending
}

// end waits for all answers.
func end(pending []*lab.Pending) []*lab.Response {
	answers := make([]*lab.Response, len(pending))
	for i, p := range pending {
		answers[i] = p.Wait(4 * patience)
	}
	return answers
}

// settle waits until n requests have arrived, and until nobody asks Redis anything
// any more.
func settle(app *lab.App, n int) {
	arrived := func() bool { time.Sleep(10 * time.Millisecond); return inFlight(app) >= n } // each look is a request, too
	within(2*patience, arrived)
	last, since := app.Redis.Stats().Commands, time.Now()
	within(patience, func() bool {
		if now := app.Redis.Stats().Commands; now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > moment
	})
}

// inFlight returns how many requests all instances are working on.
func inFlight(app *lab.App) int {
	n := 0
	for i := range app.Instances {
		n += int(app.Metrics(i).Sum("http_requests_in_flight"))
	}
	return n - len(app.Instances) // those for /metrics
}

// hold keeps the first statement waiting that matches, and lets all others pass: the
// test says when there has been one.
type hold struct {
	*lab.Gate
	taken atomic.Bool
}

func (h *hold) only(m lab.Match) lab.Match {
	return func(s lab.Statement) bool { return !h.taken.Load() && m(s) }
}

// holdRead sends a request, and has PostgreSQL's answer to its first query wait.
func holdRead(t *testing.T, app *lab.App, r *lab.Request) (*lab.Pending, *hold) {
	t.Helper()
	h := &hold{}
	h.Gate = app.Postgres.HoldReply(h.only(lab.Touches("events")))
	reader := app.Begin(r)
	reached := within(patience, func() bool { return h.Hits() > 0 })
	h.taken.Store(true)
	require.True(t, reached, "%s asks PostgreSQL for events", r)
	return reader, h
}

// cost returns how many queries one cold read of the path takes.
func cost(app *lab.App, path string) int {
	queries, _ := read(app, 0, path)
	return queries
}

const whyOneLoad = "An answer that everybody wants expires, or is forgotten after a write, while a thousand people ask for it. The database then gets a thousand times the same question, and no longer answers any."

func TestColdAnswerIsLoadedOnce(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	for _, c := range []struct{ name, cold, like string }{{"event", "/events/42", "/events/43"}, {"list", "/events?limit=30", "/events?limit=31"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := start(t)
			most := cost(app, c.like)
			var mu sync.Mutex
			var sent []string
			app.Redis.Hold(func(command lab.RedisCommand) bool { // holds none of them
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, strings.Join(command.Args, " "))
				return false
			})
			requireOneLoad(t, app, c.cold, most, "")
			settle(app, 0)
			words := titles(app, c.cold)
			mu.Lock()
			brought := having(sent, words)
			mu.Unlock()
			lab.Require(t, brought <= 10, lab.Finding{
				Measured: fmt.Sprintf("200 readers waited for one load of GET %s. After that, its answer was sent to Redis %d times", c.cold, brought),
				Expected: "once",
				Why:      "A page of a hundred events is 15 kB. Two hundred who bring the same page keep Redis from those who only want to read one, in the very moment in which all of them come.",
			})
		})
	}
}

// titles are those of the events in the answer.
func titles(app *lab.App, path string) (found []string) {
	var answer struct {
		eventAnswer
		Events []eventAnswer
	}
	app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&answer)
	for _, event := range append(answer.Events, answer.eventAnswer) {
		if event.Title != "" {
			found = append(found, event.Title)
		}
	}
	return found
}

// having returns how many of the texts have one of the words in them.
func having(texts, words []string) (n int) {
	for _, text := range texts {
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) }) {
			n++
		}
	}
	return n
}

func TestEachInstanceLoadsOnce(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t, lab.Instances(2))
	requireOneLoad(t, app, "/events/42", len(app.Instances)*cost(app, "/events/43"), ", half of them at each of two instances")
}

// requireOneLoad demands that 200 readers of a cold path cost no more queries than
// that.
func requireOneLoad(t *testing.T, app *lab.App, path string, most int, where string) {
	t.Helper()
	const readers = 200
	before := app.Postgres.Stats()
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	pending := begin(app, readers, func(i int) *lab.Request { return lab.GET("%s", path).On(i % len(app.Instances)) })
	settle(app, readers)
	waiting := gate.Hits()
	gate.Open()
	answers := end(pending)
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == readers, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s at once%s, which was in no cache, and got %s", readers, path, where, lab.Statuses(answers)),
		Expected: fmt.Sprintf("200 OK ×%d", readers),
		Why:      "Whoever waits for somebody else's load gets its answer, too.",
	})
	lab.Require(t, queries <= most, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s at once%s, which was in no cache. %d queries for it ran at the same time, and %d in all", readers, path, where, waiting, queries),
		Expected: fmt.Sprintf("%d in all: the first of an instance asks, and the others wait for its answer", most),
		Why:      whyOneLoad,
		Try:      tryBurst,
	})
}

// A slow load has its line in the log, with the id of a request that waited for it.
func TestSlowLoadNamesItsRequest(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t, lab.Env("SLOW_QUERY=1us"))
	requireCached(t, app, whyCached, eventPath(lab.FewLeft))
	for i, path := range []string{eventPath(lab.OnSale), listPath(lab.OnSale)} {
		id := fmt.Sprintf("who-waits-%d", i)
		before := len(app.Instances[0].Logs())
		app.Do(lab.GET("%s", path).Header("X-Request-ID", id)).Expect(http.StatusOK, "Anybody may see what is on.")
		line := ""
		named := within(patience, func() bool {
			for _, logged := range app.Instances[0].LogsSince(before) {
				if logged.Fields["msg"] != "slow query" {
					continue
				}
				if line = logged.Text; logged.Fields["request_id"] == id {
					return true
				}
			}
			return false
		})
		if line == "" {
			line = "(no such line)"
		}
		lab.Require(t, named, lab.Finding{
			Measured: fmt.Sprintf("GET %s with X-Request-ID %s was loaded from PostgreSQL. With SLOW_QUERY=1us, this stands in the log about the query:\n%s", path, id, short([]byte(line))),
			Expected: fmt.Sprintf("a line with msg \"slow query\" and request_id %q", id),
			Why:      "A page is slow for one customer in a hundred, and the id leads from their complaint to the statement. A load may outlive its request; it need not forget whose it was.",
			Try:      "go doc context.WithoutCancel",
		})
	}
}

const tryBurst = `go tool workshop run 08     (in another terminal; it counts the queries)
seq 200 | xargs -P 100 -I{} curl -s -o /dev/null localhost:8080/events/42`

func TestOtherQuestionsDontWait(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	requireCached(t, app, whyCached, eventPath(lab.Past))
	slow, gate := holdRead(t, app, lab.GET("%s", eventPath(lab.OnSale)))
	defer gate.Open()
	for _, path := range []string{eventPath(lab.FewLeft), "/events", eventPath(lab.Past)} {
		other := app.Begin(lab.GET("%s", path))
		answered := within(patience, other.Answered)
		lab.Require(t, answered, lab.Finding{
			Measured: fmt.Sprintf("while the load of GET %s hangs, GET %s has no answer after %v", eventPath(lab.OnSale), path, patience),
			Expected: "an answer: it is another question",
			Why:      "One lock for all questions makes the slowest of them everybody's.",
		})
		other.Wait(patience).Expect(http.StatusOK, "Anybody may see what is on.")
	}
	gate.Open()
	slow.Wait(patience).Expect(http.StatusOK, "PostgreSQL answers again.")
}

func TestLeaversTakeOnlyThemselvesAway(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const followers, leavers = 20, 5
	app := start(t)
	most := cost(app, eventPath(lab.FewLeft))
	before := app.Postgres.Stats()
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	request := func(int) *lab.Request { return lab.GET("%s", eventPath(lab.OnSale)) }
	first := app.Begin(request(0))
	reached := within(patience, func() bool { return gate.Hits() > 0 })
	require.True(t, reached, "the first reader's query reaches PostgreSQL")
	pending := begin(app, followers, request)
	settle(app, followers+1)
	first.Leave()
	for _, p := range pending[:leavers] {
		p.Leave()
	}
	stayed := pending[leavers:]
	within(4*moment, func() bool { return anyAnswered(stayed) }) // whom the leavers took away
	gate.Open()
	answers := end(stayed)
	lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == len(stayed), lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s while its query was held. The first of them closed the page, and %d of the others. Those who stayed got %s",
			1+followers, eventPath(lab.OnSale), leavers, lab.Statuses(answers)),
		Expected: fmt.Sprintf("200 OK ×%d", len(stayed)),
		Why:      "Somebody always closes the page. If the load is theirs, everybody who waits for it gets an error, at the busiest time.",
	})
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, queries <= most+2, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s while its query was held, and some of them left. That took %d queries", 1+followers, eventPath(lab.OnSale), queries),
		Expected: fmt.Sprintf("%d, or a few more where a load begins again", most),
		Why:      whyOneLoad,
	})
}

func anyAnswered(pending []*lab.Pending) bool {
	for _, p := range pending {
		if p.Answered() {
			return true
		}
	}
	return false
}

func TestLoadHasAnEnd(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const readers = 50
	app := start(t, lab.Env("REQUEST_TIMEOUT=1500ms"))
	most := cost(app, eventPath(lab.FewLeft))
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	pending := begin(app, readers, func(int) *lab.Request { return lab.GET("%s", eventPath(lab.OnSale)) })
	within(2*patience, func() bool {
		for _, p := range pending {
			if !p.Answered() {
				return false
			}
		}
		return true
	})
	given := 0
	for _, p := range pending {
		if p.Answered() && p.Wait(patience).Status == http.StatusServiceUnavailable {
			given++
		}
	}
	lab.Require(t, given == readers, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL takes queries and answers none. With REQUEST_TIMEOUT=1500ms, %d of %d readers of GET %s had a 503 after %v", given, readers, eventPath(lab.OnSale), 2*patience),
		Expected: "all of them: a load ends, and so does the wait for it",
		Why:      "A load that belongs to nobody is ended by nobody. While it hangs, each new visitor joins those who wait.",
	})
	lab.Require(t, gate.Hits() <= 2*most, lab.Finding{
		Measured: fmt.Sprintf("%d readers of GET %s waited together until their time was over, and sent %d queries", readers, eventPath(lab.OnSale), gate.Hits()),
		Expected: fmt.Sprintf("%d, or twice that: who comes later waits with the others", most),
		Why:      "A database that doesn't answer isn't helped by asking it more often.",
	})
	// A load may live a little longer than those who wait for it. If it did well now,
	// nothing would have failed.
	within(patience, func() bool { return app.Postgres.Stats().Cancels > 0 })
	gate.Open()
	var last *lab.Response
	back := within(patience, func() bool {
		last = app.Begin(lab.GET("%s", eventPath(lab.OnSale))).Wait(patience)
		return last.Status == http.StatusOK
	})
	lab.Require(t, back, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL answers again, and %v later GET %s still answers %d", patience, eventPath(lab.OnSale), last.Status),
		Expected: "200",
		Why:      "A load that failed is over. The next reader begins a new one.",
	})
}
