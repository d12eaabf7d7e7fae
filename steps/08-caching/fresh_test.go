package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// views are where an event can be seen, as far as it is remembered: the second list may be too
// short for it, and the third begins with what is cheaper.
func views(e lab.Event) []string {
	return []string{eventPath(e), listPath(e), "/events?limit=50&city=" + e.Venue.City, listPath(e) + "&sort=price_cents"}
}

// seen is what visitors see of an event.
type seen struct {
	Title      string
	PriceCents int64
	Remaining  int
}

// truth is what PostgreSQL has of the event, asked past the API.
func truth(t *testing.T, app *lab.App, e lab.Event) (s seen) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`SELECT title, price_cents, remaining FROM events WHERE id = $1`, e.ID).
		Scan(&s.Title, &s.PriceCents, &s.Remaining))
	return s
}

// look reads the path at an instance, and returns what it says about the event; false
// if it isn't there.
func look(app *lab.App, instance int, path string, e lab.Event) (seen, bool) {
	var answer struct {
		contract.Event
		Events []contract.Event
	}
	app.Do(lab.GET("%s", path).On(instance)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&answer)
	events := answer.Events
	if events == nil {
		events = []contract.Event{answer.Event}
	}
	i := slices.IndexFunc(events, func(found contract.Event) bool { return found.ID == e.ID })
	if i < 0 {
		return seen{}, false
	}
	return seen{events[i].Title, events[i].PriceCents, events[i].Remaining}, true
}

// stale says where another event than PostgreSQL's is seen; "" if nowhere.
func stale(t *testing.T, app *lab.App, e lab.Event) string {
	t.Helper()
	want := truth(t, app, e)
	var wrong []string
	for i := len(app.Instances) - 1; i >= 0; i-- { // A, which writes in these tests, is the last to refresh anything
		for _, path := range append(views(e), searchPath(e)) {
			if got, there := look(app, i, path, e); there && got != want {
				wrong = append(wrong, fmt.Sprintf("GET %s at instance %s: %s", path, app.Instances[i].Name, difference(got, want)))
			}
		}
	}
	return strings.Join(wrong, "\n")
}

func difference(got, want seen) string {
	var parts []string
	if got.Title != want.Title {
		parts = append(parts, fmt.Sprintf("title %q, and it is %q", got.Title, want.Title))
	}
	if got.PriceCents != want.PriceCents {
		parts = append(parts, fmt.Sprintf("price_cents %d, and it is %d", got.PriceCents, want.PriceCents))
	}
	if got.Remaining != want.Remaining {
		parts = append(parts, fmt.Sprintf("remaining %d, and it is %d", got.Remaining, want.Remaining))
	}
	return strings.Join(parts, "; ")
}

// requireFresh demands that everybody sees the event as PostgreSQL has it. It looks
// twice: the second time, the cache has seen the first.
func requireFresh(t *testing.T, app *lab.App, e lab.Event, when, why string) {
	t.Helper()
	for range 2 {
		old := stale(t, app, e)
		lab.Require(t, old == "", lab.Finding{
			Measured: fmt.Sprintf("%s. After that, this is seen:\n%s", when, old),
			Expected: "the event as it is, wherever one looks",
			Why:      why,
		})
	}
}

// requireFreshSoon is for writes whose end no client sees.
func requireFreshSoon(t *testing.T, app *lab.App, e lab.Event, when, why string) {
	t.Helper()
	lab.Within(patience, func() bool { return stale(t, app, e) == "" })
	requireFresh(t, app, e, when, why)
}

// write is a request that changes an event, and the last statement of it.
type write struct {
	kind    string
	name    string
	status  int
	request func(token string) *lab.Request
	last    lab.Match
	by      lab.User
}

var (
	change = write{"change", "PATCH " + eventPath(lab.OnSale), http.StatusOK, func(token string) *lab.Request {
		return lab.PATCH(eventPath(lab.OnSale), lab.Body{"title": "The Answers: Two Nights in July", "price_cents": 4300}).As(token)
	}, lab.Writes("events"), lab.Organiser}
	sale = write{"order", "POST " + eventPath(lab.OnSale) + "/orders", http.StatusCreated, func(token string) *lab.Request {
		return lab.OrderOf(lab.OnSale, 2).As(token)
	}, lab.Verb("COMMIT"), lab.Buyer}
)

const whyFresh = "Buyers see a price that they won't pay, and tickets that are gone. An organiser who sees no change makes it again."

func TestChangeIsSeenByTheNextRead(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t, lab.Instances(2))
	token := app.LogIn(lab.Organiser)
	for i, patch := range []lab.Body{{"title": "The Answers: Two Nights in July"}, {"price_cents": 1}, {"price_cents": 9_000_000}} {
		requireCached(t, app, whyCached, views(lab.OnSale)...)
		at := i % len(app.Instances)
		app.Do(lab.PATCH(eventPath(lab.OnSale), patch).As(token).On(at)).Expect(http.StatusOK, "Organisers change titles and prices.")
		requireFresh(t, app, lab.OnSale, fmt.Sprintf("an organiser changed %v at instance %s and was answered 200", patch, app.Instances[at].Name), whyFresh)
	}
	requireEnds(t, app, "after three changes of an event")
	for _, path := range views(lab.OnSale) {
		_, answer := read(app, 0, path)
		lab.Require(t, !keptByBrowsers(answer.Header), lab.Finding{
			Measured: fmt.Sprintf("GET %s was answered with Cache-Control: %q and Expires: %q", path, answer.Header.Values("Cache-Control"), answer.Header.Get("Expires")),
			Expected: "nothing that lets a browser, or a proxy on the way, show the answer again without asking",
			Why:      "Redis is told of a write. A browser isn't: it shows the old event to the buyer who has just bought, and to the organiser who has just saved.",
			Try:      answer.Curl(),
		})
	}
}

// keptByBrowsers reports whether the answer may be shown again without asking.
func keptByBrowsers(header http.Header) bool {
	words := strings.FieldsFunc(strings.ToLower(strings.Join(header.Values("Cache-Control"), ",")), func(r rune) bool { return r == ',' || r == ' ' })
	if slices.Contains(words, "no-store") || slices.Contains(words, "no-cache") {
		return false
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		if slices.Contains([]string{"max-age", "s-maxage", "stale-while-revalidate"}, name) && strings.Trim(value, `"0`) != "" {
			return true
		}
	}
	end, err := http.ParseTime(header.Get("Expires"))
	return err == nil && end.After(time.Now())
}

func TestOrderIsSeenByTheNextRead(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t, lab.Instances(2))
	token := app.LogIn(lab.Buyer)
	for i := range 3 {
		requireCached(t, app, whyCached, views(lab.OnSale)...)
		at := i % len(app.Instances)
		app.Do(lab.OrderOf(lab.OnSale, i+1).As(token).On(at)).Expect(http.StatusCreated, "Selling tickets is what this API is for.")
		requireFresh(t, app, lab.OnSale, fmt.Sprintf("an order of %d tickets was made at instance %s and answered 201", i+1, app.Instances[at].Name),
			"Who sees tickets that are gone tries to buy them, and is turned away at the last click.")
	}
}

// A reader comes while the write is under way, and sees the old event, as it should.
func TestChangeIsSeenOnceItIsCommitted(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, w := range []write{change, sale} {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			app := start(t, lab.Instances(2))
			token := app.LogIn(w.by)
			requireCached(t, app, whyCached, views(lab.OnSale)...)
			gate := app.Postgres.Hold(w.last)
			writer := app.Begin(w.request(token))
			lab.Within(patience, func() bool { return gate.Hits() > 0 || writer.Answered() })
			stale(t, app, lab.OnSale) // reads all of it
			gate.Open()
			writer.Wait(2*patience).Expect(w.status, "The write goes on.")
			requireFresh(t, app, lab.OnSale, fmt.Sprintf("the last statement of %s was held back, and readers came meanwhile. Then the write went on and was answered %d", w.name, w.status),
				"Between forgetting and the commit there is always a reader, who remembers the old event for as long as the TTL.")
		})
	}
}

// The first command to Redis behind the write is held: whatever the API does there to
// have the change seen, the answer comes after it.
func TestWriteIsAnsweredOnceItIsSeen(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, w := range []write{change, sale} {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			app := start(t, lab.Instances(2))
			token := app.LogIn(w.by)
			requireCached(t, app, whyCached, views(lab.OnSale)...)
			end := app.Postgres.HoldReply(w.last)
			defer end.Open()
			writer := app.Begin(w.request(token))
			reached := lab.Within(patience, func() bool { return end.Hits() > 0 })
			require.True(t, reached, "%s reaches PostgreSQL", w.name)
			var taken atomic.Bool
			word := app.Redis.Hold(func(lab.RedisCommand) bool { return taken.CompareAndSwap(false, true) })
			defer word.Open()
			end.Open()
			lab.Within(patience, func() bool { return word.Hits() > 0 || writer.Answered() })
			if lab.Within(moment, writer.Answered) {
				taken.Store(true)
				writer.Wait(patience).Expect(w.status, "The write goes on.")
				old := stale(t, app, lab.OnSale)
				lab.Require(t, old == "", lab.Finding{
					Measured: fmt.Sprintf("%s was answered %d, while what it sent to Redis was still on its way. The next readers saw this:\n%s", w.name, w.status, old),
					Expected: "the event as it was written: with the answer, the write is over",
					Why:      "Who reads their own write and doesn't find it thinks that it was lost. In development, the race is always won.",
				})
			}
			word.Open()
			writer.Wait(2*patience).Expect(w.status, "The write goes on.")
			requireFresh(t, app, lab.OnSale, fmt.Sprintf("%s was answered %d", w.name, w.status), whyFresh)
		})
	}
}

// Two organisers change an event. What the first one has to say to Redis comes last.
func TestLaterWriteIsTheLastWord(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t, lab.Instances(2))
	token := app.LogIn(lab.Organiser)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	price := func(cents, instance int) *lab.Request {
		return lab.PATCH(eventPath(lab.OnSale), lab.Body{"price_cents": cents}).As(token).On(instance)
	}
	end := app.Postgres.HoldReply(change.last)
	first := app.Begin(price(4301, 0))
	reached := lab.Within(patience, func() bool { return end.Hits() > 0 })
	require.True(t, reached, "the first write reaches PostgreSQL")
	var taken atomic.Bool
	word := app.Redis.Hold(func(lab.RedisCommand) bool { return taken.CompareAndSwap(false, true) })
	defer word.Open()
	end.Open()
	lab.Within(patience, func() bool { return word.Hits() > 0 || first.Answered() })
	taken.Store(true)
	app.Do(price(4302, 1)).Expect(http.StatusOK, "The second write doesn't wait for the first.")
	word.Open()
	first.Wait(2*patience).Expect(http.StatusOK, "The first write goes on.")
	requireFresh(t, app, lab.OnSale, "an organiser changed a price to 4301 cents, and what the API had to say to Redis about it was held; another changed it to 4302 and was answered 200; then the first went on and was answered 200",
		"What a write returns is true at that moment, and two writes don't reach Redis in the order in which PostgreSQL has done them. An answer that comes from a read behind all writes can't be wrong like this.")
}

// A load takes so long that the write during it is forgotten before the load is over.
func TestSlowLoadOutlivesNoVersion(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for name, path := range map[string]string{"event": eventPath(lab.OnSale), "list": listPath(lab.OnSale)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const ttl = time.Second
			app := start(t, lab.Env("CACHE_TTL="+ttl.String())) // REQUEST_TIMEOUT=30s
			token := app.LogIn(lab.Organiser)
			requireCached(t, app, whyCached, eventPath(lab.FewLeft))
			reader, gate := holdRead(t, app, lab.GET("%s", path))
			defer gate.Open()
			app.Do(change.request(token)).Expect(http.StatusOK, "The write doesn't wait for readers.")
			lab.Within(3*ttl, func() bool { return len(ends(app)) == 0 })
			gate.Open()
			reader.Wait(patience).Expect(http.StatusOK, "Anybody may see what is on.")
			got, there := look(app, 0, path, lab.OnSale)
			want := truth(t, app, lab.OnSale)
			lab.Require(t, there && got == want, lab.Finding{
				Measured: fmt.Sprintf("with CACHE_TTL=%v and REQUEST_TIMEOUT=30s, a load of GET %s began, the event was changed, and the load ended %v later. The next reader saw: %s", ttl, path, 3*ttl, difference(got, want)),
				Expected: "the event as it was changed: whoever has loaded the old one may still bring it",
				Why:      "A version that ends with the entries is gone when the slowest reader comes. Loads are slow on the day on which most is written.",
			})
		})
	}
}

// What marks an answer as old must be there for as long as the answer.
func TestOldAnswersStayOld(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	token := app.LogIn(lab.Organiser)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	before := ends(app)
	app.Do(change.request(token)).Expect(http.StatusOK, "Organisers change titles and prices.")
	after := ends(app)
	mark, shortest := "", 24*time.Hour
	for key, left := range after {
		if _, old := before[key]; !old && left >= 0 && left < shortest {
			mark, shortest = key, left
		}
	}
	for key := range before {
		left, still := after[key]
		lab.Require(t, !still || mark == "" || left <= shortest, lab.Finding{
			Measured: fmt.Sprintf("an event was read in %d ways, and then changed. Redis still has %q from before, for another %v. What came with the change, %q, is gone after %v",
				len(views(lab.OnSale)), key, left.Round(time.Second), mark, shortest.Round(time.Second)),
			Expected: "that what tells old from new outlives all that is old",
			Why:      "An hour later nothing says any more that the old answer is old, and for some minutes everybody sees it again.",
			Try:      "redis-cli --scan | xargs -n1 redis-cli PTTL",
		})
	}
	requireFresh(t, app, lab.OnSale, "an organiser changed the event and was answered 200", whyFresh)
}

// age is what d does to the keys in Redis: each has so much less to live.
func age(app *lab.App, d time.Duration) {
	for key, left := range ends(app) {
		switch {
		case left < 0:
		case left <= d:
			app.RedisDo("DEL", key)
		default:
			app.RedisDo("PEXPIRE", key, fmt.Sprint((left - d).Milliseconds()))
		}
	}
}

// What marks an answer as old ends at some time. What comes after it must not look
// like it.
func TestNoMarkComesTwice(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	token := app.LogIn(lab.Organiser)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	before := ends(app)
	price := func(cents int) {
		app.Do(lab.PATCH(eventPath(lab.OnSale), lab.Body{"price_cents": cents}).As(token)).Expect(http.StatusOK, "Organisers change prices.")
	}
	price(4301)
	const late = 30 * time.Minute
	first, longest := ends(app), time.Duration(0)
	for key, left := range first {
		if _, old := before[key]; !old {
			longest = max(longest, left)
		}
	}
	later := max(longest-late, 0)
	age(app, later) // what came with the change has half an hour left
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	age(app, late+time.Minute) // now it is gone, and what was just read is not
	price(4302)
	requireFresh(t, app, lab.OnSale, fmt.Sprintf("an event was changed at noon, and read %v later. Another %v later, Redis had forgotten the change, but not yet what was read. "+
		"Then the event was changed again, and that was answered 200", later.Round(time.Minute), late+time.Minute),
		"A number that begins at 1 again has been 1 before, and somebody still has an answer from that time. A version is worth something as long as it never was before.")
}

// Most orders of the busiest minute are for what is gone. They change nothing.
func TestRefusedOrdersForgetNothing(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t)
	token := app.LogIn(lab.Buyer)
	paths := append(views(lab.SoldOut), "/events")
	requireCached(t, app, whyCached, paths...)
	app.Do(lab.OrderOf(lab.SoldOut, 1).As(token)).Expect(http.StatusConflict, "Nothing is left to sell.")
	var asked []string
	for _, path := range paths {
		if queries, _ := read(app, 0, path); queries > 0 {
			asked = append(asked, path)
		}
	}
	lab.Require(t, len(asked) == 0, lab.Finding{
		Measured: fmt.Sprintf("an order was refused with 409, since the event is sold out. After that, %d of %d cached answers were loaded again: GET %s", len(asked), len(paths), strings.Join(asked, ", GET ")),
		Expected: "none: nothing has changed",
		Why:      "In the minute of the rush, most orders end with \"sold out\". If each of them makes all lists old, the cache is off just when it is needed.",
	})
}

const whyRefill = "On a busy day there is always a reader on the way. What they bring is seen until the TTL ends, long after the write, and no log says why."

// A reader has the old event in their hands, and is slow. A write is made and
// answered. Then the reader goes on.
func TestSlowReaderBringsNothingOldBack(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, c := range []struct {
		name   string
		path   string
		write  write
		reader int
		slow   func(t *testing.T, app *lab.App, r *lab.Request) (*lab.Pending, func())
	}{
		{"event from PostgreSQL", eventPath(lab.OnSale), change, 0, slowPostgres},
		{"list from PostgreSQL", listPath(lab.OnSale), sale, 1, slowPostgres},
		{"event to Redis", eventPath(lab.OnSale), sale, 1, slowRedis},
		{"list to Redis", listPath(lab.OnSale), change, 1, slowRedis},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := start(t, lab.Instances(2))
			token := app.LogIn(c.write.by)
			requireCached(t, app, whyCached, eventPath(lab.FewLeft), "/events?city=Paris")
			reader, goOn := c.slow(t, app, lab.GET("%s", c.path).On(c.reader))
			defer goOn()
			writer := app.Begin(c.write.request(token))
			lab.Within(patience, writer.Answered) // a client with one connection to Redis waits behind the reader
			goOn()
			writer.Wait(2*patience).Expect(c.write.status, "The write doesn't wait for readers.")
			reader.Wait(2*patience).Expect(http.StatusOK, "Anybody may see what is on.")
			requireFresh(t, app, lab.OnSale, fmt.Sprintf("a reader of GET %s at instance %s had loaded the event, but not stored it yet (its way %s was held). "+
				"%s was answered %d at instance A. Then the reader went on", c.path, app.Instances[c.reader].Name, c.name[strings.Index(c.name, " ")+1:], c.write.name, c.write.status), whyRefill)
		})
	}
}

func slowPostgres(t *testing.T, app *lab.App, r *lab.Request) (*lab.Pending, func()) {
	t.Helper()
	reader, h := holdRead(t, app, r)
	return reader, h.Open
}

// slowRedis holds the command that stores what the reader has loaded: the first that
// has the event in it. If there is none, the reader is done.
func slowRedis(t *testing.T, app *lab.App, r *lab.Request) (*lab.Pending, func()) {
	t.Helper()
	name, _, _ := strings.Cut(lab.OnSale.Title, ":")
	gate := app.Redis.Hold(func(c lab.RedisCommand) bool {
		return slices.ContainsFunc(c.Args, func(arg string) bool { return strings.Contains(arg, name) || len(arg) > 1000 })
	})
	reader := app.Begin(r)
	lab.Within(patience, func() bool { return gate.Hits() > 0 || reader.Answered() })
	return reader, gate.Open
}

func TestLateReaderJoinsNoEarlyLoad(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, c := range []struct {
		name, path string
		reader     int // the write is at A
	}{
		{"event", eventPath(lab.OnSale), 0},
		{"list", listPath(lab.OnSale), 0},
		{"event at another instance", eventPath(lab.OnSale), 1},
		{"list at another instance", listPath(lab.OnSale), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.path
			app := start(t, lab.Instances(c.reader+1))
			token := app.LogIn(lab.Organiser)
			requireCached(t, app, whyCached, eventPath(lab.FewLeft))
			early, gate := holdRead(t, app, lab.GET("%s", path).On(c.reader))
			app.Do(change.request(token)).Expect(http.StatusOK, "The write doesn't wait for readers.")
			late := app.Begin(lab.GET("%s", path).On(c.reader))
			lab.Within(moment*4, late.Answered)
			joined := !late.Answered()
			gate.Open()
			answer := late.Wait(2*patience).Expect(http.StatusOK, "Anybody may see what is on.")
			lab.Require(t, strings.Contains(string(answer.Body), "Two Nights in July"), lab.Finding{
				Measured: fmt.Sprintf("a load of GET %s began at instance %s; an organiser changed the event at A and was answered 200; then another reader asked for the same where the load was, %s, and got the event as it was before: %s",
					path, app.Instances[c.reader].Name, map[bool]string{true: "waited for the load of the first", false: "was answered at once"}[joined], short(answer.Body)),
				Expected: "the event as it was changed: this reader came after the write",
				Why:      "The organiser saves, looks, and sees the old title. A load that began before the write is good enough for those who came before it.",
			})
			early.Wait(patience).Expect(http.StatusOK, "Anybody may see what is on.")
			requireFresh(t, app, lab.OnSale, fmt.Sprintf("a load of GET %s began before a write, and ended after it", path), whyRefill)
		})
	}
}

const whyLost = "The write has happened, whatever became of its answer. Nobody will make it again just to refresh a cache."

func TestLostAnswerToAWriteIsSeen(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, w := range []write{change, sale} {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			app := start(t, lab.Instances(2))
			token := app.LogIn(w.by)
			requireCached(t, app, whyCached, views(lab.OnSale)...)
			cut := app.Postgres.CutAt(1, lab.After, w.last)
			if w.kind == change.kind { // a single statement is sent again on other connections, by database/sql or the driver
				for range 4 {
					app.Postgres.CutAt(1, lab.After, w.last)
				}
			}
			answer := app.Begin(w.request(token)).Wait(2 * patience)
			statement, _ := cut.At()
			requireFreshSoon(t, app, lab.OnSale, fmt.Sprintf("PostgreSQL did the last statement of %s (%.20s…), and the connection broke before the API could read that. The client got %d",
				w.name, strings.TrimSpace(statement.SQL), answer.Status), whyLost)
		})
	}
}

func TestLeaversWriteIsSeen(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	for _, w := range []write{change, sale} {
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			app := start(t, lab.Instances(2))
			token := app.LogIn(w.by)
			requireCached(t, app, whyCached, views(lab.OnSale)...)
			gate := app.Postgres.HoldReply(w.last)
			writer := app.Begin(w.request(token))
			lab.Within(patience, func() bool { return gate.Hits() > 0 || writer.Answered() })
			writer.Leave()
			lab.Within(patience, func() bool { return inFlight(app) == 0 || app.Postgres.Stats().Cancels > 0 })
			gate.Open()
			requireFreshSoon(t, app, lab.OnSale, fmt.Sprintf("PostgreSQL did the last statement of %s, and its client left before the API could read that", w.name), whyLost)
		})
	}
}

// The cache is made stale on purpose, past the API.
func TestOrdersAskTheDatabase(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t)
	token := app.LogIn(lab.Buyer)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	_, err := app.DB().Exec(`UPDATE events SET price_cents = 7700, remaining = 1 WHERE id = $1`, lab.OnSale.ID)
	require.NoError(t, err)
	const why = "What is shown may be old for a moment. What is sold, and for how much, may not: that is a contract."
	app.Do(lab.OrderOf(lab.OnSale, 2).As(token)).Expect(http.StatusConflict, why)
	requireCached(t, app, whyCached, eventPath(lab.OnSale))
	var order contract.Order
	answer := app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "One ticket is left.").JSON(&order)
	lab.Require(t, order.TotalCents == 7700, lab.Finding{
		Measured: fmt.Sprintf("the cache says that a ticket costs %d cents, PostgreSQL says 7700. An order of one ticket was answered %s", lab.OnSale.PriceCents, answer.Body),
		Expected: `"total_cents":7700`,
		Why:      why,
	})
	requireCached(t, app, whyCached, views(lab.SoldOut)...)
	_, err = app.DB().Exec(`UPDATE events SET remaining = 1 WHERE id = $1`, lab.SoldOut.ID)
	require.NoError(t, err)
	app.Do(lab.OrderOf(lab.SoldOut, 1).As(token)).
		Expect(http.StatusCreated, "The cache says that nothing is left, and PostgreSQL has a ticket that was given back. Who trusts the cache sends buyers away from what is there.")
}

// The load behind a write fails. The old event is still in Redis.
func TestFailedLoadShowsNothingOld(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t, lab.Instances(2))
	token := app.LogIn(lab.Organiser)
	requireCached(t, app, whyCached, views(lab.OnSale)...)
	app.Do(change.request(token)).Expect(http.StatusOK, "Organisers change titles and prices.")
	_, err := app.DB().Exec(`ALTER TABLE venues RENAME TO halls`)
	require.NoError(t, err)
	for _, path := range views(lab.OnSale) {
		for i, instance := range app.Instances {
			answer := app.Do(lab.GET("%s", path).On(i))
			lab.Require(t, answer.Status >= http.StatusInternalServerError || strings.Contains(string(answer.Body), "Two Nights in July"), lab.Finding{
				Measured: fmt.Sprintf("an organiser changed an event and was answered 200. Then a table was missing, so that no event could be loaded. GET %s at instance %s was answered %d, with the event as it was before the change: %s",
					path, instance.Name, answer.Status, short(answer.Body)),
				Expected: "a 5xx, or the event as it was changed",
				Why:      "The write has made that answer old on purpose. Who gets it with a 200 believes it, and no alert rings.",
				Try:      answer.Curl(),
			})
		}
	}
}
