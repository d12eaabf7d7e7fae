package main_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// The mail server has no time now, and says so. Another one isn't there at all, for now.
func TestRefusedMailIsTriedAgain(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	servers := []*refusingServer{
		{refusals: 3, backoff: 600 * time.Millisecond},
		{refusals: 9, backoff: 10 * time.Millisecond},
	}
	for _, server := range servers {
		server.start(t)
	}
	away := startAway(t)
	for _, server := range servers {
		server.requireMail(t)
	}
	requireInbox(t, away, lab.Buyer.Email, 1, "after an order while nobody listened at SMTP_ADDR (connection refused), and once somebody did",
		"A mail server that is started anew isn't there for some seconds, and neither is its name when the DNS is slow. Whoever gives up at once has lost the mails of these seconds.")
}

// refusingServer refuses the first mails for the moment.
type refusingServer struct {
	refusals int
	backoff  time.Duration

	app     *lab.App
	refusal *lab.Refusal
}

// start sells a ticket.
func (s *refusingServer) start(t *testing.T) {
	t.Helper()
	s.app = lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF="+s.backoff.String()))
	token := s.app.LogIn(lab.Buyer)
	s.refusal = s.app.Mail.RefuseNext(s.refusals, 451, "4.3.2 try again later")
	sell(s.app, lab.OrderOf(lab.OnSale, 1).As(token))
}

// requireMail demands that the mail comes, after growing pauses.
func (s *refusingServer) requireMail(t *testing.T) {
	t.Helper()
	arrived := lab.Within(3*patience, func() bool { return len(s.app.Mail.Inbox(lab.Buyer.Email)) > 0 })
	lab.Require(t, arrived, lab.Finding{
		Measured: fmt.Sprintf("the mail server refused a mail %d times for the moment (451), and would have taken it then; with JOB_BACKOFF=%v, it was not there %v after the order",
			s.refusal.Hits(), s.backoff, 3*patience),
		Expected: fmt.Sprintf("the mail, with the attempt number %d", s.refusals+1),
		Why:      "451 is ordinary: a full queue, a greylist, a restart. Whoever gives up at once, or comes back tomorrow, sends tickets to nobody.",
	})
	tries := append(s.refusal.Times(), s.app.Mail.Inbox(lab.Buyer.Email)[0].At)
	var pauses, waited []time.Duration
	short := false
	for i, pause := 0, s.backoff; i < s.refusals; i, pause = i+1, 2*pause {
		pauses = append(pauses, pause)
		waited = append(waited, tries[i+1].Sub(tries[i]).Round(time.Millisecond))
		// Whoever spreads the pauses by chance may make them a bit shorter, too.
		short = short || waited[i] < pause*4/5
	}
	lab.Require(t, !short, lab.Finding{
		Measured: fmt.Sprintf("%d attempts failed, with JOB_BACKOFF=%v; the next one came after pauses of %v", s.refusals, s.backoff, waited),
		Expected: fmt.Sprintf("%v: each twice as long as the one before", pauses),
		Why:      "A server that is down because it has too much to do gets up again when fewer come, not when all come back every second. And the attempts must not be over before it is back.",
	})
}

// startAway sells a ticket while nobody listens at SMTP_ADDR, and returns once somebody does.
func startAway(t *testing.T) *lab.App {
	t.Helper()
	address := lab.NewVacant(t)
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF=100ms"), lab.Env("SMTP_ADDR="+address.Addr))
	app.Begin(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)))
	// A worker that has failed to reach the server says so.
	lab.Within(2*time.Second, func() bool {
		return slices.ContainsFunc(app.Workers[0].Logs(), func(line lab.LogLine) bool {
			return line.Fields["level"] == "WARN" || line.Fields["level"] == "ERROR"
		})
	})
	address.Open(app.Mail.Addr())
	return app
}

// Nothing will ever come of this job.
func TestPoisonJobIsGivenUp(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const attempts = 5
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF=20ms"), lab.Env(fmt.Sprintf("JOB_ATTEMPTS=%d", attempts)))
	poison, other := app.LogIn(lab.Buyer), app.LogIn(lab.OtherBuyer)
	refusal := app.Mail.RefuseTo(lab.Buyer.Email, 450, "4.2.1 mailbox unavailable")
	sell(app, lab.OrderOf(lab.OnSale, 1).As(poison))
	tried := lab.Within(patience, func() bool { return refusal.Hits() >= attempts })
	lab.Require(t, tried, lab.Finding{
		Measured: fmt.Sprintf("the mail server refuses one address each time (450); with JOB_ATTEMPTS=%d and JOB_BACKOFF=20ms, %d attempts came within %v", attempts, refusal.Hits(), patience),
		Expected: fmt.Sprintf("%d attempts", attempts),
		Why:      "An operator who says how often a job is tried knows how long the mail server is away at worst.",
	})
	for i := range 8 {
		sell(app, lab.OrderOf(lab.OnSale, 1).As(other))
		requireInbox(t, app, lab.OtherBuyer.Email, i+1, fmt.Sprintf("while the mail to %s fails, after %d orders of somebody else's", lab.Buyer.Email, i+1),
			"One address that doesn't exist any more must not keep everybody else's tickets back.")
	}
	lab.Require(t, refusal.Hits() == attempts, lab.Finding{
		Measured: fmt.Sprintf("the mail server refuses one address each time; with JOB_ATTEMPTS=%d, it has seen %d attempts by now", attempts, refusal.Hits()),
		Expected: fmt.Sprintf("%d; then the job is given up, and kept for somebody to look at", attempts),
		Why:      "A job that is tried for ever is there for ever. After a year, the workers do nothing else.",
	})
	requireFiledAs(t, app, app.Mail.Count, "one job was given up")
	requireBugIsAFailure(t)
}

// requireBugIsAFailure has a worker do a job in which the store panics, if the store is asked for the event.
func requireBugIsAFailure(t *testing.T) {
	t.Helper()
	app := lab.Start(t, lab.Workers(0), lab.Env(patient), lab.Env("FAULTS=on"), lab.Env("JOB_BACKOFF=20ms"), lab.Env("JOB_ATTEMPTS=2"))
	before := countOrders(t, app, lab.Buyer)
	app.Begin(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)))
	require.True(t, lab.Within(patience, func() bool { return countOrders(t, app, lab.Buyer) > before }), "a ticket is sold")
	_, err := app.DB().Exec(`
		INSERT INTO events (id, venue_id, title, description, starts_at, price_cents, remaining)
		OVERRIDING SYSTEM VALUE SELECT 9223372036854775807, venue_id, title, description, starts_at, price_cents, remaining FROM events WHERE id = $1`, lab.OnSale.ID)
	require.NoError(t, err)
	_, err = app.DB().Exec(`UPDATE orders SET event_id = 9223372036854775807 WHERE id = (SELECT max(id) FROM orders)`)
	require.NoError(t, err)
	app.StartWorker()
	requireFiledAs(t, app, app.Mail.Count, "a bug makes a job panic each time, with FAULTS=on and JOB_ATTEMPTS=2")
	lab.Require(t, app.Workers[0].Running(), lab.Finding{
		Measured: "a bug made a job panic, with FAULTS=on, and the worker is gone",
		Expected: "that the job has failed, and the worker goes on",
		Why:      "The next worker takes the same job, and is gone as well.",
	})
}

// requireFiledAs demands that River has as many jobs for done as mails were taken. An API whose
// mails are no jobs of River's files them elsewhere.
func requireFiledAs(t *testing.T, app *lab.App, mails func() int, when string) {
	t.Helper()
	if !hasTable(t, app, "river_job") {
		return
	}
	done, left, all := 0, 0, 0
	lab.Within(patience, func() bool {
		require.NoError(t, app.DB().QueryRow(`SELECT count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE finalized_at IS NULL), count(*) FROM river_job`).Scan(&done, &left, &all))
		return left == 0
	})
	if all == 0 {
		return
	}
	lab.Require(t, done == mails(), lab.Finding{
		Measured: fmt.Sprintf("%d mails were taken, and %s; in river_job, %d jobs are completed", mails(), when, done),
		Expected: fmt.Sprintf("%d: a job that was given up is discarded", mails()),
		Why:      "Somebody looks at discarded jobs each day, and an alert counts them. What is filed as done is looked at by nobody.",
	})
}

// The mail server takes connections, and says nothing any more.
func TestHungMailServerIsGivenUp(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	slow := startSlow(t)
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_TIMEOUT=500ms"), lab.Env("JOB_BACKOFF=50ms"))
	token := app.LogIn(lab.Buyer)
	gate := app.Mail.Hold()
	defer gate.Open()
	const orders = 15
	for range orders {
		app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
	}
	goesOn := lab.Within(2*patience, func() bool { return gate.Hits() > orders })
	lab.Require(t, goesOn, lab.Finding{
		Measured: fmt.Sprintf("%d mails are to be sent to a server that says nothing, with JOB_TIMEOUT=500ms; within %v, %d attempts were made", orders, 2*patience, gate.Hits()),
		Expected: "a job whose time is over is broken off, and tried again",
		Why:      "A worker whose hands all hold a connection that nobody answers does nothing else, until somebody restarts it.",
	})
	gate.Open()
	requireInbox(t, app, lab.Buyer.Email, orders, fmt.Sprintf("after %d orders, once the mail server answers again", orders),
		"A mail server that hangs for a minute is an ordinary minute. All of the mails come afterwards.")
	slow.requirePatience(t)
}

// slowMailbox is one of many that the mail server has mails for. It alone takes its time.
type slowMailbox struct {
	app   *lab.App
	gate  *lab.Gate
	since time.Time
}

// startSlow orders a ticket whose mail is not taken yet.
func startSlow(t *testing.T) *slowMailbox {
	t.Helper()
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_TIMEOUT=1m"), lab.Env("JOB_BACKOFF=20ms"))
	s := &slowMailbox{app: app, gate: app.Mail.HoldTo(lab.Buyer.Email)}
	t.Cleanup(s.gate.Open)
	app.Begin(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)))
	lab.Within(patience, func() bool { return s.gate.Hits() > 0 })
	s.since = time.Now()
	return s
}

// requirePatience demands that the mail is given as long as JOB_TIMEOUT says, and that the
// others don't wait for it.
func (s *slowMailbox) requirePatience(t *testing.T) {
	t.Helper()
	other := s.app.LogIn(lab.OtherBuyer)
	for i := range 2 {
		sell(s.app, lab.OrderOf(lab.OnSale, 1).As(other))
		requireInbox(t, s.app, lab.OtherBuyer.Email, i+1, fmt.Sprintf("while the mail server has not answered yet about a mail to %s, after %d orders of somebody else's", lab.Buyer.Email, i+1),
			"One mailbox that is slow must not keep everybody else's tickets back.")
	}
	// Somebody who gives up comes again.
	const pause = 6500 * time.Millisecond
	lab.Within(time.Until(s.since.Add(pause)), func() bool { return s.gate.Hits() > 1 })
	lab.Require(t, s.gate.Hits() == 1, lab.Finding{
		Measured: fmt.Sprintf("the mail server takes its time with a mail, and JOB_TIMEOUT is 1m; %v later, it had been handed the mail again", time.Since(s.since).Round(time.Second)),
		Expected: "that it waits for as long as JOB_TIMEOUT says",
		Why:      "Servers that slow strangers down, or look for viruses, take ten seconds and more. They take the mail in the end, and each attempt that was given up is a copy. JOB_TIMEOUT is what the operator can do about it.",
	})
	s.gate.Open()
	requireInbox(t, s.app, lab.Buyer.Email, 1, "once a slow mail server has answered", "Buyers without a mail order again, or call.")
}
