package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

const aMailLost = "The buyer waits for a mail with the tickets. Nobody else knows that it should have been sent."

// holdMail starts an app with an order whose mail the worker is just sending.
func holdMail(t *testing.T, env ...lab.Option) (*lab.App, interface{ Open() }) {
	t.Helper()
	app := lab.Start(t, env...)
	gate := app.Mail.Hold()
	app.Do(lab.OrderOf(lab.OnSale, 2).As(app.LogIn(lab.Buyer))).Expect(http.StatusCreated, "Without an order there is no mail.")
	await(t, gate.Reached())
	return app, gate
}

// expectOneMail demands that the buyer gets the mail, and gets it once.
func expectOneMail(t *testing.T, app *lab.App, measured string) {
	t.Helper()
	lab.Eventually(t, soon, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) > 0 }, lab.Finding{
		Measured: measured + ", and no mail came",
		Expected: "1 mail",
		Why:      aMailLost,
	})
	mails := app.Mail.Inbox(lab.Buyer.Email)
	lab.Require(t, len(mails) == 1, lab.Finding{
		Measured: fmt.Sprintf("%s, and the buyer has %d mails", measured, len(mails)),
		Expected: "1 mail",
		Why:      "Two mails about one order look like two orders.",
	})
}

func TestWorkerFinishesItsJob(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app, gate := holdMail(t, lab.Env("SHUTDOWN_TIMEOUT=1m"), lab.Env("JOB_BACKOFF=1h"))
	leaves := askToLeave(app.Workers[0])
	leaves.stays(t, "a mail on its way", aMailLost)
	gate.Open()
	leaves.cleanly(t)
	expectOneMail(t, app, "the worker was sending a mail when SIGTERM came; the mail server took it, and the worker has left")
	app.StartWorker()
	time.Sleep(aMoment) // in which the new worker would do what it finds
	sent := app.Mail.Count()
	lab.Require(t, sent == 1, lab.Finding{
		Measured: fmt.Sprintf("the worker that got SIGTERM has sent the mail and left; with a new worker, the mail server has got %d mails", sent),
		Expected: "1: the job is done",
		Why:      "A job that was done and isn't marked so is done again.",
	})
}

func TestWorkerTakesNoMoreJobs(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app, gate := holdMail(t, lab.Env("SHUTDOWN_TIMEOUT=1m"))
	leaves := askToLeave(app.Workers[0])
	leaves.stays(t, "a mail on its way", aMailLost)
	app.Do(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.OtherBuyer))).Expect(http.StatusCreated, "An order doesn't wait for a worker.")
	leaves.stays(t, "a mail on its way and another order made", aMailLost)
	gate.Open()
	leaves.cleanly(t)
	taken := len(app.Mail.Inbox(lab.OtherBuyer.Email))
	lab.Require(t, taken == 0, lab.Finding{
		Measured: "an order was made after the worker had got SIGTERM, and the worker sent its mail before it left",
		Expected: "that it takes no more jobs: they are for the workers that stay",
		Why:      "On a busy day there is always one job more. A worker that takes it never leaves, until it is killed with it.",
	})
	app.StartWorker()
	lab.Eventually(t, soon, func() bool { return len(app.Mail.Inbox(lab.OtherBuyer.Email)) == 1 }, lab.Finding{
		Measured: "an order was made while the only worker was leaving; a new worker has started, and no mail came",
		Expected: "1 mail, from the new worker",
		Why:      aMailLost,
	})
}

func TestWorkerHandsItsJobBack(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app, gate := holdMail(t, lab.Env("SHUTDOWN_TIMEOUT=4s"), lab.Env("JOB_TIMEOUT=5m"), lab.Env("JOB_BACKOFF=1h"), lab.Env("JOB_ATTEMPTS=1"))
	asked := time.Now()
	leaves := askToLeave(app.Workers[0])
	<-leaves.done
	stayed := time.Since(asked) // on a busy machine it is more, and never less
	lab.Require(t, stayed >= 4*time.Second, lab.Finding{
		Measured: fmt.Sprintf("a mail was on its way with SHUTDOWN_TIMEOUT=4s; %.1fs after SIGTERM, %s", stayed.Seconds(), leaves.ending()),
		Expected: "that the job has all of SHUTDOWN_TIMEOUT",
		Why:      "Some jobs take long, and whoever operates the API gives them the time by SHUTDOWN_TIMEOUT. A job that is broken off at each deploy is never done.",
	})
	leaves.cleanly(t)
	gate.Open() // the mail of the worker that has left is not taken any more
	app.StartWorker()
	expectOneMail(t, app, "the mail server didn't answer within SHUTDOWN_TIMEOUT=4s, the worker left, and another one started (JOB_TIMEOUT=5m, JOB_BACKOFF=1h, JOB_ATTEMPTS=1)")
}

func TestWorkerLeavesBeforeItHasBegun(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app := lab.Start(t, lab.Workers(0))
	goOn := app.WorkerPostgres.Stall()
	leaves := askToLeave(app.StartWorker())
	select { // it may leave at once, or when it has heard of the database
	case <-leaves.done:
	case <-time.After(aMoment):
	}
	goOn()
	leaves.cleanly(t)
}

// A database that is frozen keeps its connections open, and says nothing.
func TestFrozenDatabaseDoesNotKeepTheWorker(t *testing.T) {
	t.Parallel()
	lab.Task(t, 1)
	app, gate := holdMail(t, lab.Env("SHUTDOWN_TIMEOUT=1s"), lab.Env("JOB_TIMEOUT=5m"))
	t.Cleanup(gate.Open)
	t.Cleanup(app.WorkerPostgres.Stall())
	leaves := askToLeave(app.Workers[0])
	leaves.stays(t, "a mail on its way and SHUTDOWN_TIMEOUT=1s", aMailLost)
	<-leaves.done
	lab.Require(t, leaves.err == nil, lab.Finding{
		Measured: "PostgreSQL takes statements and answers none. With a mail on its way, SHUTDOWN_TIMEOUT=1s and SIGTERM, " + leaves.ending(),
		Expected: "that it ends some seconds after SHUTDOWN_TIMEOUT, although it can't hand its job back: another worker finds it, later",
		Why:      "On the day on which the database is frozen, somebody restarts everything. What doesn't leave is killed, and the deploy stops there.",
	})
}
