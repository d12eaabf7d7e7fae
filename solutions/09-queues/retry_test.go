package main_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// The mail server has no time now, and says so.
func TestRefusedMailIsTriedAgain(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const (
		refusals = 3
		backoff  = 300 * time.Millisecond
	)
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF="+backoff.String()))
	token := app.LogIn(lab.Buyer)
	refusal := app.Mail.Refuse(451, "4.3.2 try again later", refusals)
	ordered := time.Now()
	sell(app, orderOf(lab.OnSale, 1).As(token))
	arrived := within(2*patience, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) > 0 })
	lab.Require(t, arrived, lab.Finding{
		Measured: fmt.Sprintf("the mail server refused a mail %d times for the moment (451), and would have taken it then; with JOB_BACKOFF=%v, it was not there %v after the order",
			refusal.Hits(), backoff, 2*patience),
		Expected: fmt.Sprintf("the mail, with the attempt number %d", refusals+1),
		Why:      "451 is ordinary: a full queue, a greylist, a restart. Whoever gives up at once, or comes back tomorrow, sends tickets to nobody.",
	})
	took := app.Mail.Inbox(lab.Buyer.Email)[0].At.Sub(ordered)
	// Whoever spreads the pauses by chance may make them a bit shorter, too.
	const pauses = backoff + 2*backoff + 4*backoff
	const least = pauses * 4 / 5
	lab.Require(t, took >= least, lab.Finding{
		Measured: fmt.Sprintf("three attempts failed, and the fourth came %v after the order, with JOB_BACKOFF=%v", took.Round(time.Millisecond), backoff),
		Expected: fmt.Sprintf("some %v: pauses of %v, %v and %v, each twice as long as the one before", pauses, backoff, 2*backoff, 4*backoff),
		Why:      "A server that is down because it has too much to do gets up again when fewer come, not when all come back every second.",
	})
}

// Nothing will ever come of this job.
func TestPoisonJobIsGivenUp(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	const attempts = 5
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF=20ms"), lab.Env(fmt.Sprintf("JOB_ATTEMPTS=%d", attempts)))
	poison, other := app.LogIn(lab.Buyer), app.LogIn(lab.OtherBuyer)
	refusal := app.Mail.RefuseTo(lab.Buyer.Email, 450, "4.2.1 mailbox unavailable")
	sell(app, orderOf(lab.OnSale, 1).As(poison))
	tried := within(patience, func() bool { return refusal.Hits() >= attempts })
	lab.Require(t, tried, lab.Finding{
		Measured: fmt.Sprintf("the mail server refuses one address each time (450); with JOB_ATTEMPTS=%d and JOB_BACKOFF=20ms, %d attempts came within %v", attempts, refusal.Hits(), patience),
		Expected: fmt.Sprintf("%d attempts", attempts),
		Why:      "An operator who says how often a job is tried knows how long the mail server is away at worst.",
	})
	for i := range 8 {
		sell(app, orderOf(lab.OnSale, 1).As(other))
		requireInbox(t, app, lab.OtherBuyer.Email, i+1, fmt.Sprintf("while the mail to %s fails, after %d orders of somebody else's", lab.Buyer.Email, i+1),
			"One address that doesn't exist any more must not keep everybody else's tickets back.")
	}
	lab.Require(t, refusal.Hits() == attempts, lab.Finding{
		Measured: fmt.Sprintf("the mail server refuses one address each time; with JOB_ATTEMPTS=%d, it has seen %d attempts by now", attempts, refusal.Hits()),
		Expected: fmt.Sprintf("%d; then the job is given up, and kept for somebody to look at", attempts),
		Why:      "A job that is tried for ever is there for ever. After a year, the workers do nothing else.",
	})
}

// The mail server takes connections, and says nothing any more.
func TestHungMailServerIsGivenUp(t *testing.T) {
	lab.Task(t, 4)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_TIMEOUT=500ms"), lab.Env("JOB_BACKOFF=50ms"))
	token := app.LogIn(lab.Buyer)
	gate := app.Mail.Hold()
	defer gate.Open()
	const orders = 15
	for range orders {
		app.Begin(orderOf(lab.OnSale, 1).As(token))
	}
	goesOn := within(2*patience, func() bool { return gate.Hits() > orders })
	lab.Require(t, goesOn, lab.Finding{
		Measured: fmt.Sprintf("%d mails are to be sent to a server that says nothing, with JOB_TIMEOUT=500ms; within %v, %d attempts were made", orders, 2*patience, gate.Hits()),
		Expected: "a job whose time is over is broken off, and tried again",
		Why:      "A worker whose hands all hold a connection that nobody answers does nothing else, until somebody restarts it.",
	})
	gate.Open()
	requireInbox(t, app, lab.Buyer.Email, orders, fmt.Sprintf("after %d orders, once the mail server answers again", orders),
		"A mail server that hangs for a minute is an ordinary minute. All of the mails come afterwards.")
}
