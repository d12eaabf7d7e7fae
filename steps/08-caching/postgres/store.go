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
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"example.com/boxoffice/steps/08-caching/boxoffice"
)

// Store is a [boxoffice.Store].
type Store struct {
	db        *sqlx.DB
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

// region Open

const (
	// maxIdleTime is how long a connection is kept that nobody needs.
	maxIdleTime = 5 * time.Minute
	// maxLifetime makes connections follow when the server moves to another address.
	maxLifetime = 30 * time.Minute
)

// Open returns a store on the database, with a pool of connections. It only reads
// the URL: connections are opened when they are needed.
func Open(databaseURL string, options Options) (*Store, error) {
	connector, err := newConnector(databaseURL, options)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(options.MaxConns)
	db.SetMaxIdleConns(options.MaxConns) // fewer, and a busy pool would close and open them in turn
	db.SetConnMaxIdleTime(maxIdleTime)
	db.SetConnMaxLifetime(maxLifetime)
	options.Registry.MustRegister(collectors.NewDBStatsCollector(db, "boxoffice"))
	return &Store{db: sqlx.NewDb(db, "postgres"), slowQuery: options.SlowQuery}, nil
}

// endregion

// Ping returns why the database doesn't answer, or nil. It returns as soon as the
// context ends, since a frozen database would not let the driver go.
func (s *Store) Ping(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- s.db.PingContext(ctx) }()
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

// unavailable reports whether the database didn't get to do what it was asked for:
// no connection in time, a connection lost, a statement cancelled, a transaction
// rolled back because its context ended.
func unavailable(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) ||
		errors.As(err, &network) ||
		pq.As(err, pqerror.QueryCanceled, pqerror.TooManyConnections, pqerror.AdminShutdown, pqerror.CannotConnectNow) != nil
}

// endregion
