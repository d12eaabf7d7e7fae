package main_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// recovery is how long another worker may take to find out that one has died.
const recovery = 40 * time.Second

// soonOver makes the jobs of a dead worker come back after two seconds.
var soonOver = []lab.Option{lab.Env("JOB_TIMEOUT=1s"), lab.Env("JOB_BACKOFF=100ms"), lab.Env(patient)}

// replace starts another worker in place of one that was killed, as soon as the job of
// the dead one is anybody's again.
//
// Workers of River choose one among them who looks for the jobs of the dead. When it is
// this one that has died, the others notice after fifteen seconds, and a test should
// not take so long. So this lets the dead worker's time as the leader be over by then.
// A queue without that table just gets a new worker.
func replace(t *testing.T, app *lab.App, settings ...lab.Option) {
	t.Helper()
	var killed time.Time
	require.NoError(t, app.DB().QueryRow(`SELECT now()`).Scan(&killed))
	due := func() (over bool) {
		require.NoError(t, app.DB().QueryRow(`SELECT now() > $1::timestamptz + interval '2200 ms'`, killed).Scan(&over))
		return over
	}
	if hasTable(t, app, "river_leader") {
		lab.Within(patience, due)
		endLeader(t, app)
	}
	_, err := app.TryWorker(settings...)
	require.NoError(t, err, "another worker starts")
}

// hasTable reports whether the database has a table, such as one of River's: other queues are right, too.
func hasTable(t *testing.T, app *lab.App, name string) (there bool) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`SELECT to_regclass($1) IS NOT NULL`, name).Scan(&there))
	return there
}

// endLeader lets the time of River's leader be over: see replace.
func endLeader(t *testing.T, app *lab.App) {
	t.Helper()
	_, err := app.DB().Exec(`UPDATE river_leader SET expires_at = now()`)
	require.NoError(t, err)
}

// requireOneMail demands that a new worker does what the dead one has left, and that
// the buyer sees one mail all the same. handed is how often a mail comes to the mail
// server until then.
func requireOneMail(t *testing.T, app *lab.App, handed int, when string, settings ...lab.Option) {
	t.Helper()
	replace(t, app, settings...)
	lab.Within(recovery, func() bool { return app.Mail.Count() >= handed })
	seen := len(app.Mail.Inbox(lab.Buyer.Email))
	lab.Require(t, seen == 1, lab.Finding{
		Measured: fmt.Sprintf("%s; then another worker was started. The mail server has been handed %d mails since the order, and the buyer finds %d in the mailbox",
			when, app.Mail.Count(), seen),
		Expected: "one mail in the mailbox",
		Why: "Workers die in the middle of a job: with a deploy, for want of memory, with their machine. Whoever comes next can't know how far they got. " +
			"A ticket that never comes is a call, and one that comes twice is two people at the door.",
	})
}

// The mail is on the wire. Nobody has taken it yet.
func TestKilledBeforeTheMailIsTaken(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	lasting := leaveTwoJobs(t)
	app := lab.Start(t, soonOver...)
	gate := app.Mail.Hold()
	defer gate.Open()
	orderAside(t, app, gate)
	// A worker that takes the job for done by now has some time to write that down.
	before := app.WorkerPostgres.Stats()
	lab.Within(500*time.Millisecond, func() bool { return app.WorkerPostgres.Stats().Since(before).Queries >= 8 })
	app.Workers[0].Kill()
	gate.Open()
	requireOneMail(t, app, 1, "a worker was killed while it handed a mail over, and the mail server had not taken it")
	lasting.requireTwiceTheTimeout(t)
}

// lastingJobs are the two jobs of a worker that was killed, with a JOB_TIMEOUT of a minute.
type lastingJobs struct{ app *lab.App }

// leaveTwoJobs kills a worker that has two mails in its hands, and starts another one. Nobody waits
// for minutes here: the table of River's jobs is told that they were begun longer ago. The jobs of
// another queue are left alone.
func leaveTwoJobs(t *testing.T) *lastingJobs {
	t.Helper()
	app := lab.Start(t, lab.Env("JOB_TIMEOUT=1m"), lab.Env("JOB_BACKOFF=100ms"), lab.Env(patient))
	if !hasTable(t, app, "river_job") {
		return nil
	}
	gate := app.Mail.Hold()
	defer gate.Open()
	token := app.LogIn(lab.Buyer)
	for i := range 2 {
		app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
		lab.Within(patience, func() bool { return gate.Hits() > i })
	}
	app.Workers[0].Kill()
	gate.Open()
	backdated, err := app.DB().Exec(`
		UPDATE river_job SET attempted_at = now() - CASE WHEN id = (SELECT min(id) FROM river_job) THEN interval '125 s' ELSE interval '65 s' END
		WHERE state = 'running'`)
	require.NoError(t, err)
	if n, _ := backdated.RowsAffected(); n == 0 {
		return nil // River has the reports alone
	}
	endLeader(t, app)
	app.StartWorker()
	return &lastingJobs{app}
}

// requireTwiceTheTimeout demands that the new worker has taken the older one of the jobs alone.
func (j *lastingJobs) requireTwiceTheTimeout(t *testing.T) {
	t.Helper()
	if j == nil {
		return
	}
	lab.Within(recovery, func() bool { return j.app.Mail.Count() > 0 })
	passOver(t, j.app)
	seen := len(j.app.Mail.Inbox(lab.Buyer.Email))
	lab.Require(t, seen == 1, lab.Finding{
		Measured: fmt.Sprintf("with JOB_TIMEOUT=1m, a worker was killed with two mails in its hands, one of them begun 125 s ago, the other one 65 s ago; then another worker was started, and %d of the mails came", seen),
		Expected: "1: the job that was begun longer ago than twice JOB_TIMEOUT is another worker's now, and the other one may still be at work",
		Why:      "Whoever takes a job too early does it while the first one, on a machine that swaps, is still at it. And whoever takes it an hour later sends the tickets when the concert is over.",
	})
}

// The mail server has taken the mail. The worker doesn't know.
func TestKilledBeforeItHearsThatTheMailIsTaken(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t, append(soonOver, lab.Workers(0))...)
	_, err := app.TryWorker(lab.Env("TZ=" + yesterday))
	require.NoError(t, err, "a worker starts")
	gate := app.Mail.HoldReply()
	defer gate.Open()
	orderAside(t, app, gate)
	app.Workers[0].Kill()
	gate.Open()
	requireOneMail(t, app, 2, "a worker was killed when the mail server had taken the mail, and had not said so yet; where the next one is, it is another day", lab.Env("TZ="+tomorrow))
}

// Of these time zones, one is 26 hours behind the other: it is never the same day there.
const yesterday, tomorrow = "Etc/GMT+12", "Pacific/Kiritimati"

// The worker knows. The queue doesn't.
func TestKilledBeforeTheJobIsDone(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t, soonOver...)
	sent := app.Mail.HoldReply()
	defer sent.Open()
	orderAside(t, app, sent)
	noted := app.WorkerPostgres.Hold(writes)
	defer noted.Open()
	sent.Open()
	lab.Within(patience, func() bool { return noted.Hits() > 0 })
	app.Workers[0].Kill()
	noted.Open()
	requireOneMail(t, app, 2, "a worker was killed when it had handed the mail over, and had not yet written down that it did")
}

// writes matches statements that change something.
func writes(s lab.Statement) bool {
	return lab.Verb("INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "COMMIT")(s)
}

// orderAside sells a ticket while the gate is shut, and returns once the worker waits
// there with the mail.
func orderAside(t *testing.T, app *lab.App, gate *lab.Gate) {
	t.Helper()
	order := app.Begin(lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)))
	under := lab.Within(patience, func() bool { return order.Answered() && gate.Hits() > 0 })
	lab.Require(t, under, lab.Finding{
		Measured: fmt.Sprintf("the mail server keeps those waiting who hand a mail over; %v after an order was sent, it is answered: %t, and somebody is at the mail server: %t", patience, order.Answered(), gate.Hits() > 0),
		Expected: "both: the order is answered, and meanwhile the worker is at the mail server",
		Why:      "What the request does itself dies with the API. A worker's job can be done by another worker.",
	})
	order.Wait(patience).Expect(http.StatusCreated, whySold)
}

// Nobody dies. The mail server takes the mail, and says so too late.
func TestMailThatWasTakenLateIsTheSame(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := lab.Start(t, lab.Env("JOB_TIMEOUT=500ms"), lab.Env("JOB_BACKOFF=20ms"), lab.Env(patient))
	gate := app.Mail.HoldReply()
	defer gate.Open()
	orderAside(t, app, gate)
	again := lab.Within(2*patience, func() bool { return app.Mail.Count() >= 2 })
	gate.Open()
	seen := app.Mail.Inbox(lab.Buyer.Email)
	lab.Require(t, again && len(seen) == 1, lab.Finding{
		Measured: fmt.Sprintf("the mail server takes each mail, and says so only after the job's time is over (JOB_TIMEOUT=500ms); it was handed %d mails for one order, and the buyer finds %d in the mailbox, with these Message-IDs: %s",
			app.Mail.Count(), len(seen), messageIDs(seen)),
		Expected: "the job is tried again, since nobody knows what became of the mail; and the buyer finds one",
		Why:      "A job that may be done again will be. What it does twice must come to the same as once: here, by something in the mail that tells the mailbox that it has it already.",
	})
	host, err := os.Hostname()
	require.NoError(t, err)
	if strings.HasPrefix(host, "localhost") {
		return // so is any other machine
	}
	_, domain, _ := strings.Cut(strings.Trim(seen[0].MessageID, "<>"), "@")
	lab.Require(t, domain != host, lab.Finding{
		Measured: fmt.Sprintf("the Message-ID is %s, and the name of this machine is %s", seen[0].MessageID, host),
		Expected: "an id that is the same from whichever machine the mail is sent, such as one with the domain of the shop",
		Why:      "When a machine dies, another one sends the mail again. By the id, the mailbox should know that it has it.",
	})
}

func messageIDs(mails []lab.Mail) string {
	var ids []string
	for _, mail := range mails {
		ids = append(ids, strconv.Quote(mail.MessageID))
	}
	return strings.Join(ids, ", ")
}
