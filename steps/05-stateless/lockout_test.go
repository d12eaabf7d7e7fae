package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
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

// Each account has a count, and each has its own: whoever is counted together with others can be
// locked out by them, and freed by their log-ins.
func TestEachAccountIsCountedApart(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	const fan, password = "fan@rival.test", "a fan's own password"
	app.Do(lab.POST("/users", lab.Body{"email": fan, "password": password})).Expect(http.StatusCreated, "Anybody may sign up.")
	long := strings.Repeat("tickets.", 25) // 200 bytes
	for _, pair := range []struct{ what, locked, other string }{
		{"an organiser", lab.Organiser.Email, lab.Buyer.Email},
		{"somebody of another domain who has signed up", fan, "another@rival.test"},
		{"nobody's address, and another of nobody's", "nobody@firm.test", "nobody.else@firm.test"},
		{"two addresses of one name at two domains", "tickets@firm.test", "tickets@rival.test"},
		{"two long addresses with one beginning", long + "a@example.com", long + "b@example.com"},
		{"two long addresses with one ending", "a" + long + "x@example.com", "b" + long + "x@example.com"},
		// Names that are short can be the same for two, and it takes seconds to look for such a pair.
		{"two addresses with one CRC-32", "nobody.1ad2c74c@example.com", "nobody.22a688ae@example.com"},
		{"two addresses with one FNV-1a of 32 bits", "nobody.37ed5928@example.com", "nobody.39fc80ff@example.com"},
		{"two addresses whose SHA-256 begin with the same 32 bits", "nobody.3e667c8c@example.com", "nobody.32d35353@example.com"},
		{"two addresses whose MD5 begin with the same 32 bits", "nobody.16204d88@example.com", "nobody.3e203072@example.com"},
	} {
		statuses := fail(app, pair.locked, tries+1, 0, 1)
		requireWrong(t, statuses[:tries])
		lab.Require(t, statuses[tries] == http.StatusTooManyRequests, lab.Finding{
			Measured: fmt.Sprintf("%s: six failed log-ins to %.40s answered %v", pair.what, pair.locked, statuses),
			Expected: "401 ×5 and 429, for every account",
			Why:      counted,
		})
		other := fail(app, pair.other, 1, 1)[0]
		lab.Require(t, other == http.StatusUnauthorized, lab.Finding{
			Measured: fmt.Sprintf("%s: the one was locked, and the first failed log-in to the other answered %d", pair.what, other),
			Expected: "401: nobody has tried that one yet",
			Why: "Accounts that share a count lock each other out. And whoever can log in to the one has as many guesses at the other as they like: " +
				"each success starts the count afresh.",
		})
	}
}

// An address has many spellings. Whoever counts by another one than accounts are told apart
// by can be told apart from themselves.
func TestLockHoldsInEverySpelling(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	for i, email := range []string{"OTHER@EXAMPLE.COM", "Other@example.com", "other@Example.com", "oTHER@example.com", "other@example.COM"} {
		fail(app, email, 1, i%2)
	}
	for instance := range app.Instances {
		requireLogIn(t, app, lab.OtherBuyer, instance, http.StatusTooManyRequests, "five failed log-ins, each with another spelling of the address",
			"An address of sixteen letters has 65,536 spellings. If each one has a count of its own, an attacker has 327,680 guesses.")
	}

	// Two accounts that differ in case alone, if there can be such, share a count. Then a
	// success with the one frees the other.
	own := lab.User{Email: "BUYER@example.com", Password: "the attacker's own"}
	app.Do(lab.POST("/users", lab.Body{"email": own.Email, "password": own.Password}))
	guesses := 0
	for range 4 {
		for _, status := range fail(app, lab.Buyer.Email, tries-1, 0, 1) {
			if status == http.StatusUnauthorized {
				guesses++
			}
		}
		app.Do(credentials(own.Email, own.Password))
	}
	lab.Require(t, guesses <= tries, lab.Finding{
		Measured: fmt.Sprintf("four guesses at %s, a log-in as %s, and so on four times: %d guesses were answered 401", lab.Buyer.Email, own.Email, guesses),
		Expected: "401 at most five times",
		Why:      "A lock that somebody else's log-in opens is none. Accounts have to be counted by what they are told apart by.",
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
	answers := together(app, 40, func(i int) *lab.Request {
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

// together sends n requests at the same moment, and has their first commands reach Redis at
// the same moment, too: as many as come within a second, since an API may give up soon after.
func together(app *lab.App, n int, request func(i int) *lab.Request) []*lab.Response {
	gate := app.Redis.Hold(lab.RedisAny)
	defer gate.Open()
	answers := make(chan []*lab.Response, 1)
	go func() { answers <- app.Burst(n, request) }()
	select {
	case <-gate.Reached():
		lab.Within(time.Second, func() bool { return gate.Hits() >= n })
	case all := <-answers: // an API that counts elsewhere
		return all
	}
	gate.Open()
	return <-answers
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

// whyAsSaid says why a lock must last as long as it says.
const whyAsSaid = "A lock that ends early gives out more guesses than you have reckoned with. One that ends later at some instances than at others " +
	"answers every second click of somebody who has waited for as long as they were told."

// The lock is looked at from both instances: at B for the first time when most of it is over.
func TestLockLastsAsLongAsItSays(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const lockout = time.Second
	app := lab.Start(t, lab.Instances(2), lab.Env("LOGIN_LOCKOUT="+lockout.String()))
	warmUp(app)
	email, begin := lockAt(app, 0, lockout)
	since := func() time.Duration { return time.Since(begin) }
	lab.Within(lockout, func() bool { return since() >= lockout*7/10 })
	status := fail(app, email, 1, 1)[0]
	lab.Require(t, status == http.StatusTooManyRequests || since() >= lockout, lab.Finding{
		Measured: fmt.Sprintf("LOGIN_LOCKOUT=%v; %v after the first of ten failed log-ins at instance A, one at B answered %d", lockout, since().Round(time.Millisecond), status),
		Expected: "429: the lock holds at every instance, and lasts as long as it says",
		Why:      whyAsSaid,
	})
	open := func(instance int) func() bool {
		return func() bool { return fail(app, email, 1, instance)[0] == http.StatusUnauthorized }
	}
	lab.Eventually(t, 15*time.Second, open(0), lab.Finding{
		Measured: fmt.Sprintf("LOGIN_LOCKOUT=%v, and instance A still answers 429", lockout),
		Expected: "that the lock ends",
		Why:      whyAsSaid,
	})
	lab.Require(t, since() >= lockout*8/10, lab.Finding{
		Measured: fmt.Sprintf("LOGIN_LOCKOUT=%v; the lock was over at instance A %v after the first failed log-in", lockout, since().Round(time.Millisecond)),
		Expected: fmt.Sprintf("that it lasts %v, from the first failed log-in on at the earliest", lockout),
		Why:      whyAsSaid,
	})
	lab.Eventually(t, lockout/10, open(1), lab.Finding{
		Measured: fmt.Sprintf("LOGIN_LOCKOUT=%v; the lock is over at instance A, and B, which first saw it when most of it was over, still answers 429", lockout),
		Expected: "that it is over at every instance when it is over at one",
		Why:      whyAsSaid,
	})
}

// lockAt locks an account at an instance, in a fraction of the lockout if the machine lets it. It
// begins in the middle between two moments of the clock that are multiples of the lockout.
func lockAt(app *lab.App, instance int, lockout time.Duration) (email string, begin time.Time) {
	for i := range 5 {
		email = fmt.Sprintf("nobody-%d@example.com", i)
		lab.Within(2*lockout, func() bool {
			begin = time.Now()
			passed := time.Duration(begin.UnixNano()) % lockout
			return passed > lockout*3/10 && passed < lockout*5/10
		})
		app.Burst(2*tries, func(int) *lab.Request { return credentials(email, "wrong guess").On(instance) })
		if time.Since(begin) < lockout*3/10 {
			break
		}
	}
	return email, begin
}

// A success, and then mistakes with years between them. A guard: one instance is enough for it.
func TestOldMistakesAreForgotten(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env("LOGIN_LOCKOUT=1s"))
	logInAt(app, lab.Buyer, 0)
	statuses := fail(app, lab.Buyer.Email, tries-1, 0)
	outlast(t, app)
	statuses = append(statuses, fail(app, lab.Buyer.Email, tries-1, 0)...)
	for _, status := range statuses {
		lab.Require(t, status == http.StatusUnauthorized, lab.Finding{
			Measured: fmt.Sprintf("LOGIN_LOCKOUT=1s; after a log-in, four failed ones, and four more once that second was over: they answered %v", statuses),
			Expected: "401 ×8: what is older than LOGIN_LOCKOUT counts no more",
			Why:      "A counter without an end adds up the mistakes of years. One day somebody who did nothing wrong is locked out, and stays so.",
		})
	}
}

// outlast returns when a lockout is over that begins now: it locks an account that nobody has, and
// waits until that is open again.
func outlast(t *testing.T, app *lab.App) {
	t.Helper()
	const email = "nobody@example.com"
	lab.Eventually(t, 15*time.Second, func() bool {
		answers := app.Burst(2*tries, func(int) *lab.Request { return credentials(email, "wrong guess") })
		return lab.CountStatuses(answers)[http.StatusTooManyRequests] > 0
	}, lab.Finding{
		Measured: "ten failed log-ins at the same moment, again and again, and not one was answered 429",
		Expected: "401 at most five times",
		Why:      counted,
	})
	lab.Eventually(t, 15*time.Second, func() bool { return fail(app, email, 1, 0)[0] == http.StatusUnauthorized }, lab.Finding{
		Measured: "a failed log-in is still answered with 429",
		Expected: "401, once LOGIN_LOCKOUT is over",
		Why:      "A lock without an end is opened by the hotline, one account after another.",
	})
}

// Redis does what it is asked for, and the connection breaks before the answer is there, each time
// that the API tries. To try once more is fine. A guard.
func TestLostAnswersCountTwiceAtMost(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	warmUp(app)
	const email = "nobody@example.com"
	gate := app.Redis.HoldReply(lastOfEach())
	pending := app.Begin(credentials(email, "wrong guess"))
	cut := 0
	lab.Within(15*time.Second, func() bool {
		if gate.Hits() > cut {
			cut = gate.Hits()
			app.Redis.CutAll()
		}
		return pending.Answered()
	})
	gate.Open()
	pending.Wait(15 * time.Second)
	var statuses []int
	lab.Eventually(t, 10*time.Second, func() bool { statuses = fail(app, email, 1, 0); return statuses[0] < 500 }, lab.Finding{
		Measured: "a connection to Redis broke off, and log-ins are still answered with 5xx",
		Expected: "401",
		Why:      "A hiccup of Redis must not need a restart.",
	})
	statuses = append(statuses, fail(app, email, tries-3, 0)...)
	for _, status := range statuses {
		lab.Require(t, status == http.StatusUnauthorized, lab.Finding{
			Measured: fmt.Sprintf("of one failed log-in, the answers of Redis were lost, %d times; the next three failed log-ins answered %v", cut, statuses),
			Expected: fmt.Sprintf("401 ×%d: one log-in counts as two at most, of the five that an account has", tries-2),
			Why: "Who gets no answer doesn't know whether it was done. If each try is counted again, a network that falters for a second " +
				"locks out everybody who logs in just then, with the right password.",
		})
	}
}

// lastOfEach matches commands, and of a transaction only its end: once that is answered, all of it
// was done.
func lastOfEach() lab.RedisMatch {
	var mu sync.Mutex
	within := map[int]bool{} // a transaction, by connection
	return func(c lab.RedisCommand) bool {
		mu.Lock()
		defer mu.Unlock()
		switch c.Name() {
		case "MULTI":
			within[c.Connection] = true
		case "EXEC", "DISCARD":
			within[c.Connection] = false
		}
		return !within[c.Connection]
	}
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
		requireEnds(t, app, before, fmt.Sprintf("the connection to Redis broke off after %s had been done; one more log-in was tried", command))
	}
}

// The time of an old counter is over just before the first, the second … command of a log-in. A guard.
func TestCounterMayRunOutMeanwhile(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	warmUp(app)
	before := keysIn(app)
	for k := 1; k <= 6; k++ {
		email := fmt.Sprintf("nobody-%d@example.com", k)
		others := keysIn(app)
		fail(app, email, 1, 1)
		var seen atomic.Int64
		gate := app.Redis.Hold(func(lab.RedisCommand) bool { return seen.Add(1) == int64(k) })
		pending := app.Begin(credentials(email, "wrong guess").On(0))
		select {
		case <-gate.Reached():
			for _, key := range newKeys(app, others) { // as if it were over
				app.RedisDo("DEL", key)
			}
			gate.Open()
			pending.Wait(15 * time.Second)
		case <-pending.Done(): // it took fewer
			gate.Open()
			return
		}
		fail(app, email, 1, 1)
		requireEnds(t, app, before, fmt.Sprintf("a counter's time was over just before command %d of a log-in; one more was tried", k))
	}
}

// requireEnds demands that what was left in Redis since before has an end.
func requireEnds(t *testing.T, app *lab.App, before []string, after string) {
	t.Helper()
	for _, key := range newKeys(app, before) {
		lab.Require(t, !endless(app, key), lab.Finding{
			Measured: fmt.Sprintf("%s; and the key %.20q has no end", after, key),
			Expected: "a counter that has an end, whatever comes in between",
			Why: "Processes are killed, connections break and keys expire between any two commands. A counter that is left without an end " +
				"locks the account for ever.",
		})
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

// While Redis is away, either nobody is let try, or the tries are counted elsewhere.
func TestGuessesAreCountedWithoutRedis(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	warmUp(app)
	for _, outage := range []struct {
		what, email string
		begin       func() (end func())
	}{
		{"Redis answers with errors", "nobody@example.com", func() func() { return spoil(app, "nobody@example.com") }},
		{"Redis takes commands and answers none", "nobody.else@example.com", app.Redis.Stall},
		{"Redis is gone", lab.Buyer.Email, app.Redis.Down},
	} {
		end := outage.begin()
		guesses := 0
		answers := lab.WaitAll(app.BeginAll(4*tries, func(i int) *lab.Request {
			return credentials(outage.email, fmt.Sprintf("wrong guess %d", i)).On(i % 2)
		}), 15*time.Second)
		for _, answer := range answers {
			if answer.Status != http.StatusTooManyRequests && answer.Status != http.StatusServiceUnavailable {
				guesses++
			}
		}
		lab.Require(t, guesses <= tries, lab.Finding{
			Measured: fmt.Sprintf("%s, and %d wrong log-ins answered %s", outage.what, len(answers), lab.Statuses(answers)),
			Expected: "503, or no more than five tries that are counted somewhere else",
			Why:      "A lock that opens when its counter is out of reach is opened by whoever can disturb the counter. Then nothing stands before the passwords.",
		})
		end()
	}
}

// spoil has Redis refuse what counts the account: it holds a value of another kind than that. A replica,
// a full memory and a full disk refuse in the same way.
func spoil(app *lab.App, email string) (end func()) {
	before := keysIn(app)
	fail(app, email, 1, 0)
	spoilt := newKeys(app, before)
	for _, key := range spoilt {
		isList := app.RedisDo("TYPE", key) == "list"
		app.RedisDo("DEL", key)
		if isList {
			app.RedisDo("SET", key, "spoilt")
		} else {
			app.RedisDo("RPUSH", key, "spoilt")
		}
	}
	return func() {
		for _, key := range spoilt {
			app.RedisDo("DEL", key)
		}
	}
}

// What fails without anybody's fault is nobody's failed log-in. A guard.
func TestOutageLocksNobodyOut(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	for what, down := range map[string]func() (up func()){"PostgreSQL": app.Postgres.Down, "Redis": app.Redis.Down} {
		up := down()
		for i := range 2 * tries {
			app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password).On(i % 2))
		}
		up()
		for instance := range app.Instances {
			var status int
			lab.Eventually(t, 10*time.Second, func() bool {
				status = app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password).On(instance)).Status
				return status < 500
			}, lab.Finding{
				Measured: what + " was gone for ten log-ins and is back, and log-ins are still answered with 5xx",
				Expected: "201",
				Why:      "A hiccup must not need a restart.",
			})
			lab.Require(t, status == http.StatusCreated, lab.Finding{
				Measured: fmt.Sprintf("%s was gone for ten log-ins with the right password; now that it is back, one at instance %s answered %d", what, name(instance), status),
				Expected: "201: an outage is nobody's wrong password",
				Why:      "People try again while you are down. When you are back, none of them gets in, and the outage goes on for as long as the lock does.",
			})
		}
	}
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
