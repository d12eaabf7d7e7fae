package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// patience is how long these tests wait for what has to happen soon.
const patience = 5 * time.Second

// patient is a deadline for requests that these tests never reach.
const patient = "REQUEST_TIMEOUT=1m"

const whySold = "Selling tickets is what this API is for."

// sell orders a ticket, demands that the order is accepted, and returns its id.
func sell(app *lab.App, r *lab.Request) int64 {
	var order contract.Order
	app.Do(r).Expect(http.StatusCreated, whySold).JSON(&order)
	return order.ID
}

// requireInbox waits until the address has n mails.
func requireInbox(t *testing.T, app *lab.App, address string, n int, after, why string) {
	t.Helper()
	enough := lab.Within(2*patience, func() bool { return len(app.Mail.Inbox(address)) >= n })
	lab.Require(t, enough && len(app.Mail.Inbox(address)) == n, lab.Finding{
		Measured: fmt.Sprintf("%s, %s finds %d mails in the mailbox", after, address, len(app.Mail.Inbox(address))),
		Expected: fmt.Sprint(n),
		Why:      why,
	})
}

// The mail server has taken the connection, and doesn't go on.
func TestOrderDoesNotWaitForTheMail(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	gate := app.Mail.Hold()
	defer gate.Open()

	pending := app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
	answered := lab.Within(patience, pending.Answered)
	lab.Require(t, answered, lab.Finding{
		Measured: fmt.Sprintf("the mail server stalls, and %v later the order has no answer", patience),
		Expected: "201 at once: the tickets are sold, whatever becomes of the mail",
		Why:      "The buyer looks at a spinner because of a server that has nothing to do with the sale, and presses the button again.",
	})
	pending.Wait(patience).Expect(http.StatusCreated, whySold)

	lab.Eventually(t, patience, func() bool { return gate.Hits() > 0 }, lab.Finding{
		Measured: fmt.Sprintf("the order was answered with 201, and within %v nobody has come to the mail server", patience),
		Expected: "the worker hands the mail over, in its own time",
		Why:      "Buyers without a mail order again, or call.",
	})
	gate.Open()
	requireInbox(t, app, lab.Buyer.Email, 1, "after one order, and once the mail server goes on", "Buyers without a mail order again, or call.")
}

// Nobody works. The API goes on, and ends. What it has accepted is still there.
func TestAcceptedOrdersOutliveTheAPI(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env(patient), lab.Workers(0))
	token := app.LogIn(lab.Buyer)
	gate := app.Mail.Hold()
	defer gate.Open()

	const orders = 3
	for range orders {
		pending := app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
		answered := lab.Within(patience, pending.Answered)
		lab.Require(t, answered, lab.Finding{
			Measured: fmt.Sprintf("no worker runs and the mail server stalls; %v later an order has no answer", patience),
			Expected: "201: the order waits for nobody",
			Why:      "When the worker is down for a deploy, or the mail server is, the sale goes on.",
		})
		pending.Wait(patience).Expect(http.StatusCreated, whySold)
	}
	// Meanwhile, an organiser has changed the price.
	organiser := app.LogIn(lab.Organiser)
	app.Do(lab.PATCH(fmt.Sprintf("/events/%d", lab.OnSale.ID), lab.Body{"price_cents": 3*lab.OnSale.PriceCents + 1}).As(organiser)).
		Expect(http.StatusOK, "Organisers change their prices.")
	app.Instances[0].Kill()
	gate.Open()
	app.StartWorker()
	arrived := lab.Within(patience, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) >= orders })
	lab.Require(t, arrived && len(app.Mail.Inbox(lab.Buyer.Email)) == orders, lab.Finding{
		Measured: fmt.Sprintf("%d orders were accepted, then the API was killed, and then a worker was started: %d mails came", orders, len(app.Mail.Inbox(lab.Buyer.Email))),
		Expected: fmt.Sprintf("%d: what has to be done later is kept where the worker finds it", orders),
		Why:      "What only the memory of the API knows is gone with each deploy, each crash and each kill for want of memory.",
	})
	paid := fmt.Sprintf("%d.%02d", lab.OnSale.PriceCents/100, lab.OnSale.PriceCents%100)
	for _, mail := range app.Mail.Inbox(lab.Buyer.Email) {
		lab.Require(t, strings.Contains(mail.Body, paid), lab.Finding{
			Measured: fmt.Sprintf("a ticket was sold for %s; then the price was changed, and then the mail was sent, which says: %s", paid, strings.TrimSpace(mail.Body)),
			Expected: fmt.Sprintf("%s: what the buyer has paid", paid),
			Why:      "A mail may be written hours after the order, or twice. What was agreed stands in the order; the price of the event is that of the next buyer.",
		})
	}
}

// Who reads the worker's log must find what a request has led to. Clients choose the id.
func TestWorkerLogsTheRequestsID(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("SLOW_QUERY=1ns"), lab.Env(patient)) // each statement is a slow one
	token := app.LogIn(lab.Buyer)
	for _, id := range []string{"the-order-of-a-test", "17", "a.b_c-d.", strings.Repeat("x", 64), "with blanks", strings.Repeat("y", 200)} {
		answer := app.Do(lab.OrderOf(lab.OnSale, 1).As(token).Header("X-Request-ID", id)).
			Expect(http.StatusCreated, "A client or a proxy may call its requests what it likes. Nobody can buy through one whose ids a queue doesn't like.")
		given := answer.Header.Get("X-Request-ID") // it is another one when the API doesn't take the client's
		var about, slow int
		told := lab.Within(patience, func() bool {
			about, slow = 0, 0
			for _, line := range app.Workers[0].Logs() {
				if line.Fields["request_id"] != given {
					continue
				}
				about++
				if line.Fields["msg"] == "slow query" {
					slow++
				}
			}
			return about > slow && slow > 0
		})
		lab.Require(t, about > 0, lab.Finding{
			Measured: fmt.Sprintf("a request with X-Request-ID: %s ordered a ticket; none of the worker's %d log lines has this request_id: %s", id, len(app.Workers[0].Logs()), given),
			Expected: "the lines about a job carry the id of the request that it comes from",
			Why:      "A buyer complains that no mail came. With the id, one search finds the order in the API's log and the failed mail in the worker's.",
		})
		lab.Require(t, told, lab.Finding{
			Measured: fmt.Sprintf("with SLOW_QUERY=1ns, each statement is logged as a slow one; of the worker's lines with the request_id %s, %d are about a slow query, and %d about something else", given, slow, about-slow),
			Expected: "the id in all lines: those that the work itself logs, and the one about the job",
			Why:      "Whoever looks for the slow query, or the bug, behind a job finds it in a line that the work has logged, not in the one about its end.",
		})
	}
}

// The mails are for whom they should be, one for each order, however many work.
func TestEachOrderHasItsOwnMail(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2), lab.Workers(2), lab.Env(patient), lab.Env("JOB_BACKOFF=20ms"))
	people := []lab.User{lab.Buyer, lab.OtherBuyer}
	tokens := []string{app.LogIn(people[0]), app.LogIn(people[1])}
	const orders = 24
	events := contract.OnSale(t, app, orders)
	for i, answer := range app.Burst(orders, func(i int) *lab.Request {
		return lab.POST(fmt.Sprintf("/events/%d/orders", events[i]), lab.Body{"quantity": 1}).As(tokens[i%2]).On(i / 2 % 2)
	}) {
		lab.Require(t, answer.Status == http.StatusCreated, lab.Finding{
			Measured: fmt.Sprintf("order %d of %d that came at once was answered with %d", i+1, orders, answer.Status),
			Expected: "201",
			Why:      whySold,
		})
	}
	for _, user := range people {
		requireInbox(t, app, user.Email, orders/2, fmt.Sprintf("after %d orders of each of two buyers, at two instances, with two workers", orders/2),
			"Each order is a mail of its own, to the one who ordered. A mailbox shows mails with the same Message-ID as one.")
	}
	lab.Require(t, app.Mail.Count() == orders, lab.Finding{
		Measured: fmt.Sprintf("%d orders, no fault anywhere, and the mail server was handed %d mails", orders, app.Mail.Count()),
		Expected: fmt.Sprintf("%d: while all goes well, each job is done by one worker, once", orders),
		Why:      "Workers that do each other's work are no help, and the provider bills each mail.",
	})

	// The mail server takes each mail, says so, and hangs up without a goodbye.
	stop := app.Mail.HangUpAfter()
	sell(app, lab.OrderOf(lab.OnSale, 1).As(tokens[0]))
	requireInbox(t, app, people[0].Email, orders/2+1, "after one more order", "Buyers without a mail order again, or call.")
	lab.Within(moment, func() bool { return app.Mail.Count() > orders+1 })
	lab.Require(t, app.Mail.Count() == orders+1, lab.Finding{
		Measured: fmt.Sprintf("the mail server took a mail (250), and hung up without a goodbye; it was handed this mail %d times", app.Mail.Count()-orders),
		Expected: "once: it has said that it has the mail",
		Why:      "Some servers and balancers hang up like this each time. The buyer's mailbox drops the copies, the provider counts them, and the job is filed as failed.",
	})
	stop()

	// One of the workers hangs, and then the other one.
	for _, frozen := range app.Workers {
		arrived := false
		for range 2 { // once, the job may be the answer to what it had asked for before it was frozen
			before := len(app.Mail.Inbox(people[1].Email))
			comes := func() bool { return len(app.Mail.Inbox(people[1].Email)) > before }
			frozen.Signal(syscall.SIGSTOP)
			sell(app, lab.OrderOf(lab.OnSale, 1).As(tokens[1]))
			arrived = lab.Within(patience, comes)
			frozen.Signal(syscall.SIGCONT)
			if arrived {
				break
			}
			lab.Within(patience, comes)
		}
		lab.Require(t, arrived, lab.Finding{
			Measured: fmt.Sprintf("of two workers that have nothing to do, one was frozen (SIGSTOP); then a ticket was sold, and within %v no mail came", patience),
			Expected: "the mail, by the other worker",
			Why:      "A machine that swaps, or a VM that is moved, keeps its connections and its locks. Workers that wait for one among them all wait with it.",
		})
	}
}

// moment is how long these tests wait for what must not happen, and would within that time.
const moment = 400 * time.Millisecond

// More jobs wait than one worker should ever hold.
func TestWorkersTakeAHandful(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	const orders = 120
	events := contract.OnSale(t, app, 30)
	for i := range orders {
		sell(app, lab.POST(fmt.Sprintf("/events/%d/orders", events[i%len(events)]), lab.Body{"quantity": 1}).As(token))
	}
	app.StartWorker()
	requireInbox(t, app, lab.Buyer.Email, orders, fmt.Sprintf("after %d orders that waited for a worker", orders), "A queue is there for the minute in which more comes than can be done.")
	most := lab.Statement{}
	for _, statement := range app.WorkerPostgres.Statements() {
		if statement.Rows > most.Rows {
			most = statement
		}
	}
	lab.Require(t, most.Rows <= orders/2, lab.Finding{
		Measured: fmt.Sprintf("%d jobs wait, and a single statement of the worker's reads %d rows: %s", orders, most.Rows, brief(most)),
		Expected: fmt.Sprintf("a handful at a time, at most %d here", orders/2),
		Why:      "After an hour without a mail server, a million jobs wait. A worker that reads all of them runs out of memory, starts anew, and reads all of them; and there is nothing left for a second worker.",
	})
}

// A guard. Somebody has forgotten a line in the worker's configuration, or half of it.
func TestWorkerWithoutAMailServerDoesNotStart(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "mail.example.com"} {
		app := lab.Start(t, lab.Workers(0), lab.Env(patient))
		sell(app, lab.OrderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)))
		worker, _ := app.TryWorker(lab.Env("SMTP_ADDR=" + address))
		ended := lab.Within(patience, func() bool { return !worker.Running() })
		code, _ := worker.Stop() // of a process that is gone, it tells how it ended
		said := ""
		for _, line := range worker.Logs() {
			said += "\n" + line.Text
		}
		lab.Require(t, ended && code > 0 && strings.Contains(said, "SMTP_ADDR"), lab.Finding{
			Measured: fmt.Sprintf("a worker was started with SMTP_ADDR=%q. %v later it has ended: %t, with exit code %d. It said:%s", address, patience, ended, code, said),
			Expected: "that it ends at once with an error that names SMTP_ADDR",
			Why:      "A worker that can't send mail does its jobs all the same. Each of them is done, no mail is sent, and nothing is left that could be tried again.",
			Try:      "SMTP_ADDR= DATABASE_URL=postgres://localhost/boxoffice go run . work",
		})
		app.StartWorker()
		requireInbox(t, app, lab.Buyer.Email, 1, "after one order, a worker without a mail server, and then a worker that has one", "Buyers without a mail order again, or call.")
	}
}

// brief is the beginning of a statement, on one line.
func brief(s lab.Statement) string {
	words := strings.Join(strings.Fields(s.SQL), " ")
	if len(words) > 100 {
		words = words[:100] + " …"
	}
	return words
}
