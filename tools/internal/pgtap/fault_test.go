package pgtap_test

import (
	"bytes"
	"context"
	"database/sql"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fault"
	"example.com/boxoffice/tools/internal/pgtap"
)

// exec runs a statement in the background.
func exec(ctx context.Context, db *sql.DB, query string, args ...any) <-chan error {
	done := make(chan error, 1)
	go func() { _, err := db.ExecContext(ctx, query, args...); done <- err }()
	return done
}

// table makes a table for one test, past the tap, and returns a count of its rows.
func table(t *testing.T, name string) (count func() int) {
	t.Helper()
	db, err := sql.Open("postgres", pg.URL("postgres"))
	require.NoError(t, err)
	_, err = db.Exec("DROP TABLE IF EXISTS " + name + "; CREATE TABLE " + name + " (id int)")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP TABLE " + name)
		assert.NoError(t, err)
		db.Close()
	})
	return func() (n int) {
		require.NoError(t, db.QueryRow("SELECT count(*) FROM "+name).Scan(&n))
		return n
	}
}

func TestHoldStopsAStatementBeforeTheServer(t *testing.T) {
	count := table(t, "held")
	tap, db := start(t, "")
	gate := tap.Hold(pgtap.Writes("held"))
	done := exec(within(t), db, "INSERT INTO held VALUES ($1)", 1)
	reached(t, gate.Reached())
	assert.Zero(t, count())
	assert.Len(t, tap.Running(), 1)
	_, err := db.Exec("SELECT 1")
	require.NoError(t, err, "what doesn't match passes")
	gate.Open()
	require.NoError(t, <-done)
	assert.Equal(t, 1, count())
	assert.Equal(t, 1, gate.Hits())
}

func TestHoldRowsStopsTheReply(t *testing.T) {
	tap, db := start(t, "")
	gate := tap.HoldRows(3, pgtap.Verb("select"))
	rows, err := db.Query("SELECT n FROM generate_series(1, 100000) n")
	require.NoError(t, err)
	defer rows.Close()
	for range 3 {
		require.True(t, rows.Next())
	}
	reached(t, gate.Reached())
	assert.Equal(t, 3, tap.Stats().Rows)
	gate.Open()
	for rows.Next() {
	}
	require.NoError(t, rows.Err())
	assert.Equal(t, 100_000, tap.Stats().Rows)
}

func TestHoldRowsStopsTheEndOfAReplyOfSoManyRows(t *testing.T) {
	count := table(t, "ended")
	tap, db := start(t, "")
	gate := tap.HoldRows(0, pgtap.Touches("ended"))
	done := exec(within(t), db, "INSERT INTO ended VALUES (1)")
	reached(t, gate.Reached())
	eventually(t, "the server has done it", func() bool { return count() == 1 })
	assert.Empty(t, done)
	gate.Open()
	require.NoError(t, <-done)
}

func TestHoldReplyStopsTheEndOfTheReply(t *testing.T) {
	for name, query := range map[string]string{
		"autocommit":    "INSERT INTO told SELECT n FROM generate_series(1, $1::int) n",
		"many rows":     "INSERT INTO told SELECT n FROM generate_series(1, $1::int) n RETURNING repeat('x', 100)",
		"in one string": "BEGIN; INSERT INTO told VALUES (1); COMMIT; SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			count := table(t, "told")
			tap, db := start(t, "")
			gate := tap.HoldReply(pgtap.Writes("told"))
			args := []any{1000}
			if name == "in one string" {
				args = nil
			}
			done := exec(within(t), db, query, args...)
			reached(t, gate.Reached())
			assert.NotZero(t, count(), "the server has committed")
			assert.Empty(t, done)
			assert.Len(t, tap.Running(), 1)
			gate.Open()
			require.NoError(t, <-done)
			assert.Equal(t, 1, gate.Hits())
		})
	}
}

func TestHoldReplyHoldsErrors(t *testing.T) {
	tap, db := start(t, "")
	gate := tap.HoldReply(pgtap.Work)
	done := exec(within(t), db, "SELECT 1 / n FROM generate_series(0, $1::int) n", 1)
	reached(t, gate.Reached())
	assert.Empty(t, done)
	gate.Open()
	require.Error(t, <-done)
}

// A statement of a client that is gone when the gate opens must not run, however close together the
// two are, and whatever was sent behind it.
func TestWhatADeadClientSentStaysAtTheGate(t *testing.T) {
	count := table(t, "orphaned")
	for _, messages := range [][][]byte{
		{simple("INSERT INTO orphaned VALUES (1)")},
		{statement("INSERT INTO orphaned VALUES (1)"), syncNow()},
	} {
		tap := newTap(t)
		for range 50 {
			gate := tap.Hold(pgtap.Writes("orphaned"))
			c := dial(t, tap)
			c.send(messages...)
			reached(t, gate.Reached())
			c.conn.Close()
			gate.Open()
		}
		c := dial(t, tap)
		c.send(simple("BEGIN"))
		c.until('Z')
		gate := tap.Hold(pgtap.Verb("SELECT"))
		c.send(simple("INSERT INTO orphaned VALUES (2)"))
		c.until('Z')
		c.send(simple("SELECT 1"), simple("COMMIT"), frame('X'))
		reached(t, gate.Reached())
		c.conn.Close()
		gate.Open()
		eventually(t, "all sessions have ended", func() bool { return tap.Stats().Open == 0 })
	}
	assert.Zero(t, count())
}

func TestADeadClientLeavesWhatTheServerHasDone(t *testing.T) {
	count := table(t, "done")
	tap := newTap(t)
	gate := tap.HoldReply(pgtap.Verb("COMMIT"))
	c := dial(t, tap)
	c.query("BEGIN")
	c.query("INSERT INTO done VALUES (1)")
	c.send(simple("COMMIT"))
	reached(t, gate.Reached())
	assert.Equal(t, 1, count())
	c.conn.Close()
	eventually(t, "the session has ended", func() bool { return tap.Stats().Open == 0 })
	gate.Open()
	assert.Equal(t, 1, count())
}

// Without the tap's help lib/pq would hang here: it waits for the answer to the statement that it
// cancelled, which the server never saw.
func TestCancelFreesAHeldStatement(t *testing.T) {
	for name, args := range map[string][]any{"simple": nil, "extended": {1}} {
		t.Run(name, func(t *testing.T) {
			count := table(t, "cancelled")
			tap, db := start(t, "")
			gate := tap.Hold(pgtap.Writes("cancelled"))
			ctx, cancel := context.WithCancel(t.Context())
			query := "INSERT INTO cancelled VALUES (1)"
			if args != nil {
				query = "INSERT INTO cancelled VALUES ($1)"
			}
			done := exec(ctx, db, query, args...)
			reached(t, gate.Reached())
			cancel()
			var failure *pq.Error
			require.ErrorAs(t, <-done, &failure)
			assert.EqualValues(t, "57014", failure.Code)
			gate.Open()
			assert.Zero(t, count())
			st := tap.Statements()[0]
			assert.True(t, st.Cancelled)
			assert.Equal(t, "57014", st.SQLState)
		})
	}
}

func TestCancelOfAHeldStatementFailsItsTransaction(t *testing.T) {
	tap, _ := start(t, "")
	c := dial(t, tap)
	c.query("BEGIN")
	gate := tap.Hold(pgtap.Work)
	c.send(simple("SELECT 1"))
	reached(t, gate.Reached())
	c.cancel(tap)
	assert.Equal(t, []string{"E57014", "ZE"}, c.until('Z'))
	gate.Open()
	assert.Equal(t, []string{"E25P02", "ZE"}, c.query("SELECT 1"))
	assert.Equal(t, []string{"CROLLBACK", "ZI"}, c.query("COMMIT"))
}

func TestCancelFreesAHeldReply(t *testing.T) {
	tap, db := start(t, "")
	gate := tap.HoldRows(2, pgtap.Work)
	ctx, cancel := context.WithCancel(t.Context())
	done := exec(ctx, db, "SELECT n, pg_sleep(0.001) FROM generate_series(1, 1000000) n")
	reached(t, gate.Reached())
	cancel()
	require.Error(t, <-done)
	assert.Equal(t, "57014", tap.Statements()[0].SQLState)
	gate.Open()
}

func TestClientThatLeavesAGateIsSeenToLeave(t *testing.T) {
	tap, _ := start(t, "")
	c := dial(t, tap)
	gate := tap.Hold(pgtap.Any)
	c.send(simple("SELECT 1"))
	reached(t, gate.Reached())
	require.NoError(t, c.conn.Close())
	eventually(t, "it is gone", func() bool { return tap.Stats().Open == 0 })
}

func TestCutBeforeLeavesNothingDone(t *testing.T) {
	count := table(t, "cut_before")
	tap, db := start(t, "")
	cut := tap.CutAt(2, fault.Before, pgtap.Writes("cut_before"))
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO cut_before VALUES (1)")
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO cut_before VALUES (2)")
	require.Error(t, err)
	reached(t, cut.Reached())
	st, ok := cut.At()
	assert.True(t, ok)
	assert.Equal(t, "INSERT INTO cut_before VALUES (2)", st.SQL)
	assert.Zero(t, count())
}

func TestCutAfterLeavesItDone(t *testing.T) {
	for name, args := range map[string][]any{"simple": nil, "extended": {1}} {
		t.Run(name, func(t *testing.T) {
			count := table(t, "cut_after")
			tap, db := start(t, "")
			conn, err := db.Conn(within(t))
			require.NoError(t, err)
			defer conn.Close()
			cut := tap.CutAt(1, fault.After, pgtap.Writes("cut_after"))
			query := "INSERT INTO cut_after VALUES (1)"
			if args != nil {
				query = "INSERT INTO cut_after VALUES ($1)"
			}
			_, err = conn.ExecContext(within(t), query, args...)
			require.Error(t, err)
			reached(t, cut.Reached())
			st, _ := cut.At()
			assert.Equal(t, "INSERT 0 1", st.Tag)
			assert.Equal(t, 1, count(), "committed, though the API can't know")
		})
	}
}

// A statement outside of a transaction commits at the Sync, which may come after the server has said
// that the statement is complete.
func TestCutAfterWaitsForTheCommit(t *testing.T) {
	count := table(t, "cut_sync")
	tap := newTap(t)
	c := dial(t, tap)
	cut := tap.CutAt(1, fault.After, pgtap.Writes("cut_sync"))
	c.send(statement("INSERT INTO cut_sync VALUES (1)"), flush())
	eventually(t, "it is complete", func() bool {
		all := tap.Statements()
		return len(all) == 1 && all[0].Done
	})
	_, fallen := cut.At()
	assert.False(t, fallen)
	assert.Zero(t, count())
	c.send(syncNow())
	reached(t, cut.Reached())
	assert.Equal(t, 1, count())
}

func TestCutAfterCommit(t *testing.T) {
	count := table(t, "cut_commit")
	tap, db := start(t, "")
	tap.CutAt(1, fault.After, pgtap.Verb("COMMIT"))
	tx, err := db.Begin()
	require.NoError(t, err)
	_, err = tx.Exec("INSERT INTO cut_commit VALUES (1)")
	require.NoError(t, err)
	require.Error(t, tx.Commit())
	assert.Equal(t, 1, count())
}

func TestStoppedCutDoesNotFall(t *testing.T) {
	tap, db := start(t, "")
	cut := tap.CutAt(1, fault.Before, pgtap.Any)
	cut.Stop()
	require.NoError(t, db.Ping())
	_, ok := cut.At()
	assert.False(t, ok)
}

func TestCutAll(t *testing.T) {
	tap, db := start(t, "")
	for range 3 {
		conn, err := db.Conn(within(t))
		require.NoError(t, err)
		defer conn.Close()
	}
	require.Equal(t, 3, tap.Stats().Open)
	assert.Equal(t, 3, tap.CutAll())
	eventually(t, "all are gone", func() bool { return tap.Stats().Open == 0 })
	conn, err := db.Conn(within(t))
	require.NoError(t, err, "new ones are welcome")
	require.NoError(t, conn.Close())
}

func TestDelayIsPerRoundTrip(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	const d = 20 * time.Millisecond
	tap.Delay(d)
	begun := time.Now()
	_, err := db.Exec("SELECT $1::int", 1)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Since(begun), 2*d)
	tap.Delay(0)
}

// A thousand messages that nobody waits for in between are one round trip: 20 seconds if they weren't.
func TestDelayIsNotPerMessage(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	c.query("CREATE TEMP TABLE seats (id int)")
	tap.Delay(20 * time.Millisecond)
	c.send(simple("COPY seats FROM STDIN"))
	c.until('G')
	c.send(bytes.Repeat(frame('d', []byte("1\n")), 1000), frame('c'))
	assert.Equal(t, []string{"CCOPY 1000", "ZI"}, c.until('Z'))
}

// lateConn is a connection to the server that carries nothing while shut.
type lateConn struct {
	net.Conn
	mu *sync.Mutex
}

func (c lateConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.Write(b)
}

// The tap counts a statement as sent before the server has begun it. PostgreSQL forgets a cancel that
// comes in between.
func TestCancelThatOvertakesItsStatementIsNotLost(t *testing.T) {
	var shut sync.Mutex
	first := true
	tap, err := pgtap.New(func() (net.Conn, error) {
		conn, err := pg.Dial()
		if first && err == nil {
			first = false
			return lateConn{conn, &shut}, nil
		}
		return conn, err
	}, pgtap.Options{Password: "secret"})
	require.NoError(t, err)
	defer tap.Close()
	c := dial(t, tap)
	shut.Lock()
	c.send(simple("SELECT pg_sleep(60)"))
	eventually(t, "it is sent", func() bool { return len(tap.Running()) == 1 })
	c.cancel(tap)
	shut.Unlock()
	assert.Contains(t, c.until('Z'), "E57014")
	assert.Equal(t, 1, tap.Stats().Cancels)
}

func TestCancelOfADelayedStatementComesBehindIt(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	tap.Delay(50 * time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	done := exec(ctx, db, "SELECT pg_sleep(60)")
	eventually(t, "it is sent", func() bool { return len(tap.Running()) == 1 })
	cancel()
	select {
	case err := <-done:
		require.Error(t, err)
	case <-time.After(deadline):
		t.Fatal("the cancel was lost")
	}
}

func TestStallFreezesEverything(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	resume := tap.Stall()
	again := tap.Stall()
	old, fresh := exec(t.Context(), db, "SELECT 1"), exec(t.Context(), db, "SELECT 2")
	eventually(t, "one is sent, one connects", func() bool {
		return tap.Stats().Connections == 2 && len(tap.Running()) == 1
	})
	resume()
	assert.Zero(t, tap.Stats().Rows)
	again()
	require.NoError(t, <-old)
	require.NoError(t, <-fresh)
}

func TestServerThatIsDownIsNotThere(t *testing.T) {
	tap, db := start(t, "")
	conn, err := db.Conn(within(t))
	require.NoError(t, err)
	defer conn.Close()
	up := tap.Down()
	require.Error(t, conn.PingContext(within(t)), "open connections are cut")
	require.Error(t, db.Ping())
	assert.Positive(t, tap.Stats().Refused)
	assert.Equal(t, 1, tap.Stats().Connections)
	up()
	require.NoError(t, db.Ping())
}

func TestRefuseSaysWhy(t *testing.T) {
	tap, db := start(t, "")
	conn, err := db.Conn(within(t))
	require.NoError(t, err)
	defer conn.Close()
	refusal := tap.Refuse("53300", "sorry, too many clients already")
	var fatal *pq.Error
	require.ErrorAs(t, db.Ping(), &fatal)
	assert.Equal(t, "FATAL", fatal.Severity)
	assert.EqualValues(t, "53300", fatal.Code)
	assert.Equal(t, "sorry, too many clients already", fatal.Message)
	require.NoError(t, conn.PingContext(within(t)), "open ones stay")
	assert.Equal(t, 1, refusal.Hits())
	assert.Equal(t, 1, tap.Stats().Refused)
	assert.Equal(t, 1, tap.Stats().Connections)
	refusal.Stop()
	require.NoError(t, db.Ping())
}

func TestCloseFreesAllThatWaits(t *testing.T) {
	for name, disturb := range map[string]func(*pgtap.Tap){
		"gate":  func(tap *pgtap.Tap) { tap.Hold(pgtap.Any) },
		"rows":  func(tap *pgtap.Tap) { tap.HoldRows(0, pgtap.Any) },
		"stall": func(tap *pgtap.Tap) { tap.Stall() },
		"delay": func(tap *pgtap.Tap) { tap.Delay(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			tap, _ := start(t, "")
			c := dial(t, tap)
			disturb(tap)
			c.send(simple("SELECT 1"))
			eventually(t, "it is sent", func() bool { return len(tap.Running()) == 1 })
			idle, err := net.Dial("tcp", tap.Addr())
			require.NoError(t, err)
			defer idle.Close()
			require.NoError(t, tap.Close())
			assert.Zero(t, tap.Stats().Open)
			assert.Equal(t, 1, tap.Stats().Queries, "what was measured stays")
		})
	}
}
