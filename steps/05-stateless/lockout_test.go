package main_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// tries is how many log-ins of an account may fail.
const tries = 5

const counted = "Passwords are guessed by programs, and against all instances at once. A limit that each instance counts for itself grows with every instance that you add; " +
	"and a lock that opens to the right password lets in the guess that hits."

// fail sends n log-ins with a wrong password, one after another and by turns at the
// instances, and returns their statuses.
func fail(app *lab.App, email string, n int, instances ...int) []int {
	statuses := make([]int, n)
	for i := range statuses {
		at := instances[i%len(instances)]
		statuses[i] = app.Do(credentials(email, fmt.Sprintf("wrong guess %d", i)).On(at)).Status
	}
	return statuses
}

// expected says what the statuses mean that a right password may have.
var expected = map[int]string{
	http.StatusCreated:         "201 and a token",
	http.StatusTooManyRequests: "429: the account is locked, at every instance, for the right password too",
}

// requireLogIn demands the status from a log-in with the right password.
func requireLogIn(t *testing.T, app *lab.App, user lab.User, instance, status int, when, why string) {
	t.Helper()
	answer := app.Do(credentials(user.Email, user.Password).On(instance))
	lab.Require(t, answer.Status == status, lab.Finding{
		Measured: fmt.Sprintf("%s: the right password at instance %s answered %d", when, name(instance), answer.Status),
		Expected: expected[status],
		Why:      why,
	})
}

// requireWrong demands that failed log-ins were answered as such. The last of them is
// the one that locks: it may say so already.
func requireWrong(t *testing.T, statuses []int) {
	t.Helper()
	for i, status := range statuses {
		lab.Require(t, status == http.StatusUnauthorized || i == tries-1 && status == http.StatusTooManyRequests, lab.Finding{
			Measured: fmt.Sprintf("the statuses of failed log-ins, one after another: %v", statuses),
			Expected: fmt.Sprintf("401 for the first %d", tries),
			Why:      "People mistype. Whoever is locked out at the first mistake calls the hotline.",
		})
	}
}

func TestFailedLogInsLockTheAccount(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	requireWrong(t, fail(app, lab.Buyer.Email, tries, 0, 1))
	const when = "after five failed log-ins, three at instance A and two at B"
	for instance := range app.Instances {
		requireLogIn(t, app, lab.Buyer, instance, http.StatusTooManyRequests, when, counted)
	}
	for instance := range app.Instances {
		requireLogIn(t, app, lab.OtherBuyer, instance, http.StatusCreated, "another account is locked", "One stolen list of addresses must not lock out everybody.")
	}
}

func TestLockSurvivesARestart(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	fail(app, lab.Buyer.Email, 2*tries, 0, 1) // five at each instance
	restart(t, app, 0, 1)
	for instance := range app.Instances {
		requireLogIn(t, app, lab.Buyer, instance, http.StatusTooManyRequests, "five failed log-ins at each instance, then both were killed and started again",
			"Each deploy, and each crash that an attacker can cause, would hand out five new guesses.")
	}
}

func TestUnknownAddressesAreLockedToo(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	known, unknown := fail(app, lab.Buyer.Email, 2*tries, 0, 1), fail(app, "nobody@example.com", 2*tries, 0, 1)
	lab.Require(t, fmt.Sprint(known) == fmt.Sprint(unknown), lab.Finding{
		Measured: fmt.Sprintf("ten failed log-ins answered %v for an account that exists, and %v for an address that nobody has signed up with", known, unknown),
		Expected: "the same statuses",
		Why:      "Whoever sees a difference learns who is a customer here, and goes on with those addresses.",
	})
	lab.Require(t, unknown[len(unknown)-1] == http.StatusTooManyRequests, lab.Finding{
		Measured: fmt.Sprintf("ten failed log-ins with an address that nobody has signed up with answered %v", unknown),
		Expected: "401 at first, 429 from the sixth on",
		Why:      counted,
	})
}

func TestSuccessStartsAfresh(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	for round := range 3 {
		statuses := fail(app, lab.Buyer.Email, tries-1, 0)
		for _, status := range statuses {
			lab.Require(t, status == http.StatusUnauthorized, lab.Finding{
				Measured: fmt.Sprintf("four failed log-ins at instance A, then a success at B, and so on; the four of round %d answered %v", round+1, statuses),
				Expected: "401 ×4: a success starts the count afresh, wherever it happened",
				Why:      "Mistakes of a month add up otherwise, and one day somebody who did nothing wrong is locked out.",
			})
		}
		requireLogIn(t, app, lab.Buyer, 1, http.StatusCreated, fmt.Sprintf("after four failed log-ins, in round %d", round+1), "Four mistakes are a bad morning, and no attack.")
	}
	for i := range 2 * tries {
		requireLogIn(t, app, lab.Buyer, i%2, http.StatusCreated, fmt.Sprintf("log-in %d of ten, all with the right password", i+1), "Phone, laptop, tablet: logging in often is no crime.")
	}
}

func TestBurstGetsFiveTries(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	warmUp(app)
	// A real password takes longer to check than these. The wires make up for it.
	app.Postgres.Delay(50 * time.Millisecond)
	app.Redis.Delay(2 * time.Millisecond)
	answers := app.Burst(40, func(i int) *lab.Request {
		return credentials(lab.Buyer.Email, fmt.Sprintf("wrong guess %d", i)).On(i % 2)
	})
	counts := lab.CountStatuses(answers)
	guesses := counts[http.StatusUnauthorized]
	f := lab.Finding{
		Measured: fmt.Sprintf("40 wrong log-ins at the same moment, at two instances: %s", lab.Statuses(answers)),
		Expected: "401 at most five times, and 429 for all others",
		Why:      "A 401 says \"guess again\". Whoever sends all guesses at once gets each one checked before the first has been counted.",
	}
	lab.Require(t, guesses <= tries && guesses+counts[http.StatusTooManyRequests] == len(answers), f)
	requireLogIn(t, app, lab.Buyer, 0, http.StatusTooManyRequests, "after the burst", counted)
}

// warmUp has each instance open its first connections, so that a burst measures the
// counting and not the start.
func warmUp(app *lab.App) {
	for instance := range app.Instances {
		logInAt(app, lab.OtherBuyer, instance)
	}
}

// The lock ends by itself, and trying doesn't keep it alive: the test tries all the time.
func TestLockEnds(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2), lab.Env("LOGIN_LOCKOUT=2s"))
	warmUp(app)
	answers := app.Burst(4*tries, func(i int) *lab.Request {
		return credentials(lab.Buyer.Email, "wrong guess").On(i % 2)
	})
	locked := lab.CountStatuses(answers)[http.StatusTooManyRequests]
	lab.Require(t, locked >= 3*tries, lab.Finding{
		Measured: fmt.Sprintf("LOGIN_LOCKOUT=2s; 20 wrong log-ins at the same moment, at two instances: %s", lab.Statuses(answers)),
		Expected: "429 for all but five of them",
		Why:      counted,
	})
	instance := 0
	lab.Eventually(t, 15*time.Second, func() bool {
		instance = 1 - instance
		return app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password).On(instance)).Status == http.StatusCreated
	}, lab.Finding{
		Measured: "LOGIN_LOCKOUT=2s, and the right password is still answered with 429, although it was tried again and again",
		Expected: "201 two seconds after the failed log-ins, and no later because somebody tries",
		Why: "A lock without an end is opened by the hotline, one account after another. One that each attempt renews never ends " +
			"while a forgotten phone tries an old password.",
	})
}

// The connection to Redis breaks after the first, the second … command of a log-in, which
// Redis has done. Whatever that leaves behind must end, at the latest since the next attempt.
func TestCounterAlwaysEnds(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	warmUp(app)
	fail(app, lab.Buyer.Email, tries, 0)
	requireLogIn(t, app, lab.Buyer, 1, http.StatusTooManyRequests, "five failed log-ins at instance A, before anything breaks", counted)
	before := keysIn(app)
	for k := 1; k <= 6; k++ {
		email := fmt.Sprintf("nobody-%d@example.com", k)
		command := cutAfter(app, k, credentials(email, "wrong guess"))
		if command == "" {
			return // it took fewer
		}
		lab.Eventually(t, 10*time.Second, func() bool { return app.Do(credentials(email, "wrong guess").On(1)).Status < 500 }, lab.Finding{
			Measured: "a connection to Redis broke off once, and log-ins are still answered with 5xx",
			Expected: "401",
			Why:      "A hiccup of Redis must not need a restart.",
		})
		for _, key := range newKeys(app, before) {
			lab.Require(t, !endless(app, key), lab.Finding{
				Measured: fmt.Sprintf("the connection to Redis broke off after %s had been done; one more log-in was tried; and the key %.20q has no end", command, key),
				Expected: "a counter that has an end, wherever it breaks off",
				Why:      "Processes are killed and connections break between any two commands. A counter that is left without an end locks the account for ever.",
			})
		}
	}
}

// cutAfter sends the request to instance A and breaks off what A has of Redis once that
// has done the k-th command, before A sees the answer. It returns the command's name; none
// when there were fewer.
func cutAfter(app *lab.App, k int, r *lab.Request) (name string) {
	var seen atomic.Int64
	gate := app.Redis.HoldReply(func(lab.RedisCommand) bool { return seen.Add(1) == int64(k) })
	defer gate.Open()
	before := app.Redis.Stats()
	pending := app.Begin(r.On(0))
	select {
	case <-gate.Reached():
		name = app.Redis.CommandsSince(before)[k-1].Name()
		app.Redis.CutAll()
	case <-pending.Done():
	}
	gate.Open()
	pending.Wait(15 * time.Second)
	return name
}

// Addresses that no account can have are answered like any other that is unknown.
func TestOddAddressesAreUnknown(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	for what, email := range map[string]string{
		"an empty address":             "",
		"an address with a zero byte":  "a\x00b@example.com",
		"an address of 10,000 letters": fmt.Sprintf("%010000d@example.com", 0),
		"a line break in an address":   "a\r\nDEL x@example.com",
	} {
		answer := app.Do(credentials(email, "whatever"))
		lab.Require(t, answer.Status == http.StatusUnauthorized || answer.Status == http.StatusBadRequest, lab.Finding{
			Measured: fmt.Sprintf("a log-in with %s answered %d", what, answer.Status),
			Expected: "401, or 400",
			Why:      "Anybody can send anything. What no account can have is the sender's fault, never yours.",
			Try:      answer.Curl(),
		})
	}
}
