package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// salesAnswer is a sum of orders.
type salesAnswer struct {
	Orders, Tickets int64
	TotalCents      int64 `json:"total_cents"`
}

// jobAnswer is what the API says of a job.
type jobAnswer struct {
	ID       int64
	Status   string
	Progress int
	Result   *struct {
		salesAnswer
		Cities map[string]salesAnswer
	}
}

func (j jobAnswer) over() bool { return j.Status == "done" || j.Status == "failed" }

// progress is 0 for a queued job, and grows from 1 on while it runs.
func (j jobAnswer) progress() int {
	if j.Status == "running" {
		return 1 + j.Progress
	}
	return 0
}

const whyReport = "A report takes as long as it takes. Proxies and browsers give up after a minute, and the person who asked tries again: now there are two."

// askForReport asks for a report, and demands that the API answers at once with where
// to ask again.
func askForReport(t *testing.T, app *lab.App, token string) (location string, job jobAnswer) {
	t.Helper()
	pending := app.Begin(lab.POST("/reports/sales", nil).As(token))
	answered := lab.Within(patience, pending.Answered)
	lab.Require(t, answered, lab.Finding{
		Measured: fmt.Sprintf("POST /reports/sales has no answer after %v", patience),
		Expected: "202 at once, however long the report takes",
		Why:      whyReport,
	})
	answer := pending.Wait(patience).Expect(http.StatusAccepted, whyReport)
	location = answer.Header.Get("Location")
	lab.Require(t, regexp.MustCompile(`^(https?://[^/]+)?/jobs/[0-9]+$`).MatchString(location), lab.Finding{
		Measured: fmt.Sprintf("POST /reports/sales answered 202 with Location: %q", location),
		Expected: "Location: /jobs/ and the job's id",
		Why:      "Accepted, and then? The client has to know where to ask for the rest.",
		Try:      answer.Curl(),
	})
	location = location[strings.Index(location, "/jobs/"):]
	answer.JSON(&job)
	lab.Require(t, location == fmt.Sprintf("/jobs/%d", job.ID) && !job.over() && (job.Status == "queued" || job.Status == "running"), lab.Finding{
		Measured: fmt.Sprintf("POST /reports/sales answered with Location: %s and %s", location, answer.Body),
		Expected: `{"id":…,"status":"queued","progress":0}, with the id that is in Location`,
		Why:      "A client shows that the report is under way, and asks for it by its id.",
		Try:      answer.Curl(),
	})
	return location, job
}

// look asks for a job.
func look(app *lab.App, location, token string, instance int) (job jobAnswer) {
	app.Do(lab.GET("%s", location).As(token).On(instance)).Expect(http.StatusOK, "Whoever was told to come back later must find something.").JSON(&job)
	return job
}

// await asks until the job is over. One that gets on may take its time: the machine may
// have much else to do.
func await(t *testing.T, app *lab.App, location, token string, instance int) (job jobAnswer) {
	t.Helper()
	for farthest := -1; !job.over(); {
		getsOn := lab.Within(2*patience, func() bool {
			job = look(app, location, token, instance)
			return job.over() || job.progress() > farthest
		})
		farthest = max(farthest, job.progress())
		lab.Require(t, getsOn, lab.Finding{
			Measured: fmt.Sprintf("for %v, the job of a report has been %s, at %d %%", 2*patience, job.Status, job.Progress),
			Expected: "progress, and done, or failed: an end",
			Why:      "A client that polls asks for ever.",
		})
	}
	return job
}

// sums asks the database what the report must say.
func sums(t *testing.T, app *lab.App) (all salesAnswer, cities map[string]salesAnswer) {
	t.Helper()
	rows, err := app.DB().Query(`
		SELECT v.city, count(*), sum(o.quantity), sum(o.total_cents)::bigint
		FROM orders o JOIN events e ON e.id = o.event_id JOIN venues v ON v.id = e.venue_id GROUP BY v.city`)
	require.NoError(t, err)
	defer rows.Close()
	cities = map[string]salesAnswer{}
	for rows.Next() {
		var city string
		var s salesAnswer
		require.NoError(t, rows.Scan(&city, &s.Orders, &s.Tickets, &s.TotalCents))
		cities[city] = s
		all.Orders, all.Tickets, all.TotalCents = all.Orders+s.Orders, all.Tickets+s.Tickets, all.TotalCents+s.TotalCents
	}
	require.NoError(t, rows.Err())
	return all, cities
}

// requireSums demands that the job is done, and right.
func requireSums(t *testing.T, app *lab.App, job jobAnswer) {
	t.Helper()
	all, cities := sums(t, app)
	lab.Require(t, job.Status == "done" && job.Progress == 100 && job.Result != nil, lab.Finding{
		Measured: fmt.Sprintf("the job is %s, at %d %%, with a result: %t", job.Status, job.Progress, job.Result != nil),
		Expected: "done, at 100 %, with a result",
		Why:      "This is what the organiser has waited for.",
	})
	lab.Require(t, job.Result.salesAnswer == all && maps.Equal(job.Result.Cities, cities), lab.Finding{
		Measured: fmt.Sprintf("the report says %+v in %d cities", job.Result.salesAnswer, len(job.Result.Cities)),
		Expected: fmt.Sprintf("%+v in %d cities, as the table of orders has it; and each city's own sums", all, len(cities)),
		Why:      "Venues are paid by this report.",
	})
}

// Asked at one instance, read at the other.
func TestReportIsMadeAndFoundAnywhere(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2), lab.Env(patient), lab.Env("JOB_ATTEMPTS=3"), lab.Env("JOB_BACKOFF=20ms"))
	token := app.LogIn(lab.Organiser)
	sell(app, lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer))) // another job than the report's
	requireInbox(t, app, lab.Buyer.Email, 1, "after one order", "Buyers without a mail order again, or call.")
	// The sums of an evening are beyond 32 bits.
	_, err := app.DB().Exec(`UPDATE orders SET total_cents = total_cents + 3000000000 WHERE id % 1000 = 1`)
	require.NoError(t, err)
	// And so are ids, where two databases were brought together.
	_, err = app.DB().Exec(`
		INSERT INTO orders (id, user_id, event_id, quantity, total_cents, status, created_at)
		OVERRIDING SYSTEM VALUE SELECT 900000000000000, user_id, event_id, quantity, total_cents, status, created_at FROM orders WHERE id = 1`)
	require.NoError(t, err)
	before := app.Postgres.Stats()
	location, _ := askForReport(t, app, token)
	job := await(t, app, location, token, 1)
	requireSums(t, app, job)
	for _, statement := range app.Postgres.StatementsSince(before) {
		lab.Require(t, !lab.Touches("orders")(statement), lab.Finding{
			Measured: "while the report was made, an instance of the API read orders: " + brief(statement),
			Expected: "the worker reads them; the API looks up what came of it",
			Why:      "An instance that adds up a year of sales has no time for the buyers that it is there for, and takes the report with it when it ends.",
		})
	}
	forgetDoneJobs(t, app)
	app.Do(lab.GET("%s", location).As(token)).Expect(http.StatusOK, "River deletes what is done after a day, and what has failed after a week. The report of last month is there all the same.").JSON(&job)
	requireSums(t, app, job)
}

// forgetDoneJobs does what River does after a day.
func forgetDoneJobs(t *testing.T, app *lab.App) {
	t.Helper()
	if !hasTable(t, app, "river_job") {
		return
	}
	lab.Within(patience, func() bool {
		var left int
		require.NoError(t, app.DB().QueryRow(`SELECT count(*) FROM river_job WHERE finalized_at IS NULL`).Scan(&left))
		return left == 0
	})
	_, err := app.DB().Exec(`DELETE FROM river_job WHERE finalized_at IS NOT NULL`)
	require.NoError(t, err)
}

// No worker runs, and then one does.
func TestReportWaitsForAWorker(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Workers(0), lab.Env(patient))
	token := app.LogIn(lab.Organiser)
	location, _ := askForReport(t, app, token)
	job := look(app, location, token, 0)
	lab.Require(t, job.Status == "queued" && job.Progress == 0 && job.Result == nil, lab.Finding{
		Measured: fmt.Sprintf("no worker runs, and the job of a report is %s, at %d %%", job.Status, job.Progress),
		Expected: "queued, at 0 %",
		Why:      "Somebody who sees that it runs waits. Somebody who sees that it doesn't calls the operator, who has just stopped all workers.",
	})
	require.NoError(t, app.Instances[0].Restart())
	app.StartWorker()
	requireSums(t, app, await(t, app, location, token, 0))
}

// stepOfAReport matches what a worker reads for a report, and what it writes to it: one
// who reads all orders with one statement tells in between how far it is.
func stepOfAReport(s lab.Statement) bool { return inReport(s) || lab.Writes("reports")(s) }

// The worker is held at each statement, one after another.
func TestProgressGrows(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	// What a request has time for is nothing to a job.
	app := lab.Start(t, lab.Workers(0), lab.Env(patient), lab.Env("JOB_BACKOFF=1m"))
	_, err := app.TryWorker(lab.Env("REQUEST_TIMEOUT=500ms"))
	require.NoError(t, err, "a worker starts")
	token := app.LogIn(lab.Organiser)
	var reads atomic.Bool // the worker is held where it reads orders
	step := func(s lab.Statement) bool {
		if !stepOfAReport(s) {
			return false
		}
		reads.Store(inReport(s))
		return true
	}
	gate := app.WorkerPostgres.Hold(step)
	defer func() { gate.Open() }()
	location, job := askForReport(t, app, token)
	seen := []int{job.Progress}
	read := map[int]bool{} // the percentages at which it has begun to read orders
	for !job.over() {
		lab.Within(patience, func() bool {
			job = look(app, location, token, 0)
			return gate.Hits() > 0 || job.over()
		})
		job = look(app, location, token, 0)
		require.True(t, job.over() || gate.Hits() > 0, "the worker has come to its next statement")
		lab.Require(t, job.over() || job.Status == "running", lab.Finding{
			Measured: fmt.Sprintf("a worker is at work on a report, and its job is %s", job.Status),
			Expected: "running",
			Why:      "Somebody who sees that it runs waits. Somebody who sees that it doesn't asks again.",
		})
		if len(seen) == 1 {
			requireBusy(t, app, location, token)
		}
		seen = append(seen, job.Progress)
		if reads.Load() && !job.over() {
			read[job.Progress] = true
		}
		next := app.WorkerPostgres.Hold(step)
		gate.Open()
		gate = next
	}
	between := map[int]bool{}
	grows := true
	for i, percent := range seen {
		if percent > 0 && percent < 100 {
			between[percent] = true
		}
		grows = grows && (i == 0 || percent >= seen[i-1])
	}
	lab.Require(t, grows && len(between) >= 3 && seen[0] == 0, lab.Finding{
		Measured: fmt.Sprintf("at each of the worker's statements for a report, the job's progress is: %d", seen),
		Expected: "from 0 to 100 in four steps at least, which never go back",
		Why:      "A report of a year takes minutes. Without progress, nobody can tell one that is slow from one that hangs, and people start it again.",
	})
	// Who reads all orders with one statement has begun it at 0 %.
	delete(read, 0)
	lab.Require(t, len(read) == 0 || len(read) >= 3, lab.Finding{
		Measured: fmt.Sprintf("the job's progress was %d; apart from 0 %%, the worker began to read orders at these percentages alone: %v", seen, slices.Sorted(maps.Keys(read))),
		Expected: "that the progress grows with what was read",
		Why:      "A progress that is told before anything is done stands at 75 % for as long as the whole report takes. And the one long query runs into JOB_TIMEOUT some day, without having done a part.",
	})
	requireSums(t, app, job)
}

// requireBusy demands that a worker bears with a statement that takes longer than requests may.
func requireBusy(t *testing.T, app *lab.App, location, token string) {
	t.Helper()
	const pause = 2500 * time.Millisecond
	job := look(app, location, token, 0)
	lab.Within(pause, func() bool {
		job = look(app, location, token, 0)
		return job.Status != "running"
	})
	lab.Require(t, job.Status == "running", lab.Finding{
		Measured: fmt.Sprintf("PostgreSQL needs %v for a statement of a report, the worker runs with REQUEST_TIMEOUT=500ms and the default JOB_TIMEOUT; the job is %s", pause, job.Status),
		Expected: "running: a job may take as long as JOB_TIMEOUT says",
		Why:      "On the night on which the database is slow, each report is begun ten times, and then it has failed.",
	})
}

// Whose job it is.
func TestReportsAreTheOrganisers(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient))
	_, err := app.DB().Exec(`UPDATE users SET role = 'organiser' WHERE id = $1`, lab.OtherBuyer.ID)
	require.NoError(t, err)
	organiser, rival, buyer := app.LogIn(lab.Organiser), app.LogIn(lab.OtherBuyer), app.LogIn(lab.Buyer)
	const why = "What is sold, and where, is the business of those who sell."
	app.Do(lab.POST("/reports/sales", nil)).Expect(http.StatusUnauthorized, why)
	app.Do(lab.POST("/reports/sales", nil).As(buyer)).Expect(http.StatusForbidden, why)

	location, _ := askForReport(t, app, organiser)
	await(t, app, location, organiser, 0)
	app.Do(lab.GET("%s", location)).Expect(http.StatusUnauthorized, why)
	app.Do(lab.GET("%s", location).As(buyer)).Expect(http.StatusForbidden, why)
	app.Do(lab.GET("%s", location).As(rival)).Expect(http.StatusNotFound, "Whoever counts through the ids must not even learn which ones exist.")
	app.Do(lab.GET("/jobs/999999999").As(organiser)).Expect(http.StatusNotFound, "There is no such job.")
	app.Do(lab.GET("/jobs/abc").As(organiser)).Expect(http.StatusBadRequest, "abc is no id.")
}

// Reports take long. Tickets don't.
func TestReportsBlockNoMail(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient))
	organiser, buyer := app.LogIn(lab.Organiser), app.LogIn(lab.Buyer)
	gate := app.WorkerPostgres.Hold(inReport)
	defer gate.Open()
	const reports = 12
	for range reports {
		askForReport(t, app, organiser)
	}
	lab.Within(patience, func() bool { return gate.Hits() > 0 })
	sell(app, lab.OrderOf(lab.OnSale, 1).As(buyer))
	arrived := lab.Within(patience, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) > 0 })
	lab.Require(t, arrived, lab.Finding{
		Measured: fmt.Sprintf("%d reports were asked for, and are stuck in a slow query; then somebody bought a ticket, and within %v no mail came", reports, patience),
		Expected: "the mail, as if nobody had asked for a report",
		Why:      "On the evening of a sale every organiser wants to know how it went. The buyers' tickets must not stand in line behind that.",
	})
}

// inReport matches what reads orders for a report: a mail is about one order alone,
// which it names by its id.
func inReport(s lab.Statement) bool { return lab.Touches("orders")(s) && !byID.MatchString(s.SQL) }

var byID = regexp.MustCompile(`(?i)\bwhere\s+(\w+\.)?id\s*=\s*\$1`)

// The report can't be made.
func TestFailedReportSaysSo(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_ATTEMPTS=2"), lab.Env("JOB_BACKOFF=20ms"))
	token := app.LogIn(lab.Organiser)
	_, err := app.DB().Exec(`ALTER TABLE orders RENAME TO orders_elsewhere`)
	require.NoError(t, err)
	location, _ := askForReport(t, app, token)
	job := await(t, app, location, token, 0)
	lab.Require(t, job.Status == "failed" && job.Result == nil, lab.Finding{
		Measured: fmt.Sprintf("the worker's queries fail, JOB_ATTEMPTS=2 times; the job is %s, with a result: %t", job.Status, job.Result != nil),
		Expected: "failed, without a result",
		Why:      "An organiser who waits for a report that will never come should be told, and half a report must not look like a whole one.",
	})
}

// One of a hundred thousand orders can't be read.
func TestReportLeavesNothingOut(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_ATTEMPTS=2"), lab.Env("JOB_BACKOFF=20ms"))
	token := app.LogIn(lab.Organiser)
	_, err := app.DB().Exec(`ALTER TABLE orders RENAME TO orders_kept; CREATE VIEW orders AS
		SELECT id, user_id, event_id, quantity, total_cents / (id <> 50001)::int AS total_cents, status, created_at FROM orders_kept`)
	require.NoError(t, err)
	location, _ := askForReport(t, app, token)
	job := await(t, app, location, token, 0)
	lab.Require(t, job.Status == "failed" && job.Result == nil, lab.Finding{
		Measured: fmt.Sprintf("one of the orders makes each query fail that adds up its cents (division by zero), JOB_ATTEMPTS=2 times; the job is %s, and the report says %+v", job.Status, resultOf(job)),
		Expected: "failed, without a result",
		Why:      "Venues are paid by this report. One that leaves out what it couldn't read looks like a whole one.",
	})
	requireNothingTwice(t)
}

// requireNothingTwice has the database refuse to note the progress of a report once, when a part of
// it is done. The same worker then tries it again.
func requireNothingTwice(t *testing.T) {
	t.Helper()
	app := lab.Start(t, lab.Env(patient), lab.Env("JOB_BACKOFF=20ms"))
	keepFewOrders(t, app)
	_, err := app.DB().Exec(`
		CREATE SEQUENCE progress_notes;
		CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('progress_notes') = 2 THEN RAISE 'refused by the test'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse_once BEFORE UPDATE ON reports FOR EACH ROW WHEN (NEW.progress > OLD.progress) EXECUTE FUNCTION refuse_once()`)
	require.NoError(t, err)
	token := app.LogIn(lab.Organiser)
	location, _ := askForReport(t, app, token)
	job := await(t, app, location, token, 0)
	all, _ := sums(t, app)
	lab.Require(t, resultOf(job) == all, lab.Finding{
		Measured: fmt.Sprintf("the database refused once to note how far a report is; it was tried again, is %s now, and says %+v", job.Status, resultOf(job)),
		Expected: fmt.Sprintf("%+v, as the table of orders has it", all),
		Why:      "A job that is tried again begins with what the attempt before has left: in the memory of the worker, too. Each order counts once, however often that happens: venues are paid by this report.",
	})
}

// The worker dies over it.
func TestReportOutlivesTheWorker(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	app := lab.Start(t, soonOver...)
	keepFewOrders(t, app)
	token := app.LogIn(lab.Organiser)
	gate := app.WorkerPostgres.Hold(stepOfAReport)
	defer func() { gate.Open() }()
	location, job := askForReport(t, app, token)
	lab.Eventually(t, patience, func() bool { return gate.Hits() > 0 }, lab.Finding{
		Measured: fmt.Sprintf("a report was asked for, and within %v the worker has not read any orders", patience),
		Expected: "the worker begins",
		Why:      whyReport,
	})
	// It goes on until something is done, and more is to do.
	for step := 1; step < 6 && job.Progress == 0; step++ {
		next := app.WorkerPostgres.Hold(stepOfAReport)
		gate.Open()
		gate = next
		lab.Within(patience, func() bool {
			job = look(app, location, token, 0)
			return gate.Hits() > 0 || job.over()
		})
		job = look(app, location, token, 0)
	}
	killedAt := job.Progress
	app.Workers[0].Kill()
	gate.Open()
	replace(t, app)
	lab.Within(recovery, func() bool {
		job = look(app, location, token, 0)
		return job.over()
	})
	lab.Require(t, job.over(), lab.Finding{
		Measured: fmt.Sprintf("a worker was killed while it made a report, at %d %%; %v after another was started, the job is %s, at %d %%", killedAt, recovery, job.Status, job.Progress),
		Expected: "done, by the other worker",
		Why:      "A job that is running for ever is worse than one that failed: nobody does anything about it.",
	})
	all, cities := sums(t, app)
	whole := job.Result != nil && job.Result.salesAnswer == all && maps.Equal(job.Result.Cities, cities)
	lab.Require(t, job.Status == "failed" || whole, lab.Finding{
		Measured: fmt.Sprintf("a worker was killed while it made a report, at %d %%; another one did its job, and the report says %+v", killedAt, resultOf(job)),
		Expected: fmt.Sprintf("%+v, as the table of orders has it; and each city's own sums", all),
		Why:      "A job is done again from its beginning, by somebody who knows nothing but what is written down. Each order counts once, however often that happens: venues are paid by this report.",
	})
	requireSums(t, app, job)
}

func resultOf(job jobAnswer) (all salesAnswer) {
	if job.Result != nil {
		all = job.Result.salesAnswer
	}
	return all
}

// keepFewOrders leaves a fifth of the orders, so that no machine is too busy to add them up
// in JOB_TIMEOUT, with gaps between their ids.
func keepFewOrders(t *testing.T, app *lab.App) {
	t.Helper()
	_, err := app.DB().Exec(`
		CREATE TEMPORARY TABLE few AS SELECT * FROM orders WHERE id <= 42000 AND id % 2 = 0;
		TRUNCATE orders CASCADE;
		INSERT INTO orders OVERRIDING SYSTEM VALUE SELECT * FROM few`)
	require.NoError(t, err)
}

// A report is all but committed, and the worker works. Then another one is, and the API
// is killed.
func TestReportAndItsJobAreOne(t *testing.T) {
	lab.Task(t, 5)
	t.Parallel()
	const why = "Two writes that can be done one without the other will be: a report that nobody makes, whose organiser waits, or work on a report that isn't there."
	app := lab.Start(t, lab.Env(patient))
	keepFewOrders(t, app)
	token := app.LogIn(lab.Organiser)
	ask := func(gate *lab.Gate) *lab.Pending {
		pending := app.Begin(lab.POST("/reports/sales", nil).As(token))
		lab.Within(patience, func() bool { return gate.Hits() > 0 || pending.Answered() })
		lab.Require(t, gate.Hits() > 0, lab.Finding{
			Measured: "a report was asked for, and the API wrote nothing to the table of reports",
			Expected: "the transaction with the report, and its COMMIT",
			Why:      why,
		})
		return pending
	}

	before := app.WorkerPostgres.Stats()
	coming := app.Postgres.Hold(theCommitOf("reports"))
	defer coming.Open()
	pending := ask(coming)
	passOver(t, app)
	for _, statement := range app.WorkerPostgres.StatementsSince(before) {
		lab.Require(t, !inReport(statement), lab.Finding{
			Measured: "a report's transaction is not committed yet, and a worker reads orders for it already: " + brief(statement),
			Expected: "no work before the report is there for good",
			Why:      why,
		})
	}
	coming.Open()
	answer := pending.Wait(patience).Expect(http.StatusAccepted, whyReport)
	requireSums(t, app, await(t, app, answer.Header.Get("Location"), token, 0))

	gone := app.Postgres.HoldReply(theCommitOf("reports"))
	defer gone.Open()
	ask(gone)
	app.Instances[0].Kill()
	gone.Open()
	require.NoError(t, app.Instances[0].Restart())
	var reports, last int64
	require.NoError(t, app.DB().QueryRow(`SELECT count(*), max(id) FROM reports`).Scan(&reports, &last))
	require.EqualValues(t, 2, reports, "PostgreSQL has committed both")
	job := await(t, app, fmt.Sprintf("/jobs/%d", last), token, 0)
	lab.Require(t, job.Status == "done", lab.Finding{
		Measured: fmt.Sprintf("the API was killed when PostgreSQL had committed a report, and before the API heard of it: its job is %s", job.Status),
		Expected: "done: a worker has heard of it",
		Why:      why,
	})
}
