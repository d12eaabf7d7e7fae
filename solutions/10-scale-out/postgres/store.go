// Package postgres keeps users, events and orders in PostgreSQL.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
)

// Store is a [boxoffice.Store].
type Store struct {
	db        *sqlx.DB
	checks    *sql.DB // one connection, for Ping alone
	queue     *queue
	slowQuery time.Duration
}

var _ boxoffice.Store = (*Store)(nil)

// Options are what an operator sets.
type Options struct {
	// MaxConns is how many connections the store opens at most, beside the one of Ping.
	// All instances together must stay below max_connections of the server.
	MaxConns int
	// Timeout is how long a statement may take. The contexts of requests and jobs see
	// to that; a server that doesn't say anything for longer is given up.
	Timeout time.Duration
	// Attempts is how often a job is tried before it is discarded.
	Attempts int
	// SlowQuery is how long a statement may take before it is logged.
	SlowQuery time.Duration
	// Registry shows the pool's state as metrics.
	Registry prometheus.Registerer
}

// Open returns a store on the database, with a pool of connections. It only reads
// the URL: connections are opened when they are needed.
func Open(databaseURL string, options Options) (*Store, error) {
	connector, err := newConnector(databaseURL, options)
	if err != nil {
		return nil, err
	}
	db := openPool(connector, options)
	queue, err := newQueue(db, options.Attempts)
	if err != nil {
		return nil, fmt.Errorf("make a queue: %w", err)
	}
	return &Store{
		db:        sqlx.NewDb(db, "postgres"),
		checks:    openChecks(connector),
		queue:     queue,
		slowQuery: options.SlowQuery,
	}, nil
}

// Close ends all connections.
func (s *Store) Close() error { return errors.Join(s.db.Close(), s.checks.Close()) }

// Ping returns why the database doesn't answer, or nil. It returns as soon as the
// context ends, since a frozen database would not let the driver go.
func (s *Store) Ping(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- s.checks.PingContext(ctx) }()
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

// region domainError

// domainError translates what the driver says into the errors of the boxoffice,
// and adds what was being done.
func domainError(doing string, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = boxoffice.ErrNotFound
	case unavailable(err):
		err = fmt.Errorf("%w: %w", boxoffice.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// commit ends the transaction. What comes before a COMMIT is rolled back when the
// connection breaks. Of the COMMIT itself nobody knows whether the server got to it:
// boxoffice.ErrInDoubt. After a deadline that has passed, it isn't sent at all.
func commit(tx *sqlx.Tx, doing string) error {
	err := tx.Commit()
	switch {
	case err == nil:
		return nil
	case connectionLost(err) && !errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: %w", doing, boxoffice.ErrInDoubt, err)
	}
	return domainError(doing, err)
}

// unavailable reports whether the database didn't get to do what it was asked for:
// no connection in time, a connection lost, a statement cancelled, a transaction
// rolled back because its context ended, or an error that isn't about the statement.
func unavailable(err error) bool {
	if refusal := pq.As(err); refusal != nil {
		return slices.Contains(passing, refusal.Code.Class())
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrTxDone) || connectionLost(err)
}

// passing are the classes of PostgreSQL's errors that pass by themselves, or by an
// operator's doing: connections that are refused or broken, no room for one more, a
// server that shuts down, crashes or cancels.
var passing = []pqerror.Class{
	pqerror.ClassConnectionException, pqerror.ClassInsufficientResources, pqerror.ClassOperatorIntervention,
}

// connectionLost reports whether nobody can tell what the server still did.
func connectionLost(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) ||
		errors.As(err, &network)
}

// endregion
