package lab

import (
	"context"
	"database/sql"
	"testing"

	"example.com/boxoffice/tools/internal/pgtap"
)

// Unmigrated is a database without a table, as `boxoffice migrate` finds it when the API
// is installed, with a tap before it.
type Unmigrated struct {
	// Postgres counts what migrations send to the database, and can hold, delay and cut it.
	Postgres *pgtap.Tap

	t   testing.TB
	url string // through the tap
	db  *sql.DB
}

// NewUnmigrated gives the test an empty database of its own.
func NewUnmigrated(t testing.TB) *Unmigrated {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	opened, err := shared.open(ctx, program().Migrate)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	attached, err := opened.AttachEmpty(ctx)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	cleanUp(t, attached.Close)
	db, err := sql.Open("postgres", attached.DirectURL)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	t.Cleanup(func() { _ = db.Close() })
	return &Unmigrated{Postgres: attached.Postgres, t: t, url: attached.List()[0].Address, db: db}
}

// DB is a pool of connections to the database that bypasses the tap.
func (u *Unmigrated) DB() *sql.DB { return u.db }

// Migrate starts `boxoffice migrate` and doesn't wait for its end.
func (u *Unmigrated) Migrate() *Command {
	u.t.Helper()
	return RunCommand(u.t, "migrate", "DATABASE_URL="+u.url)
}
