package main_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// behind runs the test with three instances behind each proxy with deploy/nginx.conf.
func behind(t *testing.T, test func(t *testing.T, app *lab.App, front *lab.Front), env ...lab.Option) {
	for _, proxy := range lab.Proxies() {
		t.Run(proxy.Name, func(t *testing.T) {
			t.Parallel()
			proxy.Require(t)
			app := lab.Start(t, append(env, lab.Instances(3))...)
			test(t, app, proxy.Front(app, "deploy/nginx.conf"))
		})
	}
}

// A reader notices nothing when an instance dies: neither those whose request it had,
// nor those who come while it is gone.
func TestKilledInstanceCostsNoReader(t *testing.T) {
	t.Parallel()
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		token := app.LogIn(lab.Buyer)
		gate := app.Postgres.Hold(lab.Touches("orders"))
		held := front.Begin(lab.GET("/me/orders").As(token))
		await(t, gate.Reached())
		dies := busy(t, app)
		load := visit(front, 3, 0, "")
		app.Instances[dies].Kill()
		gate.Open()
		select {
		case <-held.Done():
		case <-time.After(soon):
		}
		lab.Require(t, held.Answered() && held.Wait(soon).Status == http.StatusOK, lab.Finding{
			Measured: "an instance was killed while it worked on GET /me/orders, and nginx answered: " + pendingStatus(held),
			Expected: "200 OK, from another instance",
			Why:      "A GET changes nothing. Whoever asked needn't know that the first one who was asked has died.",
		})
		buyMany(t, front, token)
		load.stop(t, "one of three instances was killed (SIGKILL) and stayed away", "Two instances are left, and both can answer.")
	}, lab.Workers(0))
}

// buyMany makes orders while an instance is gone.
func buyMany(t *testing.T, front *lab.Front, token string) {
	t.Helper()
	for i := range 9 {
		answer := front.Send(lab.OrderOf(lab.OnSale, 1).As(token))
		lab.Require(t, answer.Status == http.StatusCreated, lab.Finding{
			Measured: fmt.Sprintf("one of three instances is gone; of the orders that came then, number %d ended so: %s", i+1, ending(answer)),
			Expected: "201 Created: whoever wasn't reached has done nothing, so even an order may be sent to another",
			Why:      "Two instances are left, and both can sell.",
		})
	}
}

func pendingStatus(p *lab.Pending) string {
	if !p.Answered() {
		return "nothing"
	}
	return ending(p.Wait(soon))
}

const twice = "A buyer who gets an error looks into their orders, and buys again if there is none. A buyer who gets two orders has paid twice, and finds out at the door."

func TestOrderIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	lab.Task(t, 3)
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		token, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
		gate := app.Postgres.Hold(holdSpecial)
		order := front.Begin(lab.OrderOf(special, 1).As(token))
		await(t, gate.Reached())
		dies := busy(t, app)
		reports := askForReports(t, app, front, organiser, dies)
		load := visit(front, 3, 0, "")
		app.Instances[dies].Kill()
		awaitAnswerOr(order, func() bool { return gate.Hits() > 1 })
		written := reports.written()
		gate.Open()
		awaitAnswerOr(order, func() bool { return false })
		load.stop(t, "one of three instances was killed (SIGKILL) and stayed away", "Two instances are left, and both can answer.")
		expectOneTry(t, app, front, order, "an instance was killed while it worked on an order, before it had written anything")
		lab.Require(t, written == len(reports.asked), lab.Finding{
			Measured: fmt.Sprintf("an instance was killed while it worked on POST /reports/sales. Reports that were asked for: %d, reports that instances have begun to write: %d", len(reports.asked), written),
			Expected: "the same number: what is true of orders is true of each POST",
			Why:      "A report that is made twice costs the database the same again in a bad moment. The next route that takes money is a POST, too.",
		})
	}, lab.Workers(0))
}

// reports are requests for a report that instances have got and not answered.
type reports struct {
	gate  *lab.Gate
	asked []*lab.Pending
}

// askForReports asks for reports until the instance, which has an order in flight, has got
// one. The database holds them all.
func askForReports(t *testing.T, app *lab.App, front *lab.Front, token string, instance int) *reports {
	t.Helper()
	r := &reports{gate: app.Postgres.Hold(lab.Writes("reports"))}
	t.Cleanup(r.gate.Open)
	for range 9 { // of three instances, each gets every third one, or who has the least to do
		r.asked = append(r.asked, front.Begin(lab.POST("/reports/sales", nil).As(token)))
		require.True(t, lab.Within(soon, func() bool { return r.gate.Hits() >= len(r.asked) }), "a report is written to the database")
		if app.Metrics(instance).Sum("http_requests_in_flight") > 2 { // the order, and the question itself
			return r
		}
	}
	t.Fatal("\nOf 9 reports, asked for one after another, none came to the instance that has an order in flight.")
	return nil
}

// written waits until one of them is answered, or was sent again, and returns how many
// instances have begun to write one.
func (r *reports) written() int {
	lab.Within(soon, func() bool {
		return r.gate.Hits() > len(r.asked) || slices.ContainsFunc(r.asked, func(p *lab.Pending) bool {
			select {
			case <-p.Done():
				return true
			default:
				return false
			}
		})
	})
	return r.gate.Hits()
}

func TestOrderThatWasMadeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	lab.Task(t, 3)
	behind(t, func(t *testing.T, app *lab.App, front *lab.Front) {
		token := app.LogIn(lab.Buyer)
		gate := app.Postgres.HoldReply(lab.Verb("COMMIT"))
		order := front.Begin(lab.OrderOf(special, 1).As(token))
		await(t, gate.Reached())
		app.Instances[busy(t, app)].Kill()
		awaitAnswerOr(order, func() bool { return gate.Hits() > 1 })
		gate.Open()
		awaitAnswerOr(order, func() bool { return false })
		expectOneTry(t, app, front, order, "an instance was killed after PostgreSQL had committed an order, before it could say so")
		lab.Eventually(t, soon, func() bool { return len(app.Mail.Inbox(lab.Buyer.Email)) > 0 }, lab.Finding{
			Measured: "an order was committed, its instance was killed, and no mail came",
			Expected: "1 mail: the order is made, and the worker knows of it",
			Why:      aMailLost,
		})
		mails := len(app.Mail.Inbox(lab.Buyer.Email))
		lab.Require(t, mails == 1, lab.Finding{
			Measured: fmt.Sprintf("one order was sent, its instance was killed after the commit, and the buyer has %d mails", mails),
			Expected: "1 mail",
			Why:      twice,
		})
	})
}

// awaitAnswerOr waits until the request is answered, or something else has happened.
func awaitAnswerOr(p *lab.Pending, happened func() bool) {
	for deadline := time.Now().Add(soon); time.Now().Before(deadline) && !happened(); {
		select {
		case <-p.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// expectOneTry demands that one instance alone has seen the order.
func expectOneTry(t *testing.T, app *lab.App, front *lab.Front, order *lab.Pending, killed string) {
	t.Helper()
	var made int
	require.NoError(t, app.DB().QueryRow(`
		SELECT count(*) FROM orders JOIN users ON users.id = user_id WHERE event_id = $1 AND email = $2`,
		special.ID, lab.Buyer.Email).Scan(&made), "count the orders")
	sent := 0
	for _, try := range triesOf(front, http.MethodPost) {
		if strings.HasSuffix(try.Path, "/orders") {
			sent++
		}
	}
	lab.Require(t, sent == 1, lab.Finding{
		Measured: fmt.Sprintf("%s. nginx then sent it to another one: %d instances have got it, orders in the database: %d, and the buyer got %s", killed, sent, made, pendingStatus(order)),
		Expected: "one try, and an error for the buyer: nobody but the database knows what has become of the order",
		Why:      twice,
	})
	lab.Require(t, made <= 1, lab.Finding{
		Measured: fmt.Sprintf("%s, and for one POST there are %d orders", killed, made),
		Expected: "at most 1",
		Why:      twice,
	})
}
