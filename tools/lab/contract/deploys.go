package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const (
	// migrators are how many instances of a deployment migrate before they serve.
	migrators = 6
	// meeting is how long this waits for migrations to get into one another's way.
	meeting = 5 * time.Second
	// migrated is how long they may all take: who waits for a lock looks at it now and then.
	migrated = 30 * time.Second
)

// MigrationsMayMeet holds when six runs of `boxoffice migrate` on one empty database, all at
// once, end well, each of them.
func MigrationsMayMeet(t *testing.T) {
	t.Helper()
	t.Parallel()
	empty := lab.NewUnmigrated(t)
	tables := empty.Postgres.Hold(createsUsers)
	defer tables.Open()
	runs := make([]*lab.Command, migrators)
	for i := range runs {
		runs[i] = empty.Migrate()
	}
	// The first to come to its first table waits there. Either a second one comes as well, and
	// then the two are in one another's way, or all others wait for the first.
	lab.Within(meeting, func() bool {
		return tables.Hits() > 1 || tables.Hits() == 1 && len(askedForALock(empty.Postgres.Statements())) == migrators
	})
	tables.Open()
	var failed []string
	for _, run := range runs {
		if ending, said := run.Wait(migrated); ending != lab.Succeeded {
			failed = append(failed, ending+": "+said)
		}
	}
	lab.Require(t, len(failed) == 0, lab.Finding{
		Measured: fmt.Sprintf("of %d runs of `boxoffice migrate` at the same time, %d failed:\n%s", migrators, len(failed), strings.Join(failed, "\n")),
		Expected: "all of them succeed: one migrates, the others wait for it and find nothing left to do",
		Why:      "A deployment starts several instances, and each migrates before it serves. What fails by chance there fails on the night of the sale.",
	})
}

// createsUsers matches what makes the first table.
func createsUsers(s lab.Statement) bool { return lab.Verb("CREATE")(s) && lab.Touches("users")(s) }

// askedForALock are the connections that have asked for a lock, by any of the usual names.
func askedForALock(statements []lab.Statement) (connections []int) {
	for _, s := range statements {
		if strings.Contains(strings.ToLower(s.SQL), "lock") && !slices.Contains(connections, s.Connection) {
			connections = append(connections, s.Connection)
		}
	}
	return connections
}

// ColumnsMayBeAdded holds when each route answers as before once each table has a column
// more, as the migration of the next release makes it while the instances of this one still
// serve.
func ColumnsMayBeAdded(t *testing.T) {
	t.Helper()
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	// The first walk has connections opened, statements prepared and answers remembered.
	failed := walk(app, everyRoute(lab.OnSale, buyer, organiser))
	lab.Require(t, len(failed) == 0, lab.Finding{
		Measured: "of all routes, these didn't answer as they should:\n" + strings.Join(failed, "\n"),
		Expected: "each answers, before anything happens",
		Why:      "This test can't tell what a new column breaks where a route is broken already.",
	})
	mails := app.Mail.Count()
	tables := addColumns(t, app)
	failed = walk(app, everyRoute(lab.FewLeft, buyer, organiser))
	lab.Require(t, len(failed) == 0, lab.Finding{
		Measured: fmt.Sprintf("another release added a column to each of %s; after that:\n%s", strings.Join(tables, ", "), strings.Join(failed, "\n")),
		Expected: "the same answers as before: this release asks for no column that it doesn't know",
		Why:      "A deployment migrates first, and the old instances serve until the last one is replaced. Whoever fetches all columns there are fails from the migration on, and back again is no way out.",
	})
	lab.Eventually(t, 10*time.Second, func() bool { return app.Mail.Count() > mails }, lab.Finding{
		Measured: "no mail for an order that was made after the columns were added",
		Expected: "one mail to the buyer, as before",
		Why:      "What happens behind the answer reads the same tables.",
	})
}

// addColumns adds one to each table of the API's own, and returns their names.
func addColumns(t *testing.T, app *lab.App) (tables []string) {
	t.Helper()
	rows, err := app.DB().Query(`
		SELECT table_name FROM information_schema.tables
		WHERE table_schema = current_schema AND table_type = 'BASE TABLE' AND table_name !~ '^(goose_|river_)'
		ORDER BY table_name`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var table string
		require.NoError(t, rows.Scan(&table))
		tables = append(tables, table)
	}
	require.NoError(t, rows.Err())
	for _, table := range tables {
		_, err := app.DB().Exec(fmt.Sprintf(`ALTER TABLE %q ADD COLUMN added_later text NOT NULL DEFAULT 'unknown to this release'`, table))
		require.NoError(t, err, table)
	}
	return tables
}

// routed is a request with the status that it is answered with.
type routed struct {
	request *lab.Request
	want    int
}

// anyStatus is for reports, which come with a later step and look different while they are
// being built: any that is no failure of the API's.
const anyStatus = 0

// everyRoute is a request to each route that reads or writes the database.
func everyRoute(event lab.Event, buyer, organiser string) []routed {
	path := fmt.Sprintf("/events/%d", event.ID)
	return []routed{
		{lab.POST("/users", lab.Body{"email": fmt.Sprintf("event-%d@example.com", event.ID), "password": "a long pass phrase"}), http.StatusCreated},
		{lab.POST("/sessions", lab.Body{"email": lab.OtherBuyer.Email, "password": lab.OtherBuyer.Password}), http.StatusCreated},
		{lab.GET("/events?q=%s", url.QueryEscape(event.Title)), http.StatusOK},
		{lab.GET("%s", path), http.StatusOK},
		{lab.GET("/me").As(buyer), http.StatusOK},
		{lab.OrderOf(event, 1).As(buyer), http.StatusCreated},
		{lab.GET("/me/orders").As(buyer), http.StatusOK},
		{lab.GET("/orders/1").As(buyer), http.StatusOK},
		{lab.PATCH(path, lab.Body{"price_cents": 100}).As(organiser), http.StatusOK},
		{lab.POST("/reports/sales", nil).As(organiser), anyStatus},
		{lab.GET("/jobs/1").As(organiser), anyStatus},
	}
}

// walk sends the requests one after another, and says which were answered otherwise.
func walk(app *lab.App, routes []routed) (failed []string) {
	for _, r := range routes {
		status := app.Do(r.request).Status
		if status >= http.StatusInternalServerError || r.want != anyStatus && status != r.want {
			failed = append(failed, fmt.Sprintf("%s: %d", r.request, status))
		}
	}
	return failed
}

// The passwords of a URL that can't be read, in two words that nothing else says.
const guess, theRest = "xyzzy", "plugh"

// whyUnreadable is why a start that fails says so little.
const whyUnreadable = "What a failed start prints goes into the log of the deployment, and from there to everybody who may read logs. A password there has to be changed everywhere."

// UnreadableDatabaseURLIsNotShown holds when `boxoffice serve` and `boxoffice migrate` end with an
// error that names DATABASE_URL, and none of the password in it, when that can't be read.
func UnreadableDatabaseURLIsNotShown(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, url := range []string{
		"postgres://box:" + guess + "/" + theRest + "@127.0.0.1:1/db",
		"postgres://box:" + guess + "%zz" + theRest + "@127.0.0.1:1/db",
		"postgres://box:" + guess + " " + theRest + "@127.0.0.1:1/db",
		"postgres://box:" + guess + "#" + theRest + "@127.0.0.1:1/db",
		"postgres//box:" + guess + theRest + "@127.0.0.1:1/db",
	} {
		for _, command := range []string{"serve", "migrate"} {
			ended := requireDiscreet(t, command, "DATABASE_URL", url, "REDIS_URL=redis://127.0.0.1:1")
			lab.Require(t, ended, lab.Finding{
				Measured: fmt.Sprintf("`boxoffice %s` with DATABASE_URL=%q still runs after %v", command, url, starting),
				Expected: "an error that names DATABASE_URL, and the end",
				Why:      "Each request would find out anew what could be known at the start.",
			})
		}
	}
}

// UnreadableRedisURLIsNotShown holds when `boxoffice serve` does the same with REDIS_URL, or starts
// without looking at it, as an API that keeps its sessions elsewhere.
func UnreadableRedisURLIsNotShown(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, url := range unreadableRedisURLs {
		if !requireDiscreet(t, "serve", "REDIS_URL", url, noDatabase) {
			return
		}
	}
}

// UnreadableCacheURLIsNotShown holds when `boxoffice serve` does the same with CACHE_URL, beside a
// REDIS_URL that can be read.
func UnreadableCacheURLIsNotShown(t *testing.T) {
	t.Helper()
	t.Parallel()
	for _, url := range unreadableRedisURLs {
		if !requireDiscreet(t, "serve", "CACHE_URL", url, noDatabase, "REDIS_URL=redis://127.0.0.1:1") {
			return
		}
	}
}

const noDatabase = "DATABASE_URL=postgres://box@127.0.0.1:1/db?sslmode=disable"

// unreadableRedisURLs have the password in places where libraries quote it.
var unreadableRedisURLs = []string{
	"redis://:" + guess + "/" + theRest + "@127.0.0.1:1",
	"redis://:" + guess + "%zz" + theRest + "@127.0.0.1:1",
	"redis://:" + guess + " " + theRest + "@127.0.0.1:1",
	"redis//:" + guess + theRest + "@127.0.0.1:1",
}

// starting is how long a program may take to look at its environment.
const starting = 10 * time.Second

// requireDiscreet starts a command with a variable that can't be read, and demands that it says so
// without the value. It reports whether the command has ended; one that hasn't has no need of the
// variable at its start.
func requireDiscreet(t *testing.T, command, variable, value string, others ...string) (ended bool) {
	t.Helper()
	environment := append([]string{"ADDR=127.0.0.1:0", "TOKEN_SECRET=" + strings.Repeat("0123456789abcdef", 2), variable + "=" + value}, others...)
	run := lab.RunCommand(t, command, environment...)
	if !lab.Within(starting, run.Ended) {
		run.Kill()
		return false
	}
	ending, said := run.Wait(starting)
	lab.Require(t, ending != lab.Succeeded && strings.Contains(said, variable), lab.Finding{
		Measured: fmt.Sprintf("`boxoffice %s` with %s=%q ended with %s, and said:\n%s", command, variable, value, ending, said),
		Expected: "an error that names " + variable,
		Why:      "Whoever has made a mistake in a variable must learn in which one.",
	})
	lab.Require(t, !strings.Contains(said, guess) && !strings.Contains(said, theRest), lab.Finding{
		Measured: fmt.Sprintf("`boxoffice %s` with %s=%q said:\n%s", command, variable, value, said),
		Expected: "nothing of the password, " + guess + " and " + theRest + ": what a library says of a URL that it can't read quotes it",
		Why:      whyUnreadable,
	})
	return true
}
