package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

const leftBehind = "Somebody logs out because the computer isn't theirs. A token that works on at any instance is found by the next one who sits there."

// sessionsOf logs the user in twice and has both instances take both tokens: a token
// that works nowhere proves nothing by being refused.
func sessionsOf(t *testing.T, app *lab.App, user lab.User) (phone, laptop string) {
	t.Helper()
	phone, laptop = logInAt(app, user, 0), logInAt(app, user, 1)
	for instance := range app.Instances {
		requireMe(t, app, phone, instance, user, "logged in at instance A, and not yet out (task 1 comes first)", whyTaken(instance, 0))
		requireMe(t, app, laptop, instance, user, "logged in at instance B, and not yet out (task 1 comes first)", whyTaken(instance, 1))
	}
	return phone, laptop
}

// onlyFor returns what only somebody may ask for who is logged in; the order is the user's. Not in it is
// DELETE /sessions: that a session is over may be said again.
func onlyFor(order string) []*lab.Request {
	return []*lab.Request{
		lab.GET("/me"),
		lab.GET("/me/orders"),
		lab.GET("/orders/%s", order),
		lab.OrderOf(lab.OnSale, 1),
		lab.PATCH("/events/1", lab.Body{"title": "Mine"}),
	}
}

// orderAs has the session buy a ticket, and returns the order's id.
func orderAs(app *lab.App, token string) string {
	var order contract.Order
	app.Do(lab.OrderOf(lab.OnSale, 1).As(token)).Expect(http.StatusCreated, "Whoever is logged in may buy.").JSON(&order)
	return fmt.Sprint(order.ID)
}

// logOutAt ends the session at an instance.
func logOutAt(app *lab.App, token string, instance int) {
	app.Do(lab.DELETE("/sessions").As(token).On(instance)).Expect(http.StatusNoContent, "Logging out works.")
}

func TestLogOutHoldsEverywhere(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	order := orderAs(app, phone)
	logOutAt(app, phone, 0)
	for instance := range app.Instances {
		requireNobody(t, app, phone, instance, "logged out at instance A", leftBehind)
		requireMe(t, app, laptop, instance, lab.Buyer, "the same user has logged out elsewhere", "Logging out on the phone doesn't log out the laptop.")
		for _, request := range onlyFor(order) {
			answer := app.Do(request.As(phone).On(instance))
			lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
				Measured: fmt.Sprintf("logged out at instance A, and then %s at instance %s answered %d", request, name(instance), answer.Status),
				Expected: "401, as from each route that a token opens",
				Why:      leftBehind,
			})
		}
	}
}

func TestLogOutSurvivesARestart(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	restart(t, app, 0, 1)
	const when = "logged out at instance A, then both instances were killed and started again"
	for instance := range app.Instances {
		requireNobody(t, app, phone, instance, when, "Otherwise each deploy logs in again whoever has logged out.")
		requireMe(t, app, laptop, instance, lab.Buyer, "the other session of that user, after the restart", "Logging out on the phone doesn't log out the laptop.")
	}
}

func TestLogOutTwiceIsNoFault(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	for instance := range app.Instances {
		answer := app.Do(lab.DELETE("/sessions").As(phone).On(instance))
		lab.Require(t, answer.Status == http.StatusUnauthorized || answer.Status == http.StatusNoContent, lab.Finding{
			Measured: fmt.Sprintf("the second log-out with the same token, at instance %s, answered %d", name(instance), answer.Status),
			Expected: "401 or 204: the session is over, and that was the wish",
			Why:      "People press the button twice. A 5xx for that wakes somebody at night.",
			Try:      answer.Curl(),
		})
		requireNobody(t, app, phone, instance, "logged out twice", leftBehind)
	}
	requireMe(t, app, laptop, 0, lab.Buyer, "the user has logged out twice elsewhere", "Logging out on the phone doesn't log out the laptop.")
}

// A design that leaves nothing in Redis at a log-out has nothing to end there.
func TestLogOutHoldsUntilTheTokenEnds(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	const ttl = 48 * time.Hour
	app := start(t, lab.Env("TOKEN_TTL="+ttl.String()))
	phone, _ := sessionsOf(t, app, lab.Buyer)
	before := keysIn(app)
	logOutAt(app, phone, 0)
	requireNobody(t, app, phone, 1, "logged out at instance A", leftBehind)
	life := lifeOf(phone, ttl)
	for _, key := range newKeys(app, before) {
		left := timeLeft(app, key)
		lab.Require(t, left == never || left > life-time.Hour, lab.Finding{
			Measured: fmt.Sprintf("TOKEN_TTL=48h; the log-out left the key %.20q in Redis, which ends in %v", key, left.Round(time.Second)),
			Expected: "an end no earlier than the token's",
			Why:      "The key goes, and the token is still valid: whoever waited for that is logged in again.",
		})
		lab.Require(t, left-life < ttl && !endless(app, key), lab.Finding{
			Measured: fmt.Sprintf("TOKEN_TTL=48h; the log-out left the key %.20q in Redis, which ends %s", key, ends(left)),
			Expected: "an end, soon after the token's",
			Why:      "Past its end a token is refused anyway. Entries that stay fill the memory of Redis, one for each log-out, until it refuses to write.",
		})
	}
}

// lifeOf is how long the token says that it is still valid, or else ttl.
func lifeOf(token string, ttl time.Duration) time.Duration {
	var claims struct{ Exp int64 }
	if segments := strings.Split(token, "."); len(segments) == 3 && readSegment(segments[1], &claims) && claims.Exp > 0 {
		return time.Until(time.Unix(claims.Exp, 0))
	}
	return ttl
}

// keysIn are the keys in Redis.
func keysIn(app *lab.App) (keys []string) {
	all, _ := app.RedisDo("KEYS", "*").([]any)
	for _, key := range all {
		keys = append(keys, fmt.Sprint(key))
	}
	return keys
}

// newKeys are the keys that are in Redis now, and were not before.
func newKeys(app *lab.App, before []string) []string {
	return slices.DeleteFunc(keysIn(app), func(key string) bool { return slices.Contains(before, key) })
}

// never is what PTTL answers for a key that has no end.
const never = -time.Millisecond

// timeLeft is how long a key in Redis still lives.
func timeLeft(app *lab.App, key string) time.Duration {
	milliseconds, _ := app.RedisDo("PTTL", key).(int)
	return time.Duration(milliseconds) * time.Millisecond
}

// endless reports whether a key in Redis has no end. What is in a sorted set may have its
// end in its score.
func endless(app *lab.App, key string) bool {
	return timeLeft(app, key) == never && app.RedisDo("TYPE", key) != "zset"
}

func ends(left time.Duration) string {
	if left == never {
		return "never"
	}
	return fmt.Sprintf("in %v", left.Round(time.Second))
}

// alphabet is what base64url writes with.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// A session has one token, and a token may have several spellings: the last character
// of base64 holds up to four bits that mean nothing.
func TestLogOutHoldsForEachSpelling(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, _ := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	rest, last := phone[:len(phone)-1], phone[len(phone)-1:]
	for spare := 1; spare < 16; spare++ {
		changed := string(alphabet[max(strings.Index(alphabet, last), 0)^spare])
		answer := meAt(app, rest+changed, spare%2)
		lab.Require(t, answer.Status != http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("logged out, and then the last character of the same token changed from %s to %s: GET /me answered %d", last, changed, answer.Status),
			Expected: "401",
			Why: "The last character of a signature has bits that mean nothing, so the library may take several spellings of one token. " +
				"Whoever ends a spelling has not ended the session.",
		})
	}
}

// Redis goes away at the first, the second … command of a log-out, before it has done that. Whoever
// couldn't end a session must not say that it has ended.
func TestLogOutIsHonestWithoutRedis(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	sessionsOf(t, app, lab.Buyer)
	for k := 1; k <= 6; k++ {
		lab.Eventually(t, 10*time.Second, func() bool { return app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password)).Status < 500 }, lab.Finding{
			Measured: "Redis is back, and log-ins are still answered with 5xx",
			Expected: "201",
			Why:      "A hiccup of Redis must not need a restart.",
		})
		phone := logInAt(app, lab.Buyer, 0)
		answer, gone := logOutWithout(app, k, phone)
		if !gone {
			return // it took fewer
		}
		lab.Require(t, answer.Status == http.StatusNoContent || answer.Status == http.StatusServiceUnavailable, lab.Finding{
			Measured: fmt.Sprintf("Redis went away at command %d of DELETE /sessions, which answered %d", k, answer.Status),
			Expected: "503: it is worth trying again",
			Why:      "Whoever has tried to log out must know that they are still in.",
		})
		if answer.Status != http.StatusNoContent {
			continue
		}
		for instance := range app.Instances {
			var now *lab.Response
			lab.Within(10*time.Second, func() bool { now = meAt(app, phone, instance); return now.Status < 500 })
			lab.Require(t, now.Status == http.StatusUnauthorized, lab.Finding{
				Measured: fmt.Sprintf("Redis went away at command %d of DELETE /sessions, which answered 204; now that it is back, GET /me with the same token at instance %s answered %d",
					k, name(instance), now.Status),
				Expected: "503 in place of the 204, or 401 after it",
				Why:      leftBehind + " And the answer said that it was done.",
			})
		}
	}
}

// logOutWithout ends a session at instance A, and has Redis gone from the k-th command on. It
// reports whether there were as many.
func logOutWithout(app *lab.App, k int, token string) (answer *lab.Response, gone bool) {
	var seen atomic.Int64
	gate := app.Redis.Hold(func(c lab.RedisCommand) bool { return lab.RedisAny(c) && seen.Add(1) == int64(k) })
	defer gate.Open()
	pending := app.Begin(lab.DELETE("/sessions").As(token))
	select {
	case <-gate.Reached():
		up := app.Redis.Down()
		defer up()
		gone = true
	case <-pending.Done():
	}
	gate.Open()
	return pending.Wait(15 * time.Second), gone
}

// What the first log-out leaves in Redis comes to its end while the second one still has to hold.
func TestEachLogOutHasItsOwnEnd(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	before := keysIn(app)
	logOutAt(app, phone, 0)
	first := newKeys(app, before)
	for _, key := range first { // as if its time were nearly over; what stays has ends inside, or none
		if timeLeft(app, key) != never {
			app.RedisDo("PEXPIRE", key, "500")
		}
	}
	logOutAt(app, laptop, 1)
	lab.Within(5*time.Second, func() bool {
		return !slices.ContainsFunc(first, func(key string) bool { left := timeLeft(app, key); return left > 0 && left < time.Minute })
	})
	for instance := range app.Instances {
		requireNobody(t, app, laptop, instance, "two sessions have logged out, and what the first one left in Redis has come to its end",
			"The list of ended sessions is never empty on a busy day. If all of it ends with its first entry, everybody who logged out since is logged in again.")
	}
}

// A token is as good as a password for as long as it is valid.
func TestTokensAreStoredNowhere(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	for _, token := range []string{phone, laptop} {
		for _, command := range app.Redis.Commands() {
			requireTokenless(t, token, "Redis was sent "+command.Name(), command.Args)
		}
		for _, statement := range app.Postgres.Statements() {
			requireTokenless(t, token, "PostgreSQL was sent "+statement.SQL, append(statement.Args, statement.SQL))
		}
	}
}

// requireTokenless demands that none of the values holds the token.
func requireTokenless(t *testing.T, token, what string, values []string) {
	t.Helper()
	held := slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, token) })
	lab.Require(t, !held, lab.Finding{
		Measured: what + " with the token itself in it",
		Expected: "an id that the token holds, or a hash of it",
		Why:      "Whoever reads a copy of the store, its log or its backup is everybody who is logged in.",
	})
}

// Whoever can't find out whether a session was ended has to decide. A design that
// asks Redis for nothing here has nothing to decide.
func TestLogOutHoldsWithoutRedis(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := start(t)
	phone, _ := sessionsOf(t, app, lab.Buyer)
	order := orderAs(app, phone)
	logOutAt(app, phone, 0)
	for _, outage := range []struct {
		what  string
		begin func() (end func())
	}{{"Redis takes commands and answers none", app.Redis.Stall}, {"Redis is gone", app.Redis.Down}} {
		end := outage.begin()
		var requests []*lab.Request
		for instance := range app.Instances {
			for _, request := range onlyFor(order) {
				requests = append(requests, request.As(phone).On(instance))
			}
		}
		pending := app.BeginAll(len(requests), func(i int) *lab.Request { return requests[i] })
		for i, answer := range lab.WaitAll(pending, 15*time.Second) {
			lab.Require(t, answer.Status == http.StatusUnauthorized || answer.Status == http.StatusServiceUnavailable, lab.Finding{
				Measured: fmt.Sprintf("%s; %s with a token that was logged out answered %d", outage.what, requests[i], answer.Status),
				Expected: "503, or 401 where the answer is known without Redis",
				Why: "\"I could not find out\" is not \"no\". If it is, whoever can disturb Redis for a second makes every stolen token valid again, " +
					"and any other status hides from the operator what is broken.",
			})
		}
		end()
	}
}
