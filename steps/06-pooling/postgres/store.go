// Package postgres keeps users, events and orders in PostgreSQL.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/boxoffice/steps/06-pooling/boxoffice"
)

// Store is a [boxoffice.Store].
type Store struct {
	connector driver.Connector
	slowQuery time.Duration
}

var _ boxoffice.Store = (*Store)(nil)

// Options are what an operator sets.
type Options struct {
	// MaxConns is how many connections the store opens at most. All instances
	// together must stay below max_connections of the server.
	MaxConns int
	// Timeout is how long a statement may take. The contexts of the requests see to
	// that; a server that doesn't say anything for longer is given up.
	Timeout time.Duration
	// SlowQuery is how long a statement may take before it is logged.
	SlowQuery time.Duration
	// Registry shows the pool's state as metrics.
	Registry prometheus.Registerer
}

// Open returns a store on the database. It only reads the URL: connections are
// opened when they are needed.
func Open(databaseURL string, options Options) (*Store, error) {
	connector, err := newConnector(databaseURL, options)
	if err != nil {
		return nil, err
	}
	// TODO(task 1): one pool, made here with sql.OpenDB, for all methods of the store.
	// How many connections may it open, how many does it keep, and for how long? When all
	// of them are busy, what does Ping say?
	return &Store{connector: connector, slowQuery: options.SlowQuery}, nil
}

// Ping returns why the database doesn't answer, or nil. It returns as soon as the
// context ends, since a frozen database would not let the driver go.
func (s *Store) Ping(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- s.ping(ctx) }()
	select {
	case err := <-answer:
		if err != nil {
			return domainError("ping the database", err)
		}
		return nil
	case <-ctx.Done():
		return domainError("ping the database", ctx.Err())
	}
}

func (s *Store) ping(ctx context.Context) error {
	db, err := s.connect(ctx)
	if err != nil {
		return err
	}
	return db.Close()
}

// connect opens a connection for one method, which closes it. That is the
// slowest thing that this API does.
//
// TODO(task 1): nobody needs this any more once there is a pool.
func (s *Store) connect(ctx context.Context) (*sqlx.DB, error) {
	db := sqlx.NewDb(sql.OpenDB(s.connector), "postgres")
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, domainError("connect to the database", err)
	}
	return db, nil
}

// domainError translates what the driver says into the errors of the boxoffice,
// and adds what was being done.
func domainError(doing string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = boxoffice.ErrNotFound
	}
	// TODO(task 3): which errors mean that there was no time left?
	// TODO(task 4): and which that the database was gone, or left in the middle?
	// Both are boxoffice.ErrUnavailable. But when it left in the middle of a COMMIT, it
	// is boxoffice.ErrInDoubt.
	return fmt.Errorf("%s: %w", doing, err)
}
