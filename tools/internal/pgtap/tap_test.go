package pgtap_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/services/postgres"
)

const deadline = 10 * time.Second

var pg *postgres.Server

func TestMain(m *testing.M) {
	postgres.RunIfSupervisor()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if pg, err = postgres.Start(ctx, postgres.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer pg.Close()
	return m.Run()
}

// start makes a tap with a password, and a database/sql pool that runs through it.
func start(t testing.TB, params string) (*pgtap.Tap, *sql.DB) {
	tap := newTap(t)
	return tap, open(t, tap, params)
}

func newTap(t testing.TB) *pgtap.Tap {
	t.Helper()
	password := "secret"
	if pg.External() {
		password = ""
	}
	tap, err := pgtap.New(pg.Dial, pgtap.Options{Password: password})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tap.Close()) })
	return tap
}

func open(t testing.TB, tap *pgtap.Tap, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", tap.URL(pg.User(), "postgres")+params)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	db.SetMaxIdleConns(100)
	return db
}

// within returns a context that fails a test which hangs.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for what the other side of a socket shows a moment later.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, deadline, time.Millisecond, what)
}

func reached(t testing.TB, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(deadline):
		t.Fatal("no statement came")
	}
}

// since returns what f made the tap count.
func since(tap *pgtap.Tap, f func()) (pgtap.Stats, []pgtap.Statement) {
	before := tap.Stats()
	f()
	return tap.Stats().Since(before), tap.StatementsSince(before)
}
