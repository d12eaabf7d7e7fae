package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// hasty is how long Redis may take in these tests. They allow for much more.
const hasty = "CACHE_TIMEOUT=200ms"

const whyOutage = "The cache is there to make the API faster. When its loss takes the API along, it has made it weaker."

// requireServed demands that reads are answered without Redis, and soon.
func requireServed(t *testing.T, app *lab.App, when string) {
	t.Helper()
	const most = 4 * time.Second // for reads that take about 200 ms each
	paths := []string{eventPath(lab.OnSale), listPath(lab.OnSale), "/events", eventPath(lab.Past), eventPath(lab.FewLeft)}
	began := time.Now()
	for i, path := range paths {
		answer := app.Begin(lab.GET("%s", path)).Wait(6 * patience)
		took := time.Since(began)
		lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("%s, GET %s was answered %d: %s", when, path, answer.Status, short(answer.Body)),
			Expected: "200: PostgreSQL has the answer",
			Why:      whyOutage,
			Try:      answer.Curl(),
		})
		lab.Require(t, took < most, lab.Finding{
			Measured: fmt.Sprintf("%s, and with %s, %d reads took %.1f s", when, hasty, i+1, took.Seconds()),
			Expected: fmt.Sprintf("%d of them in less than %v: who waits for Redis gives it up after a fifth of a second", len(paths), most),
			Why:      whyOutage,
			Try:      answer.Curl(),
		})
	}
}

func TestStalledRedisCostsAMoment(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t, lab.Env(hasty))
	requireCached(t, app, whyCached, eventPath(lab.OnSale), "/events")
	resume := app.Redis.Stall()
	defer resume()
	requireServed(t, app, "Redis takes commands and answers none")
	resume()
	requireBack(t, app)
}

func TestAbsentRedisIsNoFault(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t, lab.Env(hasty))
	requireCached(t, app, whyCached, eventPath(lab.OnSale), "/events")
	up := app.Redis.Down()
	requireServed(t, app, "Redis refuses all connections")
	err := app.Instances[0].Restart()
	lab.Require(t, err == nil, lab.Finding{
		Measured: fmt.Sprintf("Redis refuses all connections, and an instance was restarted: %v", err),
		Expected: "that it starts, and serves what it can",
		Why:      "In the minute without Redis, a deploy, or a crash, turns a slow API into none.",
	})
	requireServed(t, app, "Redis refuses all connections, since before the instance was started")
	up()
	requireBack(t, app)
}

// requireBack demands that the cache is used again, by reads and by writes, without anybody's help.
func requireBack(t *testing.T, app *lab.App) {
	t.Helper()
	queries := 0
	back := lab.Within(2*patience, func() bool { queries, _ = read(app, 0, eventPath(lab.OnSale)); return queries == 0 })
	lab.Require(t, back, lab.Finding{
		Measured: fmt.Sprintf("%v after Redis came back, GET %s still costs %d query", 2*patience, eventPath(lab.OnSale), queries),
		Expected: "none, without a restart",
		Why:      "A cache that stays off after a bad minute is missed on the next busy day.",
	})
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	app.Do(change.request(app.LogIn(change.by))).Expect(change.status, "Organisers change titles and prices.")
	requireFresh(t, app, lab.OnSale, fmt.Sprintf("Redis was in trouble, and is back. The cache answers again. %s was answered %d", change.name, change.status),
		"A cache whose reads are back, and whose writes still let it be, shows old events until somebody restarts it.")
}

func TestCutConnectionsToRedisAreNoFault(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t)
	requireCached(t, app, whyCached, eventPath(lab.OnSale), "/events")
	for range 10 {
		app.Redis.CutAll()
		read(app, 0, eventPath(lab.OnSale))
		gate := app.Redis.HoldReply(lab.RedisAny)
		reader := app.Begin(lab.GET("/events"))
		lab.Within(patience, func() bool { return gate.Hits() > 0 || reader.Answered() })
		app.Redis.CutAll()
		gate.Open()
		reader.Wait(2*patience).Expect(http.StatusOK, whyOutage)
	}
	requireBack(t, app)
}

// An older release, or somebody else, has left something under the API's keys.
func TestGarbageInRedisIsAMiss(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t)
	paths := []string{eventPath(lab.OnSale), "/events"}
	requireCached(t, app, whyCached, paths...)
	for _, garbage := range []string{"", "{", `{"id":"forty-two"}`, "\x00\xff"} {
		for key := range ends(app) {
			if app.RedisDo("TYPE", key) == "string" {
				app.RedisDo("SET", key, garbage, "PX", "600000")
			}
		}
		for _, path := range paths {
			answer := app.Do(lab.GET("%s", path))
			var value struct {
				ID     int64
				Events []contract.Event
			}
			answer.Expect(http.StatusOK, "What can't be read is as good as not there.").JSON(&value)
			lab.Require(t, value.ID == lab.OnSale.ID || len(value.Events) > 0, lab.Finding{
				Measured: fmt.Sprintf("all keys in Redis hold %q. GET %s answered %s", garbage, path, short(answer.Body)),
				Expected: "the answer from PostgreSQL: what can't be read is as good as not there",
				Why:      "While a deploy rolls out, two releases share one Redis. Each finds there what the other has written.",
			})
		}
		requireCached(t, app, "What can't be read is replaced. Otherwise it is in everybody's way until its end.", paths...)
	}
}

func TestDatabaseIsSparedWithoutRedis(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	for _, fault := range []struct {
		short, name string
		begin       func(app *lab.App) (end func())
	}{
		{"stalled", "Redis takes commands and answers none", func(app *lab.App) func() { return app.Redis.Stall() }},
		{"absent", "Redis refuses all connections", func(app *lab.App) func() { return app.Redis.Down() }},
	} {
		t.Run(fault.short, func(t *testing.T) {
			t.Parallel()
			const readers, most = 200, 20
			app := start(t, lab.Env(hasty))
			requireCached(t, app, whyCached, eventPath(lab.OnSale))
			t.Cleanup(fault.begin(app))
			before := app.Postgres.Stats()
			gate := app.Postgres.Hold(lab.Touches("events"))
			pending := app.BeginAll(readers, func(int) *lab.Request { return lab.GET("%s", eventPath(lab.OnSale)) })
			settle(app, readers)
			lab.Within(patience, func() bool { return gate.Hits() > 0 })
			lab.Within(5*moment, func() bool { return gate.Hits() > most })
			gate.Open()
			answers := lab.WaitAll(pending, 4*patience)
			queries := app.Postgres.Stats().Since(before).Queries
			lab.Require(t, lab.CountStatuses(answers)[http.StatusOK] == readers && queries <= most, lab.Finding{
				Measured: fmt.Sprintf("%s, and %d readers ask for GET %s at once. They got %s, for %d queries", fault.name, readers, eventPath(lab.OnSale), lab.Statuses(answers), queries),
				Expected: fmt.Sprintf("200 OK ×%d, for one query or a few: waiting together needs no Redis", readers),
				Why:      "A database that was sized for a tenth of the readers gets all of them in the second in which Redis goes away. Then both are gone.",
			})
		})
	}
}

// While Redis is away, nobody can be told that something has changed. So nobody may rely on
// what they have seen before.
func TestNothingOldIsShownWithoutRedis(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t, lab.Instances(2), lab.Env(hasty))
	token := app.LogIn(change.by)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	gate := app.Postgres.HoldReply(change.last)
	writer := app.Begin(change.request(token))
	reached := lab.Within(patience, func() bool { return gate.Hits() > 0 })
	require.True(t, reached, "%s reaches PostgreSQL", change.name)
	app.Redis.Down()
	gate.Open()
	writer.Wait(2*patience).Expect(change.status, "The write has been made.")
	requireFresh(t, app, lab.OnSale, fmt.Sprintf("an event was read at both instances; then Redis went away, and %s was answered %d", change.name, change.status),
		"An instance that shows the last thing it has seen shows it for as long as Redis is away, whatever is sold meanwhile. PostgreSQL has the truth, and can be asked.")
}

// A command to Redis took too long. The next one is a write's.
func TestWriteIsSeenAfterAHiccup(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := start(t, lab.Instances(2), lab.Env(hasty))
	token := app.LogIn(change.by)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	gate := app.Redis.Hold(lab.RedisAny)
	defer gate.Open()
	for range 3 {
		app.Do(lab.GET("%s", eventPath(lab.FewLeft))).Expect(http.StatusOK, whyOutage)
	}
	gate.Open()
	app.Do(change.request(token)).Expect(change.status, "Organisers change titles and prices.")
	requireFresh(t, app, lab.OnSale, fmt.Sprintf("Redis answered nothing for a moment, and again since. Then %s was answered %d at instance A, which had seen that", change.name, change.status),
		"A read can do without Redis for a while. What a write doesn't say there, the other instances never learn, and they show the old event until the TTL ends.")
}

// Redis goes away between the commit and the answer.
func TestWriteIsAnsweredWithoutRedis(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	for _, fault := range []struct {
		short, name string
		begin       func(app *lab.App) (end func())
	}{
		{"stalled", "Redis stopped answering", func(app *lab.App) func() { return app.Redis.Stall() }},
		{"absent", "Redis went away", func(app *lab.App) func() { return app.Redis.Down() }},
	} {
		for _, w := range []write{change, sale} {
			t.Run(fault.short+"-"+w.kind, func(t *testing.T) {
				t.Parallel()
				app := start(t, lab.Env(hasty))
				token := app.LogIn(w.by)
				requireCached(t, app, whyCached, eventPath(lab.OnSale))
				gate := app.Postgres.HoldReply(w.last)
				writer := app.Begin(w.request(token))
				reached := lab.Within(patience, func() bool { return gate.Hits() > 0 })
				require.True(t, reached, "%s reaches PostgreSQL", w.name)
				t.Cleanup(fault.begin(app))
				gate.Open()
				began := time.Now()
				lab.Within(2*patience, writer.Answered)
				lab.Require(t, writer.Answered(), lab.Finding{
					Measured: fmt.Sprintf("%s after PostgreSQL had done %s. %v later, the client has no answer", fault.name, w.name, time.Since(began).Round(time.Second)),
					Expected: fmt.Sprintf("%d within seconds", w.status),
					Why:      "The buyer has paid, and waits. They try again, and pay twice.",
				})
				writer.Wait(patience).Expect(w.status, "The write has been made. That nobody could be told to forget the old event is a line in the log, not a failed order.")
			})
		}
	}
}
