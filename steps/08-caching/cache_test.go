package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// patience is how long these tests wait for what has to happen soon.
const patience = 5 * time.Second

// moment is how long a test looks whether something happens that must not.
const moment = 300 * time.Millisecond

// start starts the API with limits that are never reached, so that a busy machine
// decides nothing. A test says itself what else it needs.
func start(t *testing.T, options ...lab.Option) *lab.App {
	t.Helper()
	calm := []lab.Option{lab.Env("CACHE_TTL=1h"), lab.Env("CACHE_TIMEOUT=10s"), lab.Env("REQUEST_TIMEOUT=30s"), lab.Env("SLOW_QUERY=1m")}
	return lab.Start(t, append(calm, options...)...)
}

// again tries something that may take a few times: whoever stores an answer in the
// background is a moment later.
func again(try func() bool) (done bool) {
	tries, began := 0, time.Now()
	lab.Within(patience, func() bool {
		tries++
		done = try()
		return done || tries >= 20 && time.Since(began) > moment
	})
	return done
}

// readUntilFree reads the path until that costs no query, and returns what the last
// time cost.
func readUntilFree(app *lab.App, instance int, path string) (queries int) {
	again(func() bool { queries, _ = read(app, instance, path); return queries == 0 })
	return queries
}

// eventPath is where an event stands, listPath a first page that it is on, and searchPath a
// search that finds it, whatever its title says behind the colon.
func eventPath(e lab.Event) string { return fmt.Sprintf("/events/%d", e.ID) }

func listPath(e lab.Event) string {
	return "/events?limit=100&city=" + url.QueryEscape(e.Venue.City)
}

func searchPath(e lab.Event) string {
	name, _, _ := strings.Cut(e.Title, ":")
	return "/events?q=" + url.QueryEscape(name)
}

// nowhere is a first page with nothing on it.
const nowhere = "/events?city=Nowhere"

// read reads the path at an instance, and returns how many queries that cost.
func read(app *lab.App, instance int, path string) (queries int, answer *lab.Response) {
	before := app.Postgres.Stats()
	answer = app.Do(lab.GET("%s", path).On(instance)).Expect(http.StatusOK, "Anybody may see what is on.")
	return app.Postgres.Stats().Since(before).Queries, answer
}

// requireCached reads the paths at all instances, until none of them costs a query
// any more; so says what that is needed for.
func requireCached(t *testing.T, app *lab.App, why string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for i, instance := range app.Instances {
			queries, reads := 0, 0
			again(func() bool {
				queries, _ = read(app, i, path)
				reads++
				return queries == 0 && reads > 1
			})
			lab.Require(t, queries == 0, lab.Finding{
				Measured: fmt.Sprintf("GET %s was read at instance %s %d times, and the last time still cost %d query", path, instance.Name, reads, queries),
				Expected: "no query from the second time on",
				Why:      why,
				Try:      tryTwice,
			})
		}
	}
}

// tryTwice shows the queries of two reads.
const tryTwice = `go tool workshop run 08     (in another terminal; it counts the queries)
curl -s -o /dev/null localhost:8080/events/42; curl -s -o /dev/null localhost:8080/events/42`

// whyCached is for tests of what a cache must not do.
const whyCached = "A cache that isn't asked does nothing wrong, and nothing right. This test begins with one that answers."

func TestSecondReadCostsNoQuery(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t)
	city := url.QueryEscape(lab.OnSale.Venue.City)
	var newest int64
	require.NoError(t, app.DB().QueryRow(`SELECT max(id) FROM events`).Scan(&newest))
	for _, path := range []string{
		eventPath(lab.OnSale), eventPath(lab.Past), fmt.Sprintf("/events/%d", newest), "/events", "/events?limit=50", "/events?city=" + city, listPath(lab.OnSale),
		"/events?sort=price_cents",
	} {
		first, _ := read(app, 0, path)
		second := readUntilFree(app, 0, path)
		lab.Require(t, second == 0, lab.Finding{
			Measured: fmt.Sprintf("GET %s cost %d query the first time, and %d each time after", path, first, second),
			Expected: "no query from the second time on: the answer is in Redis",
			Why:      "On sale day everybody looks at the same twenty pages. A database that gives the same answer ten thousand times has no time for those who buy.",
			Try:      tryTwice,
		})
	}
}

func TestOtherInstancesFindTheAnswer(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t, lab.Instances(2))
	for _, path := range []string{eventPath(lab.OnSale), "/events?limit=50"} {
		queries := readUntilFree(app, 0, path)
		before := app.Redis.Stats()
		if queries == 0 {
			queries, _ = read(app, 1, path)
		}
		lab.Require(t, queries == 0, lab.Finding{
			Measured: fmt.Sprintf("GET %s was read at instance A, and then for the first time at B, which sent %d commands to Redis and %d query to PostgreSQL",
				path, app.Redis.Stats().Since(before).Commands, queries),
			Expected: "no query: what A has loaded is there for B",
			Why:      "With a cache in each process, ten instances ask the database ten times, and every deploy begins with none.",
			Try:      tryTwice,
		})
	}
	require.NoError(t, app.Instances[0].Restart())
	queries, _ := read(app, 0, eventPath(lab.OnSale))
	lab.Require(t, queries == 0, lab.Finding{
		Measured: fmt.Sprintf("instance A was restarted, and its first GET %s cost %d query", eventPath(lab.OnSale), queries),
		Expected: "none: the answer outlives the process",
		Why:      "A deploy at noon that begins with empty caches sends all of noon to the database.",
	})
}

// decoded is the answer's JSON, for comparing.
func decoded(t *testing.T, answer *lab.Response) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(answer.Body, &value), "the answer is JSON")
	return value
}

func TestCachedAnswerIsWhole(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t)
	for path, popular := range map[string]bool{eventPath(lab.OnSale): true, "/events?limit=50": true, "/events?limit=7": false, nowhere: false} {
		_, loaded := read(app, 0, path)
		if popular {
			requireCached(t, app, whyCached, path)
		}
		_, remembered := read(app, 0, path)
		lab.Require(t, reflect.DeepEqual(decoded(t, loaded), decoded(t, remembered)), lab.Finding{
			Measured: fmt.Sprintf("GET %s answered this from the database:\n%s\nand this from the cache:\n%s", path, short(loaded.Body), short(remembered.Body)),
			Expected: "the same, to the last field",
			Why:      "What gets lost on the way through the cache is there for the first visitor, and for nobody else. Such a bug is hard to see in development, where everybody is the first.",
			Try:      remembered.Curl(),
		})
	}
}

func short(body []byte) string {
	const most = 400
	if len(body) > most {
		return fmt.Sprintf("%s… (%d bytes)", body[:most], len(body))
	}
	return string(body)
}

// questions are paths whose answers differ. Some of them are easily taken for another.
func questions(t *testing.T, app *lab.App) []string {
	t.Helper()
	city := lab.OnSale.Venue.City
	var page contract.Page
	app.Do(lab.GET("/events?limit=5")).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	require.NotEmpty(t, page.Next, "there is a second page")
	cursor := url.QueryEscape(page.Next)
	app.Do(lab.GET("/events?limit=5&cursor=%s", cursor)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	return []string{
		"/events", "/events?limit=5", "/events?limit=6", "/events?sort=price_cents", "/events?limit=5&sort=price_cents",
		"/events?city=" + city, "/events?city=" + strings.ToLower(city), "/events?q=" + city, "/events?city=Paris", "/events?city=" + city + "&limit=5",
		listPath(lab.OnSale), searchPath(lab.OnSale), searchPath(lab.FewLeft), searchPath(lab.OnSale) + "&city=Paris",
		"/events?limit=5&cursor=" + cursor, "/events?limit=5&cursor=" + url.QueryEscape(page.Next), "/events?limit=6&cursor=" + cursor,
		eventPath(lab.OnSale), eventPath(lab.FewLeft), "/events/1", "/events/11",
	}
}

// Two APIs with the same data are asked the same questions. One remembers nothing for longer
// than a moment, the other is asked in both orders: an answer under the wrong key then differs.
func TestEachQuestionHasItsOwnAnswer(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app, forgetful := start(t), start(t, lab.Env("CACHE_TTL=1ms"))
	paths := questions(t, forgetful)
	answers := make([]any, len(paths))
	for i, path := range paths {
		time.Sleep(5 * time.Millisecond) // what was remembered before has ended
		_, answer := read(forgetful, 0, path)
		answers[i] = decoded(t, answer)
	}
	forth := make([]int, len(paths))
	for i := range forth {
		forth[i] = i
	}
	back := slices.Clone(forth)
	slices.Reverse(back)
	for _, order := range [][]int{back, forth} {
		app.RedisDo("FLUSHDB")
		require.NoError(t, app.Instances[0].Restart())
		for _, i := range order {
			for range 2 {
				_, answer := read(app, 0, paths[i])
				got := decoded(t, answer)
				lab.Require(t, reflect.DeepEqual(got, answers[i]), lab.Finding{
					Measured: fmt.Sprintf("two APIs with the same data were asked the same %d questions, one of them with CACHE_TTL=1ms. To GET %s, the other said%s:\n%s\nand this one:\n%s",
						len(paths), paths[i], whose(got, i, paths, answers), short(mustMarshal(t, got)), short(mustMarshal(t, answers[i]))),
					Expected: "the same: it doesn't matter what was asked before",
					Why:      "An answer that is remembered under too short a key is given to people who asked for something else.",
				})
			}
		}
	}
	requireCached(t, app, whyCached, eventPath(lab.OnSale), "/events", "/events?city="+lab.OnSale.Venue.City, "/events?sort=price_cents")
}

// What stands in one field of a question must not read like the end of it, and the
// beginning of the next.
func TestNoWordEndsItsField(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t)
	city := lab.OnSale.Venue.City
	separators := []string{"", " ", ":", "::", ",", ";", "|", "/", "-", "_", ".", "&", "#", "\n", "&q=", "&title=", " Title:", ":q:", ":q="}
	title := ""
	for _, separator := range separators {
		title += city + separator + city + "~"
	}
	_, err := app.DB().Exec(`UPDATE events SET title = $1 WHERE id = $2`, title, lab.OnSale.ID)
	require.NoError(t, err)
	for _, separator := range separators {
		both := city + separator + city
		elsewhere := fmt.Sprintf("/events?city=%s&q=%s", url.QueryEscape(both), url.QueryEscape(city))
		here := fmt.Sprintf("/events?city=%s&q=%s", url.QueryEscape(city), url.QueryEscape(both))
		read(app, 0, elsewhere)
		_, there := look(app, 0, here, lab.OnSale)
		lab.Require(t, there, lab.Finding{
			Measured: fmt.Sprintf("event %d is in %s, and %q is in its title. Somebody asked for GET %s, where nothing is. After that, GET %s doesn't show the event", lab.OnSale.ID, city, both, elsewhere, here),
			Expected: "the event: it is another question",
			Why:      "Visitors write what they like into a search. When a key is made of words with something between them, they can write that, too, and choose whose list theirs replaces.",
		})
	}
	requireCached(t, app, whyCached, "/events?city="+url.QueryEscape(city))
}

// whose says which other path than the i-th has the answer.
func whose(got any, i int, paths []string, answers []any) string {
	for j, answer := range answers {
		if j != i && reflect.DeepEqual(got, answer) {
			return ", which is the answer to GET " + paths[j]
		}
	}
	return ""
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// A guard: it holds without a cache, too.
func TestAnswersOfOnePersonStayTheirs(t *testing.T) {
	t.Parallel()
	app := start(t, lab.Instances(2))
	people := []lab.User{lab.Buyer, lab.OtherBuyer, lab.Organiser}
	tokens := make([]string, len(people))
	for i, person := range people {
		tokens[i] = app.LogIn(person)
	}
	for range 2 {
		for i, person := range people {
			for instance := range app.Instances {
				var who contract.User
				answer := app.Do(lab.GET("/me").As(tokens[i]).On(instance)).Expect(http.StatusOK, "A client shows who is logged in.").JSON(&who)
				lab.Require(t, who.Email == person.Email, lab.Finding{
					Measured: fmt.Sprintf("GET /me with the token of %s answered %s", person.Email, answer.Body),
					Expected: person.Email,
					Why:      "What is one person's must never be given to another. It happens when an answer is remembered by its path alone.",
				})
			}
		}
	}
	var order contract.Order
	for range 2 { // the second time, a list was read before
		app.Do(lab.OrderOf(lab.OnSale, 1).As(tokens[0])).Expect(http.StatusCreated, "Selling tickets is what this API is for.").JSON(&order)
		for instance := range app.Instances {
			var mine, theirs struct{ Orders []contract.Order }
			app.Do(lab.GET("/me/orders").As(tokens[0]).On(instance)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&mine)
			app.Do(lab.GET("/me/orders").As(tokens[1]).On(instance)).Expect(http.StatusOK, "Buyers look up what they bought.").JSON(&theirs)
			lab.Require(t, len(mine.Orders) > 0 && mine.Orders[0].ID == order.ID && (len(theirs.Orders) == 0 || theirs.Orders[0].ID != order.ID), lab.Finding{
				Measured: fmt.Sprintf("one buyer has just made order %d; at instance %s, GET /me/orders shows %s %v, and %s %v", order.ID, app.Instances[instance].Name,
					lab.Buyer.Email, newest(mine.Orders), lab.OtherBuyer.Email, newest(theirs.Orders)),
				Expected: "the new order first for who made it, and never for the other",
				Why:      "What people bought is nobody else's business, by law too. And whoever doesn't see their order makes it again.",
			})
			app.Do(lab.GET("/orders/%d", order.ID).As(tokens[0]).On(instance)).Expect(http.StatusOK, "Buyers look up what they bought.")
			app.Do(lab.GET("/orders/%d", order.ID).As(tokens[1]).On(instance)).
				Expect(http.StatusNotFound, "Whoever counts through the ids must not even learn which ones exist.")
		}
	}
}

func newest(orders []contract.Order) string {
	if len(orders) == 0 {
		return "no orders"
	}
	return fmt.Sprintf("order %d", orders[0].ID)
}

// ends returns how long each key in Redis lives on, by name; -1 is for ever.
func ends(app *lab.App) map[string]time.Duration {
	left := map[string]time.Duration{}
	keys, _ := app.RedisDo("KEYS", "*").([]any)
	for _, key := range keys {
		name := fmt.Sprint(key)
		var ms int64
		_, _ = fmt.Sscan(fmt.Sprint(app.RedisDo("PTTL", name)), &ms)
		switch {
		case ms >= 0:
			left[name] = time.Duration(ms) * time.Millisecond
		case ms == -1: // -2 is gone since
			left[name] = -1
		}
	}
	return left
}

// requireEnds demands that each key in Redis has an end.
func requireEnds(t *testing.T, app *lab.App, when string) map[string]time.Duration {
	t.Helper()
	left := ends(app)
	for key, ttl := range left {
		lab.Require(t, ttl >= 0, lab.Finding{
			Measured: fmt.Sprintf("%s, Redis has %d keys, and %q has no end", when, len(left), key),
			Expected: "an end for each key",
			Why:      "Redis fills up, and then refuses all writes or throws away what it likes. And a TTL is the last net for an old answer that everything else has missed.",
			Try:      "redis-cli --scan | xargs -n1 redis-cli PTTL",
		})
	}
	return left
}

func TestEveryKeyExpires(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	paths := []string{eventPath(lab.OnSale), eventPath(lab.FewLeft), "/events", listPath(lab.OnSale)}
	requireCached(t, app, whyCached, paths...)
	longest := time.Duration(0)
	left := requireEnds(t, app, fmt.Sprintf("after %d paths were read", len(paths)))
	for _, ttl := range left {
		longest = max(longest, ttl)
	}
	lab.Require(t, longest > 30*time.Minute && longest <= 90*time.Minute, lab.Finding{
		Measured: fmt.Sprintf("after %d paths were read, with CACHE_TTL=1h, Redis has %d keys, and the longest is kept for another %v", len(paths), len(left), longest.Round(time.Second)),
		Expected: "about an hour",
		Why:      "How old an answer may get when all else fails is for the operator to say.",
		Try:      "redis-cli --scan | xargs -n1 redis-cli PTTL",
	})
	name, _, _ := strings.Cut(lab.SoldOut.Title, ":")
	stored := app.Redis.HoldReply(func(c lab.RedisCommand) bool {
		return slices.ContainsFunc(c.Args, func(arg string) bool { return strings.Contains(arg, name) })
	})
	defer stored.Open()
	reader := app.Begin(lab.GET("%s", eventPath(lab.SoldOut)))
	lab.Within(patience, func() bool { return stored.Hits() > 0 })
	lab.Within(moment, func() bool { // what was sent along with it may be a moment later
		for _, ttl := range ends(app) {
			if ttl < 0 {
				return false
			}
		}
		return true
	})
	requireEnds(t, app, "when an answer had been stored, and the API didn't know yet that it was")
	stored.Open()
	reader.Wait(2*patience).Expect(http.StatusOK, "Anybody may see what is on.")
}

// What is on a page may begin while the page is remembered.
func TestRememberedPageHasANext(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	const path, soon = "/events?limit=50", 2 * time.Second
	_, err := app.DB().Exec(`UPDATE events SET starts_at = now() + make_interval(secs => $1) WHERE id = $2`, soon.Seconds(), lab.OnSale.ID)
	require.NoError(t, err)
	begins := time.Now().Add(soon)
	requireCached(t, app, whyCached, path)
	lab.Within(2*soon, func() bool { return time.Now().After(begins) })
	var page contract.Page
	answer := app.Do(lab.GET("%s", path)).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	lab.Require(t, page.Next != "", lab.Finding{
		Measured: fmt.Sprintf("GET %s was read and remembered. Then one of its events began. Now the answer has %d events, and no next", path, len(page.Events)),
		Expected: "a next: thousands of events follow",
		Why:      "Whoever sees no next has seen all. For as long as that page is remembered, nobody gets past it.",
		Try:      answer.Curl(),
	})
}

func TestExpiryIsSpread(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	const events = 50
	began := time.Now()
	for i := range events {
		requireCached(t, app, whyCached, fmt.Sprintf("/events/%d", 100+i))
	}
	took := time.Since(began)
	shortest, longest := 24*time.Hour, time.Duration(0)
	left := ends(app)
	for _, ttl := range left {
		if ttl > 20*time.Minute { // what isn't remembered for CACHE_TTL is something else
			shortest, longest = min(shortest, ttl), max(longest, ttl)
		}
	}
	lab.Require(t, longest-shortest > took+30*time.Second, lab.Finding{
		Measured: fmt.Sprintf("%d events were read within %v, with CACHE_TTL=1h. Of %d keys in Redis, the first ends in %v and the last in %v",
			events, took.Round(time.Millisecond), len(left), shortest.Round(time.Second), longest.Round(time.Second)),
		Expected: "ends that chance has spread over some minutes",
		Why:      "What was remembered in the same second is forgotten in the same second, and the database gets all the questions of an hour at once.",
		Try:      "redis-cli --scan | xargs -n1 redis-cli PTTL",
	})
}

func TestAnswerExpires(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t, lab.Env("CACHE_TTL=1s"))
	paths := []string{eventPath(lab.OnSale), listPath(lab.OnSale)}
	requireCached(t, app, whyCached, paths...)
	_, err := app.DB().Exec(`UPDATE events SET price_cents = price_cents + 1 WHERE id = $1`, lab.OnSale.ID)
	require.NoError(t, err)
	for _, path := range paths {
		lab.Eventually(t, 2*patience, func() bool {
			_, answer := read(app, 0, path)
			return strings.Contains(string(answer.Body), fmt.Sprintf(`"price_cents":%d`, lab.OnSale.PriceCents+1))
		}, lab.Finding{
			Measured: fmt.Sprintf("somebody changed a price in psql, past the API. With CACHE_TTL=1s, %v later GET %s still shows the old one", 2*patience, path),
			Expected: "the new price, when CACHE_TTL is over",
			Why:      "Someone always writes past the API: a migration, a colleague, a script. The TTL says how long that is hidden.",
		})
	}
}

// words are those that names of acts in the seed begin with.
var words = []string{"Velvet", "Paper", "Northern", "Silver", "Crooked", "Midnight", "Electric", "Quiet", "Golden", "Broken"}

// madeUp are questions that somebody has thought of who wants many different answers, by
// what is different about them.
func madeUp(t *testing.T, app *lab.App) map[string][]string {
	t.Helper()
	questions := map[string][]string{}
	add := func(kind, path string, args ...any) {
		questions[kind] = append(questions[kind], fmt.Sprintf(path, args...))
	}
	for limit := 1; limit <= 100; limit++ {
		add("limits", "/events?limit=%d", limit)
		add("limits", "/events?limit=%d&sort=price_cents", limit)
	}
	for _, word := range words {
		for limit := 81; limit <= 100; limit++ {
			add("searches", "/events?q=%s&limit=%d", word, limit)
		}
	}
	var page contract.Page
	for next := ""; len(questions["cursors"]) < 200; next = url.QueryEscape(page.Next) {
		app.Do(lab.GET("/events?limit=100&cursor=%s", next)).Expect(http.StatusOK, "A page follows another.").JSON(&page)
		require.NotEmpty(t, page.Next, "there is a next page")
		for limit := 61; limit <= 100; limit++ {
			add("cursors", "/events?cursor=%s&limit=%d", url.QueryEscape(page.Next), limit)
		}
	}
	return questions
}

// Nobody has to log in for this.
func TestMadeUpQuestionsDontFillRedis(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t) // CACHE_TTL=1h
	requireCached(t, app, whyCached, "/events", eventPath(lab.OnSale), listPath(lab.OnSale))
	const most = 1 << 20 // bytes
	for kind, paths := range madeUp(t, app) {
		before := app.Redis.Stats()
		for some := range slices.Chunk(paths, 20) {
			for i, answer := range app.Burst(len(some), func(i int) *lab.Request { return lab.GET("%s", some[i]) }) {
				require.Equal(t, http.StatusOK, answer.Status, some[i])
			}
		}
		settle(app, 0)
		sent := 0
		for _, command := range app.Redis.CommandsSince(before) {
			sent += command.Bytes
		}
		lab.Require(t, sent <= most, lab.Finding{
			Measured: fmt.Sprintf("somebody who isn't logged in asked for %d pages with different %s, each page once. That sent %.1f MB to Redis, to be kept for CACHE_TTL", len(paths), kind, float64(sent)/1e6),
			Expected: fmt.Sprintf("at most %.0f MB: pages that many ask for, of which there are few", float64(most)/1e6),
			Why:      "A script does this a thousand times a second, and Redis is full. Then it takes no log-in and no session any more, or it throws away what everybody reads.",
			Try: `go tool workshop run 08     (in another terminal)
curl -s -o /dev/null 'localhost:8080/events?limit=[1-100]&sort={starts_at,price_cents}'
redis-cli INFO memory | grep used_memory_human`,
		})
	}
	kept := ends(app)
	const cities = 150
	for i, answer := range app.Burst(cities, func(i int) *lab.Request { return lab.GET("/events?city=Nowhere-%d", i) }) {
		require.Equal(t, http.StatusOK, answer.Status, "/events?city=Nowhere-%d", i)
	}
	settle(app, 0)
	long := 0
	for key, left := range ends(app) {
		if _, before := kept[key]; !before && left > time.Minute {
			long++
		}
	}
	lab.Require(t, long <= cities/2, lab.Finding{
		Measured: fmt.Sprintf("somebody asked for the events in %d cities that don't exist. With CACHE_TTL=1h, Redis has %d more keys, each for more than a minute", cities, long),
		Expected: "none, or none for longer than some seconds",
		Why:      "There are some dozen cities. Of words that are none, anybody can think of a million.",
	})
	requireCached(t, app, fmt.Sprintf("Before this, somebody asked for the events in %d cities that don't exist. Room for so many lists that goes to those who come first is gone after the first script, and no list of a real city is remembered until a restart.", cities),
		"/events?limit=50&sort=price_cents&city="+url.QueryEscape(lab.OnSale.Venue.City))
}

// The target of the lesson. What a write costs is in the budget, if it forgets only
// what it has changed.
func TestReadHeavyMixCostsFewQueries(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	const requests, writes = 600, 2
	app := start(t, lab.Instances(2))
	organiser := app.LogIn(lab.Organiser)
	var paths []string
	for i := range 20 {
		paths = append(paths, fmt.Sprintf("/events/%d", 42+i))
	}
	paths = append(paths, "/events", "/events?sort=price_cents", "/events?city="+lab.OnSale.Venue.City, "/events?limit=50", listPath(lab.OnSale))
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	before := app.Postgres.Stats()
	for i := range requests {
		path := paths[random.IntN(len(paths))]
		switch since := i % (requests / (writes + 1)); { // the last write, or the start
		case since == 0 && i > 0:
			app.Do(lab.PATCH(eventPath(lab.OnSale), lab.Body{"price_cents": 1000 + i}).As(organiser)).Expect(http.StatusOK, "Prices change.")
			continue
		case since > 0 && since <= len(paths):
			path = paths[since-1]
		case since == len(paths)+1:
			settle(app, 0) // all has been read: whoever stores in the background has done so
		}
		read(app, random.IntN(len(app.Instances)), path)
	}
	queries := app.Postgres.Stats().Since(before).Queries
	lab.Require(t, queries <= requests/10, lab.Finding{
		Measured: fmt.Sprintf("%d requests (%d of them writes, the others reads of 20 events and 5 lists, at two instances, seed %d) cost %d queries", requests, writes, seed, queries),
		Expected: fmt.Sprintf("at most %d, a tenth: each answer once, and after each write those that it has changed", requests/10),
		Why:      "This is what the cache is for: ten times as many visitors on the same database.",
	})
}
