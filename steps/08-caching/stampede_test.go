package main_test

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// settle waits until n requests have arrived, and until nobody asks Redis anything
// any more.
func settle(app *lab.App, n int) {
	arrived := func() bool { time.Sleep(10 * time.Millisecond); return inFlight(app) >= n } // each look is a request, too
	lab.Within(2*patience, arrived)
	last, since := app.Redis.Stats().Commands, time.Now()
	lab.Within(patience, func() bool {
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
	reached := lab.Within(patience, func() bool { return h.Hits() > 0 })
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
	const list = "/events?limit=50"
	for _, c := range []struct {
		name, cold, like string
		written          bool // the answer is there, and then made old by a write
	}{
		{"event", "/events/42", "/events/43", false},
		{"list", list, list + "&sort=price_cents", false},
		{"event after a write", eventPath(lab.OnSale), eventPath(lab.FewLeft), true},
		{"list after a write", list, list + "&sort=price_cents", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := start(t)
			most, when := cost(app, c.like), "which was in no cache"
			if c.written {
				token := app.LogIn(change.by)
				requireCached(t, app, whyCached, c.cold)
				app.Do(change.request(token)).Expect(change.status, "Organisers change titles and prices.")
				settle(app, 0)
				when = "which a write had just made old"
				most += 4 // on a busy machine, some come when the others have their answer
			}
			var mu sync.Mutex
			var sent []string
			app.Redis.Hold(func(command lab.RedisCommand) bool { // holds none of them
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, strings.Join(command.Args, " "))
				return false
			})
			requireOneLoad(t, app, c.cold, most, "", when)
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
		contract.Event
		Events []contract.Event
	}
	app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&answer)
	for _, event := range append(answer.Events, answer.Event) {
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
	requireOneLoad(t, app, "/events/42", len(app.Instances)*cost(app, "/events/43"), ", half of them at each of two instances", "which was in no cache")
}

// requireOneLoad demands that 200 readers of a cold path cost no more queries than
// that.
func requireOneLoad(t *testing.T, app *lab.App, path string, most int, where, when string) {
	t.Helper()
	const readers = 200
	before := app.Postgres.Stats()
	gate := app.Postgres.Hold(lab.Touches("events"))
	defer gate.Open()
	pending := app.BeginAll(readers, func(i int) *lab.Request { return lab.GET("%s", path).On(i % len(app.Instances)) })
	settle(app, readers)
	waiting := gate.Hits()
	gate.Open()
	answers := lab.WaitAll(pending, 4*patience)
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == readers, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s at once%s, %s, and got %s", readers, path, where, when, lab.Statuses(answers)),
		Expected: fmt.Sprintf("200 OK ×%d", readers),
		Why:      "Whoever waits for somebody else's load gets its answer, too.",
	})
	lab.Require(t, queries <= most, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s at once%s, %s. %d queries for it ran at the same time, and %d in all", readers, path, where, when, waiting, queries),
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
		named := lab.Within(patience, func() bool {
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
	const hanging = 6 // of the ten connections that DB_MAX_CONNS allows
	gate := &hold{}
	gate.Gate = app.Postgres.HoldReply(gate.only(lab.Touches("events")))
	defer gate.Open()
	slow := app.BeginAll(hanging, func(i int) *lab.Request { return lab.GET("/events/%d", 100+i) })
	lab.Within(patience, func() bool { return gate.Hits() >= hanging })
	gate.taken.Store(true)
	for _, path := range []string{eventPath(lab.FewLeft), "/events", eventPath(lab.Past)} {
		other := app.Begin(lab.GET("%s", path))
		answered := lab.Within(patience, other.Answered)
		lab.Require(t, answered, lab.Finding{
			Measured: fmt.Sprintf("%d events were asked for, and of their loads %d hang in PostgreSQL. GET %s has no answer after %v", hanging, gate.Hits(), path, patience),
			Expected: "an answer: it is another question, and connections are free",
			Why:      "One lock for all questions makes the slowest of them everybody's. So do a few places that all questions share, once there is a slow one in each.",
		})
		other.Wait(patience).Expect(http.StatusOK, "Anybody may see what is on.")
	}
	gate.Open()
	for _, pending := range slow {
		pending.Wait(patience).Expect(http.StatusOK, "PostgreSQL answers again.")
	}
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
	reached := lab.Within(patience, func() bool { return gate.Hits() > 0 })
	require.True(t, reached, "the first reader's query reaches PostgreSQL")
	pending := app.BeginAll(followers, request)
	settle(app, followers+1)
	first.Leave()
	for _, p := range pending[:leavers] {
		p.Leave()
	}
	stayed := pending[leavers:]
	lab.Within(4*moment, func() bool { return anyAnswered(stayed) }) // whom the leavers took away
	const impatient = 6
	for range impatient { // one after another: each comes when the last one has left
		lab.Within(moment, func() bool { return inFlight(app) <= len(stayed) })
		loads, asked := gate.Hits(), app.Redis.Stats().Commands
		next := app.Begin(request(0))
		lab.Within(moment, func() bool { return app.Redis.Stats().Commands > asked })
		lab.Within(moment/3, func() bool { return gate.Hits() > loads })
		next.Leave()
	}
	lab.Within(moment, func() bool { return inFlight(app) <= len(stayed) })
	gate.Open()
	answers := lab.WaitAll(stayed, 4*patience)
	lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == len(stayed), lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s while its query was held. The first of them closed the page, and %d of the others. Those who stayed got %s",
			1+followers, eventPath(lab.OnSale), leavers, lab.Statuses(answers)),
		Expected: fmt.Sprintf("200 OK ×%d", len(stayed)),
		Why:      "Somebody always closes the page. If the load is theirs, everybody who waits for it gets an error, at the busiest time.",
	})
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, queries <= most+2, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s while its query was held, and some of them left. Then %d more came and left, one after another. That took %d queries", 1+followers, eventPath(lab.OnSale), impatient, queries),
		Expected: fmt.Sprintf("%d, or a few more where a load begins again", most),
		Why:      whyOneLoad,
	})
}

// A reader has left while Redis is still asked. What they wanted to know, nobody waits for.
func TestLeaverStartsNoLoad(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t) // CACHE_TIMEOUT=10s
	requireCached(t, app, whyCached, eventPath(lab.FewLeft))
	queries := 0
	for i, patient := range []time.Duration{moment, 4 * moment, 16 * moment} { // a busy machine hears late of who has left
		path := fmt.Sprintf("/events/%d", 100+i)
		before := app.Postgres.Stats()
		gate := app.Redis.Hold(lab.RedisAny)
		reader := app.Begin(lab.GET("%s", path))
		reached := lab.Within(patience, func() bool { return gate.Hits() > 0 })
		require.True(t, reached, "GET %s asks Redis", path)
		reader.Leave()
		time.Sleep(patient)
		gate.Open()
		settle(app, 0)
		if queries = app.Postgres.Stats().Since(before).Queries; queries == 0 {
			return
		}
	}
	lab.Require(t, queries == 0, lab.Finding{
		Measured: fmt.Sprintf("a reader of an event that is in no cache left while Redis was asked for it. Then Redis answered that it isn't there, and the API sent %d query to PostgreSQL", queries),
		Expected: "none: nobody is there to wait for the answer",
		Why:      "When all is slow, people reload. Each reload is somebody who has left. Loads for those keep it slow.",
	})
}

// A guard. A handler's panic is recovered by net/http, or before. Another goroutine's is not.
func TestPanicInALoadIsOneAnswer(t *testing.T) {
	t.Parallel()
	app := start(t, lab.Env("FAULTS=on"))
	const readers = 10
	for range 2 { // what has gone wrong once may be in the way the second time
		answers := app.Burst(readers, func(int) *lab.Request { return lab.GET("/events/%d", int64(math.MaxInt64)) })
		answered := lab.CountStatuses(answers)[http.StatusInternalServerError] == readers
		running := app.Instances[0].Running()
		if !answered { // a process that ends is still there for a moment
			running = !lab.Within(time.Second, func() bool { return !app.Instances[0].Running() })
		}
		lab.Require(t, answered && running, lab.Finding{
			Measured: fmt.Sprintf("with FAULTS=on, the store panics when it is asked for one of the events. %d readers asked for it at once, and got %s; the instance is running: %t", readers, lab.Statuses(answers), running),
			Expected: fmt.Sprintf("500 Internal Server Error ×%d, from an instance that goes on", readers),
			Why:      "A panic that nobody recovers ends the process, with all requests that it has. One bad row does that to one instance after another, each time that somebody looks at it.",
			Try:      "FAULTS=on go tool workshop run 08     (in another terminal)\ncurl -i localhost:8080/events/9223372036854775807",
		})
	}
	read(app, 0, eventPath(lab.OnSale))
}

// Those who wait for one load may ask for pages of different lengths.
func TestEachWaiterGetsTheirOwnPage(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const path, readers, rounds = "/events", 30, 3
	limits := []int{50, 30, 41}
	app := start(t)
	requireCached(t, app, whyCached, path)
	want := make([]any, len(limits))
	for i, limit := range limits {
		_, answer := read(app, 0, fmt.Sprintf("%s?limit=%d", path, limit))
		want[i] = decoded(t, answer)
	}
	for range rounds {
		app.RedisDo("FLUSHDB")
		require.NoError(t, app.Instances[0].Restart())
		gate := app.Postgres.Hold(lab.Touches("events"))
		pending := app.BeginAll(readers, func(i int) *lab.Request { return lab.GET("%s?limit=%d", path, limits[i%len(limits)]) })
		settle(app, readers)
		gate.Open()
		for i, answer := range lab.WaitAll(pending, 4*patience) {
			answer.Expect(http.StatusOK, "Anybody may see what is on.")
			lab.Require(t, reflect.DeepEqual(decoded(t, answer), want[i%len(limits)]), lab.Finding{
				Measured: fmt.Sprintf("%d readers asked for GET %s at once, which was in no cache, with limits of %v. One of those with limit=%d got another page than before: …%s",
					readers, path, limits, limits[i%len(limits)], answer.Body[max(0, len(answer.Body)-300):]),
				Expected: "the page that was asked for, whoever else waits",
				Why:      "All who wait for a load get the same value. What one of them changes in it, the others show, and the next reader sees nothing of it.",
				Try:      "go test -race",
			})
		}
	}
}

// What has failed has failed for all who waited.
func TestFailedLoadIsOneForAll(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const readers, most = 50, 10
	app := start(t)
	before := app.Postgres.Stats()
	tx, err := app.DB().Begin()
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.Exec(`ALTER TABLE venues RENAME TO halls`) // until this is committed, whoever reads venues waits
	require.NoError(t, err)
	pending := app.BeginAll(readers, func(int) *lab.Request { return lab.GET("%s", eventPath(lab.OnSale)) })
	settle(app, readers)
	require.NoError(t, tx.Commit())
	answers := lab.WaitAll(pending, 4*patience)
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, lab.CountStatuses(answers)[http.StatusInternalServerError] == readers && queries <= most, lab.Finding{
		Measured: fmt.Sprintf("%d readers asked for GET %s at once, and its load failed, since a table was missing. They got %s, for %d queries", readers, eventPath(lab.OnSale), lab.Statuses(answers), queries),
		Expected: fmt.Sprintf("500 Internal Server Error ×%d, for one query or a few", readers),
		Why:      "Loads fail when the database has too much to do. If all who waited then ask for themselves, they ask at once.",
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
	pending := app.BeginAll(readers, func(int) *lab.Request { return lab.GET("%s", eventPath(lab.OnSale)) })
	lab.Within(2*patience, func() bool {
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
	lab.Within(patience, func() bool { return app.Postgres.Stats().Cancels > 0 })
	gate.Open()
	var last *lab.Response
	back := lab.Within(patience, func() bool {
		last = app.Begin(lab.GET("%s", eventPath(lab.OnSale))).Wait(patience)
		return last.Status == http.StatusOK
	})
	lab.Require(t, back, lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL answers again, and %v later GET %s still answers %d", patience, eventPath(lab.OnSale), last.Status),
		Expected: "200",
		Why:      "A load that failed is over. The next reader begins a new one.",
	})
}
