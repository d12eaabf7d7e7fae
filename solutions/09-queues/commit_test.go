package main_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// theCommitOf matches what makes the first row lasting that is written to the table
// from now on: its transaction's COMMIT, or, without a transaction, the write itself.
// Other transactions, such as one that has nothing but a job in it, are not meant.
func theCommitOf(table string) lab.Match {
	var mu sync.Mutex
	connection, over := 0, false
	return func(s lab.Statement) bool {
		mu.Lock()
		defer mu.Unlock()
		writes := lab.Writes(table)(s)
		if connection == 0 && writes {
			connection = s.Connection
		}
		if s.Connection != connection || over {
			return false
		}
		over = writes && !s.InTransaction || lab.Verb("COMMIT", "END")(s)
		return over
	}
}

const whyAtomic = "Two writes that can be done one without the other will be, on the day on which most is written: a mail about tickets that nobody has, or tickets that nobody was told of."

// countOrders returns how many orders the database holds for the user.
func countOrders(t *testing.T, app *lab.App, user lab.User) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow(`SELECT count(*) FROM orders WHERE user_id = $1`, user.ID).Scan(&n))
	return n
}

// passOver makes sure that the workers have seen whatever was in the queue: it has
// other orders mailed to somebody else.
func passOver(t *testing.T, app *lab.App) {
	t.Helper()
	token := app.LogIn(lab.OtherBuyer)
	for range 3 {
		n := len(app.Mail.Inbox(lab.OtherBuyer.Email))
		sell(app, lab.OrderOf(lab.OnSale, 1).As(token))
		requireInbox(t, app, lab.OtherBuyer.Email, n+1, "after an order like any other", "Buyers without a mail order again, or call.")
	}
}

// requireMails demands that the buyer has as many mails as orders.
func requireMails(t *testing.T, app *lab.App, before int, when string) {
	t.Helper()
	orders := func() int { return countOrders(t, app, lab.Buyer) - before }
	mails := func() int { return len(app.Mail.Inbox(lab.Buyer.Email)) }
	lab.Within(patience, func() bool { return mails() >= orders() })
	passOver(t, app)
	lab.Require(t, mails() == orders(), lab.Finding{
		Measured: fmt.Sprintf("%s: the database has %d new orders of the buyer's, and %d mails came", when, orders(), mails()),
		Expected: "as many mails as orders",
		Why:      whyAtomic,
	})
}

func TestRefusedOrdersAreNotMailed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	before := countOrders(t, app, lab.Buyer)
	for _, event := range []lab.Event{lab.SoldOut, lab.Past} {
		refused := app.Do(lab.OrderOf(event, 1).As(token))
		require.GreaterOrEqual(t, refused.Status, 400, "there is nothing to sell")
	}
	requireMails(t, app, before, "after orders for an event that is sold out, and for one that is over")

	// The database takes the write, and refuses to commit it.
	_, err := app.DB().Exec(fmt.Sprintf(`
		CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$;
		CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.user_id = %d) EXECUTE FUNCTION refuse_late();`, lab.Buyer.ID))
	require.NoError(t, err)
	answer := app.Do(lab.OrderOf(lab.OnSale, 1).As(token))
	require.GreaterOrEqual(t, answer.Status, 500, "the database refuses the order")
	requireMails(t, app, before, "after an order whose COMMIT the database refused")
}

// An order is all but committed. Meanwhile, the worker works.
func TestNobodyWorksOnWhatIsNotCommitted(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env(patient))
	token := app.LogIn(lab.Buyer)
	before := countOrders(t, app, lab.Buyer)
	gate := app.Postgres.Hold(theCommitOf("orders"))
	defer gate.Open()
	pending := app.Begin(lab.OrderOf(lab.FewLeft, 1).As(token))
	lab.Eventually(t, patience, func() bool { return gate.Hits() > 0 }, neverCommitted)
	passOver(t, app)
	lab.Require(t, len(app.Mail.Inbox(lab.Buyer.Email)) == 0, lab.Finding{
		Measured: "the order's transaction is not committed yet, and its mail has come already",
		Expected: "no mail before the order is there for good",
		Why:      whyAtomic,
	})
	gate.Open()
	pending.Wait(patience).Expect(http.StatusCreated, whySold)
	requireMails(t, app, before, "an order's COMMIT took a while, in which the worker looked for jobs; then it went through")
}

var neverCommitted = lab.Finding{
	Measured: fmt.Sprintf("an order was sent, and within %v no statement that would make it lasting came to PostgreSQL", patience),
	Expected: "the transaction with the order, and its COMMIT",
	Why:      whyAtomic,
}

// The process is killed at the two moments between which an order becomes lasting.
func TestCrashAtTheCommit(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	for _, moment := range []struct {
		what   string
		orders int
		hold   func(*lab.App) *lab.Gate
	}{
		{"the API was killed while its COMMIT was on the way, and PostgreSQL never saw it", 0,
			func(app *lab.App) *lab.Gate { return app.Postgres.Hold(theCommitOf("orders")) }},
		{"the API was killed when PostgreSQL had committed, and before the API heard of it", 1,
			func(app *lab.App) *lab.Gate { return app.Postgres.HoldReply(theCommitOf("orders")) }},
	} {
		app := lab.Start(t, lab.Env(patient))
		token := app.LogIn(lab.Buyer)
		before := countOrders(t, app, lab.Buyer)
		gate := moment.hold(app)
		app.Begin(lab.OrderOf(lab.OnSale, 1).As(token))
		lab.Eventually(t, patience, func() bool { return gate.Hits() > 0 }, neverCommitted)
		app.Instances[0].Kill()
		gate.Open()
		require.NoError(t, app.Instances[0].Restart())
		lab.Within(patience, func() bool { return countOrders(t, app, lab.Buyer)-before == moment.orders })
		require.Equal(t, moment.orders, countOrders(t, app, lab.Buyer)-before, moment.what)
		requireMails(t, app, before, moment.what)
	}
}

// The connection to PostgreSQL breaks at each statement of an order in turn, before
// PostgreSQL gets it and after it has done it.
func TestBrokenOrdersAndMailsAgree(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Env("REQUEST_TIMEOUT=10s"))
	token := app.LogIn(lab.Buyer)
	before := countOrders(t, app, lab.Buyer)
	sell(app, lab.OrderOf(lab.OnSale, 1).As(token))
	asked := app.Postgres.Stats()
	sell(app, lab.OrderOf(lab.OnSale, 1).As(token))
	order := app.Postgres.StatementsSince(asked)
	statements := len(order) + 2 // a repeated one is one more
	for k := 1; k <= statements; k++ {
		for _, after := range []bool{false, true} {
			when := lab.Before
			if after {
				when = lab.After
			}
			had := countOrders(t, app, lab.Buyer)
			cut := app.Postgres.CutAt(k, when, lab.Any)
			answer := app.Begin(lab.OrderOf(lab.OnSale, 1).As(token)).Wait(2 * patience)
			cut.Stop()
			statement, _ := cut.At()
			made := countOrders(t, app, lab.Buyer) - had
			lab.Require(t, made <= 1, lab.Finding{
				Measured: fmt.Sprintf("an order lost its connection %s PostgreSQL did this: %s. It was answered with %d, and the buyer has %d orders more", when, brief(statement), answer.Status, made),
				Expected: "one, or none",
				Why:      "Whoever loses the connection at a COMMIT can't know whether it has happened. Who then does it all again sells twice what was ordered once.",
			})
		}
	}
	requireMails(t, app, before, fmt.Sprintf("after %d orders, each of which lost its connection at another statement, before or after PostgreSQL did it", 2*statements))

	for _, statement := range order {
		lab.Require(t, !waitsForNoDisk.MatchString(statement.SQL), lab.Finding{
			Measured: "an order tells PostgreSQL: " + brief(statement),
			Expected: "nothing of that kind: whoever commits an order waits until it is on the disk",
			Why:      "When the machine of the database goes down, the last orders are gone, after their 201. Their buyers have paid.",
		})
	}
	// No connection breaks. The database doesn't take what an order writes besides.
	for _, table := range besides(t, app, order) {
		had := countOrders(t, app, lab.Buyer)
		app.RefuseWrites(table)
		answer := app.Do(lab.OrderOf(lab.OnSale, 1).As(token))
		made := countOrders(t, app, lab.Buyer) - had
		lab.Require(t, answer.Status >= 500 && made == 0, lab.Finding{
			Measured: fmt.Sprintf("the database refused what an order writes to %s; the order was answered with %d, and the buyer has %d orders more", table, answer.Status, made),
			Expected: "a 5xx, and no order",
			Why:      whyAtomic,
		})
	}
}

// waitsForNoDisk is what has PostgreSQL commit before the disk has it.
var waitsForNoDisk = regexp.MustCompile(`(?i)synchronous_commit'?\s*(=|,|to)\s*'?(off|false|0)`)

// besides are the tables that the statements write to, but for those of orders and events.
func besides(t *testing.T, app *lab.App, statements []lab.Statement) (tables []string) {
	t.Helper()
	rows, err := app.DB().Query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('orders', 'events')`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		if slices.ContainsFunc(statements, lab.Writes(table)) {
			tables = append(tables, table)
		}
	}
	require.NoError(t, rows.Err())
	return tables
}
