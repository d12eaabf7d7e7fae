package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// patience is how long these tests wait for what has to happen soon.
const patience = 5 * time.Second

// patient is a deadline for requests that these tests never reach.
const patient = "REQUEST_TIMEOUT=1m"

const whySold = "Selling tickets is what this API is for."

// within waits until the condition holds, and reports whether it came to that.
func within(d time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(d); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// sell orders a ticket, demands that the order is accepted, and returns its id.
func sell(app *lab.App, r *lab.Request) int64 {
	var order orderAnswer
	app.Do(r).Expect(http.StatusCreated, whySold).JSON(&order)
	return order.ID
}

// requireInbox waits until the address has n mails.
func requireInbox(t *testing.T, app *lab.App, address string, n int, after, why string) {
	t.Helper()
	enough := within(2*patience, func() bool { return len(app.Mail.Inbox(address)) >= n })
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

	pending := app.Begin(orderOf(lab.OnSale, 1).As(token))
	answered := within(patience, pending.Answered)
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
		pending := app.Begin(orderOf(lab.OnSale, 1).As(token))
		answered := within(patience, pending.Answered)
		lab.Require(t, answered, lab.Finding{
			Measured: fmt.Sprintf("no worker runs and the mail server stalls; %v later an order has no answer", patience),
			Expected: "201: the order waits for nobody",
			Why:      "When the worker is down for a deploy, or the mail server is, the sale goes on.",
		})
		pending.Wait(patience).Expect(http.StatusCreated, whySold)
	}
	app.Instances[0].Kill()
	gate.Open()
	app.StartWorker()
	arrived := within(patience, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) >= orders })
	lab.Require(t, arrived && len(app.Mail.Inbox(lab.Buyer.Email)) == orders, lab.Finding{
		Measured: fmt.Sprintf("%d orders were accepted, then the API was killed, and then a worker was started: %d mails came", orders, len(app.Mail.Inbox(lab.Buyer.Email))),
		Expected: fmt.Sprintf("%d: what has to be done later is kept where the worker finds it", orders),
		Why:      "What only the memory of the API knows is gone with each deploy, each crash and each kill for want of memory.",
	})
}

// Who reads the worker's log must find what a request has led to.
func TestWorkerLogsTheRequestsID(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	const id = "the-order-of-a-test"
	sell(app, orderOf(lab.OnSale, 1).As(app.LogIn(lab.Buyer)).Header("X-Request-ID", id))
	told := within(patience, func() bool {
		for _, line := range app.Workers[0].Logs() {
			if line.Fields["request_id"] == id {
				return true
			}
		}
		return false
	})
	lab.Require(t, told, lab.Finding{
		Measured: fmt.Sprintf("a request with X-Request-ID: %s ordered a ticket; none of the worker's %d log lines has this request_id", id, len(app.Workers[0].Logs())),
		Expected: "the lines about a job carry the id of the request that it comes from",
		Why:      "A buyer complains that no mail came. With the id, one search finds the order in the API's log and the failed mail in the worker's.",
	})
}

// The mails are for whom they should be, one for each order, however many work.
func TestEachOrderHasItsOwnMail(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2), lab.Workers(2), lab.Env(patient))
	people := []lab.User{lab.Buyer, lab.OtherBuyer}
	tokens := []string{app.LogIn(people[0]), app.LogIn(people[1])}
	const orders = 24
	events := onSale(app, orders)
	for i, answer := range app.Burst(orders, func(i int) *lab.Request {
		return lab.POST(fmt.Sprintf("/events/%d/orders", events[i]), body{"quantity": 1}).As(tokens[i%2]).On(i / 2 % 2)
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
}

// onSale returns n events that have tickets left.
func onSale(app *lab.App, n int) []int64 {
	var page pageAnswer
	app.Do(lab.GET("/events?limit=100")).Expect(http.StatusOK, "Anybody may see what is on.").JSON(&page)
	var found []int64
	for _, event := range page.Events {
		if event.Remaining > 0 && len(found) < n {
			found = append(found, event.ID)
		}
	}
	return found
}

// More jobs wait than one worker should ever hold.
func TestWorkersTakeAHandful(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0), lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	const orders = 120
	events := onSale(app, 30)
	for i := range orders {
		sell(app, lab.POST(fmt.Sprintf("/events/%d/orders", events[i%len(events)]), body{"quantity": 1}).As(token))
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

// brief is the beginning of a statement, on one line.
func brief(s lab.Statement) string {
	words := strings.Join(strings.Fields(s.SQL), " ")
	if len(words) > 100 {
		words = words[:100] + " …"
	}
	return words
}
