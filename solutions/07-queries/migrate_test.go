package main_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// patience is how long these tests wait for what has to happen soon.
const patience = 10 * time.Second

// makesIndex matches what makes an index of a table that grows, and what makes one anew.
func makesIndex(s lab.Statement) bool {
	return s.Verb() == "REINDEX" || s.Verb() == "CREATE" && lab.Touches("index")(s) &&
		slices.ContainsFunc(large, func(table string) bool { return lab.Touches(table)(s) })
}

// installed is what `boxoffice migrate` does to an empty database when nobody is in its
// way: the statements that make indexes, in their order, and what they make.
func installed(t *testing.T) (statements, indexes []string) {
	t.Helper()
	empty := lab.NewUnmigrated(t)
	ending, said := empty.Migrate().Wait(patience)
	require.Equal(t, lab.Succeeded, ending, said)
	for _, s := range empty.Postgres.Statements() {
		if makesIndex(s) {
			statements = append(statements, s.SQL)
		}
	}
	lab.Require(t, len(statements) > 0, lab.Finding{
		Measured: "`boxoffice migrate` makes no index of events, orders or users",
		Expected: "one for each question that the lists ask",
		Why:      "Without an index, each page reads the whole table.",
	})
	return statements, indexesOf(t, empty.DB())
}

// indexesOf are the indexes of the tables that grow, as the SQL that makes them.
func indexesOf(t *testing.T, db *sql.DB) (indexes []string) {
	t.Helper()
	rows, err := db.Query(`
		SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' (INVALID)' END
		FROM pg_index WHERE indrelid::regclass::text = ANY (string_to_array($1, ',')) ORDER BY 1`, strings.Join(large, ","))
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var index string
		require.NoError(t, rows.Scan(&index))
		indexes = append(indexes, index)
	}
	require.NoError(t, rows.Err())
	return indexes
}

// stopAt starts `boxoffice migrate`, and has it come to the statement while a buyer's
// transaction is open, which no index of the table can be finished beside. It returns when
// the statement waits for that. ready is false when the migration ended before.
func stopAt(t *testing.T, empty *lab.Unmigrated, statement string) (run *lab.Command, sale *sql.Tx, ready bool) {
	t.Helper()
	gate := empty.Postgres.Hold(func(s lab.Statement) bool { return s.SQL == statement })
	defer gate.Open()
	run = empty.Migrate()
	lab.Within(patience, func() bool { return gate.Hits() > 0 || run.Ended() })
	if gate.Hits() == 0 {
		return run, nil, false
	}
	var there bool
	require.NoError(t, empty.DB().QueryRow(`SELECT to_regclass('orders') IS NOT NULL`).Scan(&there))
	lab.Require(t, there, lab.Finding{
		Measured: "on an empty database, this comes before the tables are there for others, in the migration that makes them:\n" + oneLine(statement),
		Expected: "that it comes in a later migration: 00001 has run in production, and never runs there again",
		Why:      "New databases have the index, and those are the ones of developers and of tests. The one that needs it never gets it.",
	})
	sale = requireSale(t, empty.DB(), oneLine(statement))
	gate.Open()
	return run, sale, lab.Within(patience, func() bool { return waiting(t, empty.DB()) > 0 || run.Ended() }) && !run.Ended()
}

// waiting is the process of PostgreSQL that waits with an index for somebody else's
// transaction, 0 for none.
func waiting(t *testing.T, db *sql.DB) (pid int) {
	t.Helper()
	require.NoError(t, db.QueryRow(`
		SELECT coalesce(max(pid), 0) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~* '\mindex\M'`).Scan(&pid))
	return pid
}

// An index of a large table takes minutes, and tickets are sold meanwhile.
func TestSaleGoesOnWhileIndexesAreBuilt(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	statements, _ := installed(t)
	for _, statement := range statements {
		empty := lab.NewUnmigrated(t)
		run, sale, ready := stopAt(t, empty, statement)
		require.True(t, ready, "%s was built without waiting for a transaction that writes", oneLine(statement))

		another := requireSale(t, empty.DB(), oneLine(statement))
		require.NoError(t, another.Rollback())
		require.NoError(t, sale.Rollback())
		ending, said := run.Wait(patience)
		require.Equal(t, lab.Succeeded, ending, said)
	}
}

// requireSale begins a transaction that takes the locks of any INSERT or UPDATE, as a sale does, and demands that it
// needn't wait for the statement that the migration is at.
func requireSale(t *testing.T, db *sql.DB, statement string) *sql.Tx {
	t.Helper()
	sale, err := beginSale(t, db)
	lab.Require(t, err == nil, lab.Finding{
		Measured: fmt.Sprintf("while `boxoffice migrate` is at this, an INSERT or UPDATE waits behind it (%v):\n%s", err, statement),
		Expected: "that it goes through, as it does before and after",
		Why:      "One slow transaction, and nobody sells a ticket until it is over and the index built or dropped. With a million rows, to build it alone takes a minute.",
	})
	return sale
}

// beginSale fails when the locks can't be had.
func beginSale(t *testing.T, db *sql.DB) (*sql.Tx, error) {
	t.Helper()
	sale, err := db.Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = sale.Rollback() })
	_, err = sale.Exec(`SET LOCAL lock_timeout = '2s'; LOCK TABLE ` + strings.Join(large, ", ") + ` IN ROW EXCLUSIVE MODE`)
	return sale, err
}

// sellThrough has sales follow each other while the migration works at indexes, each of which begins before
// the last one is over, and demands that none of them waits for it.
func sellThrough(t *testing.T, empty *lab.Unmigrated, run *lab.Command) {
	t.Helper()
	sale := requireSale(t, empty.DB(), "its beginning")
	for {
		waits := "" // the statement that waits
		lab.Within(patience, func() bool {
			waits = statementThatWaits(t, empty.DB())
			return waits != "" || run.Ended()
		})
		if !aboutIndex(waits) {
			break
		}
		next, err := beginSale(t, empty.DB())
		// By then, the migration may have come to a table that refers to a large one.
		if now := statementThatWaits(t, empty.DB()); err != nil && now != "" && !aboutIndex(now) {
			break
		}
		if err != nil {
			next = requireSale(t, empty.DB(), oneLine(waits))
		}
		require.NoError(t, sale.Rollback())
		sale = next
	}
	require.NoError(t, sale.Rollback())
}

// statementThatWaits is one that waits for somebody else's locks, "" for none.
func statementThatWaits(t *testing.T, db *sql.DB) (statement string) {
	t.Helper()
	require.NoError(t, db.QueryRow(`
		SELECT coalesce(max(query), '') FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&statement))
	return statement
}

func aboutIndex(statement string) bool { return strings.Contains(strings.ToLower(statement), "index") }

// Deployments have deadlines, and operators have patience, and both end.
func TestMigrationGivenUpIsRunAgain(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	statements, indexes := installed(t)
	empty := lab.NewUnmigrated(t)
	last := "on an empty database"
	for _, statement := range statements {
		run, sale, ready := stopAt(t, empty, statement)
		if !ready {
			requireDeployed(t, run, last)
			require.Fail(t, "the migration was over before it came to its statement", oneLine(statement))
		}
		run.Kill()
		// PostgreSQL itself would notice that its client is gone once the index is built.
		_, err := empty.DB().Exec(`SELECT pg_terminate_backend($1)`, waiting(t, empty.DB()))
		require.NoError(t, err)
		lab.Within(patience, func() bool { return waiting(t, empty.DB()) == 0 })
		require.NoError(t, sale.Rollback())
		last = "after one that was killed in the middle of " + oneLine(statement)
	}
	run := empty.Migrate()
	sellThrough(t, empty, run)
	requireDeployed(t, run, last)
	left := indexesOf(t, empty.DB())
	lab.Require(t, slices.Equal(left, indexes), lab.Finding{
		Measured: fmt.Sprintf("`boxoffice migrate` was killed in the middle of each index, and then ended well. These are the indexes:\n%s", strings.Join(left, "\n")),
		Expected: "those of a migration that nobody killed:\n" + strings.Join(indexes, "\n"),
		Why:      "An index whose building was given up is there by its name, and invalid: each write keeps it up, and no query uses it. Nothing tells, but the lists are slow.",
	})
}

// requireDeployed demands that a run ends well.
func requireDeployed(t *testing.T, run *lab.Command, when string) {
	t.Helper()
	ending, said := run.Wait(patience)
	lab.Require(t, ending == lab.Succeeded, lab.Finding{
		Measured: fmt.Sprintf("`boxoffice migrate`, %s, ended with %s:\n%s", when, ending, said),
		Expected: "that it goes on where the last one was given up, or begins again",
		Why:      "What an index leaves behind, finished or not, is in the way of the next try. So no release can be deployed any more, until somebody mends the database by hand.",
	})
}
