package pgtap_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
)

func TestPlainQueryIsOneQueryInOneTrip(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	got, statements := since(tap, func() {
		var n int
		require.NoError(t, db.QueryRow("SELECT 42").Scan(&n))
		require.Equal(t, 42, n)
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 1, got.RoundTrips)
	assert.Equal(t, 1, got.Rows)
	assert.Zero(t, got.Connections)
	require.Len(t, statements, 1)
	st := statements[0]
	assert.Equal(t, "SELECT 42", st.SQL)
	assert.Equal(t, "SELECT 1", st.Tag)
	assert.Equal(t, 1, st.Rows)
	assert.Equal(t, 1, st.Connection)
	assert.Equal(t, 13, st.Bytes, "a row of one column: 5 bytes of header, 2 of count, 4 of length, 2 of value")
	assert.True(t, st.Done)
	assert.False(t, st.InTransaction)
	assert.False(t, st.End.Before(st.Start))
}

func TestArgumentsTakeTwoTripsAndAreOneQuery(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	got, statements := since(tap, func() {
		rows, err := db.Query("SELECT $1::int, $2::text, $3::text", 7, "it's", nil)
		require.NoError(t, err)
		require.True(t, rows.Next())
		require.NoError(t, rows.Close())
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 2, got.RoundTrips)
	assert.Equal(t, 1, got.Parses)
	require.Len(t, statements, 1)
	assert.Equal(t, []string{"7", "it's", "NULL"}, statements[0].Args)
	assert.Equal(t, []pgtap.Param{{Value: "7"}, {Value: "it's"}, {Null: true}}, statements[0].Params)
}

func TestBinaryParametersTakeOneTrip(t *testing.T) {
	tap, db := start(t, "&binary_parameters=yes")
	require.NoError(t, db.Ping())
	got, statements := since(tap, func() {
		var n int
		require.NoError(t, db.QueryRow("SELECT length($1::bytea) + $2::int", []byte{1, 255}, 3).Scan(&n))
		require.Equal(t, 5, n)
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 1, got.RoundTrips)
	require.Len(t, statements, 1)
	assert.Equal(t, []string{`\x01ff`, "3"}, statements[0].Args)
	assert.Equal(t, []pgtap.Param{{Value: "\x01\xff", Binary: true}, {Value: "3"}}, statements[0].Params)
}

func TestPreparedStatementIsParsedOnce(t *testing.T) {
	tap, db := start(t, "")
	x := sqlx.NewDb(db, "postgres")
	got, statements := since(tap, func() {
		stmt, err := x.Preparex("SELECT $1::bigint")
		require.NoError(t, err)
		for i := range 10 {
			var n int
			require.NoError(t, stmt.Get(&n, i))
		}
		require.NoError(t, stmt.Close())
	})
	assert.Equal(t, 1, got.Parses)
	assert.Equal(t, 10, got.Queries)
	assert.Equal(t, 12, got.RoundTrips, "one to prepare, one to close")
	assert.Equal(t, 10, got.Rows)
	require.Len(t, statements, 10)
	assert.Equal(t, []string{"9"}, statements[9].Args)
}

func TestTransactionsAreControl(t *testing.T) {
	tap, db := start(t, "")
	got, statements := since(tap, func() {
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("SELECT 1")
		require.NoError(t, err)
		_, err = tx.Exec("SAVEPOINT a; SELECT 2; ROLLBACK TO a")
		require.NoError(t, err)
		assert.Equal(t, 1, tap.Stats().InTransaction)
		assert.Equal(t, 1, tap.Stats().Idle)
		require.NoError(t, tx.Commit())
		tx, err = db.Begin()
		require.NoError(t, err)
		require.NoError(t, tx.Rollback())
	})
	assert.Equal(t, 2, got.Queries)
	assert.Equal(t, 6, got.Control)
	assert.Equal(t, 2, got.Transactions)
	assert.Equal(t, 1, got.Commits)
	assert.Equal(t, 1, got.Rollbacks)
	assert.Zero(t, got.InTransaction)
	var inside []bool
	for _, st := range statements {
		inside = append(inside, st.InTransaction)
	}
	assert.Equal(t, []bool{false, true, true, true, true, true, false, true}, inside)
}

func TestCommitOfAFailedTransactionIsARollback(t *testing.T) {
	tap, db := start(t, "")
	got, _ := since(tap, func() {
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("SELECT 1/0")
		require.Error(t, err)
		require.Equal(t, 1, tap.Stats().InTransaction)
		require.Error(t, tx.Commit())
	})
	assert.Equal(t, 1, got.Transactions)
	assert.Zero(t, got.Commits)
	assert.Equal(t, 1, got.Rollbacks)
}

func TestSemicolonsSeparateQueries(t *testing.T) {
	tap, db := start(t, "")
	got, statements := since(tap, func() {
		_, err := db.Exec("SELECT ';'; BEGIN; SELECT 2 /* ; */; COMMIT;")
		require.NoError(t, err)
	})
	assert.Equal(t, 2, got.Queries)
	assert.Equal(t, 2, got.Control)
	require.Len(t, statements, 4)
	assert.Equal(t, "SELECT ';'", statements[0].SQL)
	assert.Equal(t, "COMMIT", statements[3].Tag)
	assert.True(t, statements[2].InTransaction)
}

func TestStatementsBehindAnErrorAreNotCounted(t *testing.T) {
	tap, db := start(t, "")
	got, statements := since(tap, func() {
		_, err := db.Exec("SELECT 1; SELECT 1/0; SELECT 3")
		require.Error(t, err)
	})
	assert.Equal(t, 2, got.Queries)
	assert.Equal(t, 1, got.Errors)
	assert.Equal(t, "22012", statements[1].SQLState)
	assert.Zero(t, tap.Stats().Busy)
}

func TestPingIsControl(t *testing.T) {
	tap, db := start(t, "")
	got, _ := since(tap, func() { require.NoError(t, db.Ping()) })
	assert.Zero(t, got.Queries)
	assert.Equal(t, 1, got.Connections)
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		sql   string
		args  []any
		state string
	}{
		"simple":            {"SELECT 1/0", nil, "22012"},
		"syntax":            {"SELEC 1", nil, "42601"},
		"while parsing":     {"SELECT $1::int FROM nowhere", []any{1}, "42P01"},
		"while binding":     {"SELECT $1::int", []any{"x"}, "22P02"},
		"while running":     {"SELECT 1/$1::int", []any{0}, "22012"},
		"half of the rows":  {"SELECT 1/(3-n) FROM generate_series(1, 5) n", nil, "22012"},
		"raised with notes": {"DO $$ BEGIN RAISE NOTICE 'hm'; RAISE unique_violation; END $$", nil, "23505"},
	} {
		t.Run(name, func(t *testing.T) {
			tap, db := start(t, "")
			got, statements := since(tap, func() {
				_, err := db.Exec(c.sql, c.args...)
				var failure *pq.Error
				require.ErrorAs(t, err, &failure)
				require.EqualValues(t, c.state, failure.Code)
			})
			assert.Equal(t, 1, got.Queries)
			assert.Equal(t, 1, got.Errors)
			require.Len(t, statements, 1)
			assert.Equal(t, c.sql, statements[0].SQL)
			assert.Equal(t, c.state, statements[0].SQLState)
			assert.True(t, statements[0].Done)
			got, _ = since(tap, func() { require.NoError(t, db.QueryRow("SELECT 1").Err()) })
			assert.Equal(t, 1, got.Queries, "the pipeline is in step again")
			assert.Zero(t, got.Connections)
		})
	}
}

func TestCancelIsNoConnectionOfThePool(t *testing.T) {
	tap, db := start(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() { _, err := db.ExecContext(ctx, "SELECT pg_sleep(60)"); failed <- err }()
	eventually(t, "the statement runs", func() bool { return len(tap.Running()) == 1 })
	cancel()
	require.Error(t, <-failed)
	got := tap.Stats()
	assert.Equal(t, 1, got.Cancels)
	assert.Equal(t, 1, got.Connections)
	st := tap.Statements()[0]
	assert.Equal(t, "57014", st.SQLState)
	assert.True(t, st.Cancelled)
	assert.Empty(t, tap.Running())
	eventually(t, "lib/pq drops the connection", func() bool { return tap.Stats().Open == 0 })
}

func TestCopyIn(t *testing.T) {
	tap, db := start(t, "")
	got, statements := since(tap, func() {
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("CREATE TEMP TABLE seats (id int, name text)")
		require.NoError(t, err)
		stmt, err := tx.Prepare("copy seats from stdin")
		require.NoError(t, err)
		for i := range 10_000 {
			_, err := stmt.Exec(i, "a seat in the gallery")
			require.NoError(t, err)
		}
		_, err = stmt.Exec()
		require.NoError(t, err)
		require.NoError(t, stmt.Close())
		var n int
		require.NoError(t, tx.QueryRow("SELECT count(*) FROM seats").Scan(&n))
		require.Equal(t, 10_000, n)
		require.NoError(t, tx.Rollback())
	})
	assert.Equal(t, 3, got.Queries)
	assert.Equal(t, 1, got.Rows)
	assert.Greater(t, got.Sent, 250_000)
	require.Len(t, statements, 5)
	assert.Equal(t, "COPY 10000", statements[2].Tag)
}

func TestFailedCopyIn(t *testing.T) {
	tap, db := start(t, "")
	require.NoError(t, db.Ping())
	got, _ := since(tap, func() {
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("CREATE TEMP TABLE seats (id int)")
		require.NoError(t, err)
		stmt, err := tx.Prepare("copy seats from stdin")
		require.NoError(t, err)
		_, err = stmt.Exec("not a number")
		require.NoError(t, err)
		_, err = stmt.Exec()
		require.Error(t, err)
		require.NoError(t, tx.Rollback())
	})
	assert.Equal(t, 1, got.Errors)
	assert.Zero(t, got.Busy)
}

func TestBigResultIsCountedToTheRow(t *testing.T) {
	tap, db := start(t, "")
	got, statements := since(tap, func() {
		var ids []int
		x := sqlx.NewDb(db, "postgres")
		require.NoError(t, x.Select(&ids, "SELECT n FROM generate_series(1, $1::int) n", 100_000))
		require.Len(t, ids, 100_000)
		require.Equal(t, 100_000, ids[99_999])
	})
	assert.Equal(t, 100_000, got.Rows)
	assert.Equal(t, 100_000, statements[0].Rows)
	assert.Greater(t, got.Bytes, statements[0].Bytes)
}

func TestEndpointsTellClientsApart(t *testing.T) {
	tap, db := start(t, "")
	endpoint, err := tap.OpenEndpoint()
	require.NoError(t, err)
	require.NoError(t, db.Ping())
	assert.Zero(t, endpoint.Arrivals())
	tap.Down()
	if conn, err := net.Dial("tcp", endpoint.Addr()); err == nil { // the reset may come that soon
		defer conn.Close()
	}
	eventually(t, "it has arrived", func() bool { return endpoint.Arrivals() == 1 })
	eventually(t, "it is counted", func() bool { return tap.Stats().Refused == 1 })
	require.NoError(t, tap.Close())
	_, err = tap.OpenEndpoint()
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestManyParametersPass(t *testing.T) {
	tap, db := start(t, "")
	ids := make([]any, 40_000)
	var list strings.Builder
	for i := range ids {
		ids[i] = i
		fmt.Fprintf(&list, ", $%d::int", i+1)
	}
	var n int
	require.NoError(t, db.QueryRow("SELECT cardinality(ARRAY["+list.String()[2:]+"])", ids...).Scan(&n))
	assert.Equal(t, len(ids), n)
	assert.Len(t, tap.Statements()[0].Args, len(ids))
}

func TestHugeRowsPass(t *testing.T) {
	tap, db := start(t, "")
	want := strings.Repeat("boxoffice, ", 100_000)
	var got string
	require.NoError(t, db.QueryRow("SELECT $1::text || ''", want).Scan(&got))
	assert.True(t, got == want, "a megabyte comes back as it went")
	st := tap.Statements()[0]
	assert.Less(t, len(st.Args[0]), 5_000, "the log keeps the beginning of an argument")
	assert.Equal(t, []pgtap.Param{{Lost: true}}, st.Params)
	assert.Greater(t, st.Bytes, 1<<20)
}

func TestManyConnectionsAtOnce(t *testing.T) {
	tap, db := start(t, "")
	gate := tap.Hold(pgtap.Work)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			var n int
			assert.NoError(t, db.QueryRowContext(within(t), "SELECT $1::int", 1).Scan(&n))
		})
	}
	eventually(t, "all wait", func() bool { return gate.Hits() == 30 })
	now := tap.Stats()
	assert.Equal(t, 30, now.Open)
	assert.Equal(t, 30, now.Busy)
	assert.Equal(t, 30, now.Queries)
	assert.Zero(t, now.Rows)
	assert.Len(t, tap.Running(), 30)
	gate.Open()
	all.Wait()
	now = tap.Stats()
	assert.Equal(t, 30, now.Rows)
	assert.Equal(t, 30, now.Idle)
	assert.Equal(t, 30, now.MostOpen)
	require.NoError(t, db.Close())
	eventually(t, "all are closed", func() bool { return tap.Stats().Open == 0 })
}

func TestWrongPasswordIsRefused(t *testing.T) {
	tap, err := pgtap.New(pg.Dial, pgtap.Options{Password: "right"})
	require.NoError(t, err)
	defer tap.Close()
	db, err := sql.Open("postgres", "postgres://someone:wrong@"+tap.Addr()+"/postgres?sslmode=disable")
	require.NoError(t, err)
	defer db.Close()
	var failure *pq.Error
	require.True(t, errors.As(db.Ping(), &failure))
	assert.EqualValues(t, "28P01", failure.Code)
	assert.Equal(t, `password authentication failed for user "someone"`, failure.Message)
}

func TestWithoutAPasswordTheServerAuthenticates(t *testing.T) {
	tap, err := pgtap.New(pg.Dial, pgtap.Options{})
	require.NoError(t, err)
	defer tap.Close()
	require.NoError(t, open(t, tap, "").Ping())
	assert.NotContains(t, tap.URL("me", "db"), ":@")
}

func TestUnknownDatabaseIsTheServersWord(t *testing.T) {
	tap := newTap(t)
	db, err := sql.Open("postgres", tap.URL(pg.User(), "no such database"))
	require.NoError(t, err)
	defer db.Close()
	var failure *pq.Error
	require.True(t, errors.As(db.Ping(), &failure))
	assert.EqualValues(t, "3D000", failure.Code)
}

func TestNotificationsAndNoticesPass(t *testing.T) {
	tap, db := start(t, "")
	listener := pq.NewListener(tap.URL(pg.User(), "postgres"), time.Second, time.Minute, nil)
	defer listener.Close()
	require.NoError(t, listener.Listen("sold_out"))
	got, _ := since(tap, func() {
		_, err := db.Exec("SELECT pg_notify('sold_out', '42')")
		require.NoError(t, err)
		select {
		case n := <-listener.Notify:
			assert.Equal(t, "42", n.Extra)
		case <-time.After(deadline):
			t.Error("no notification came")
		}
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 2, tap.Stats().Idle)
}
