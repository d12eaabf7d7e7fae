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
	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"example.com/boxoffice/steps/04-observability/boxoffice"
)

// Store is a [boxoffice.Store].
type Store struct {
	connector driver.Connector
	checks    *sql.DB // one connection at a time, for Ping alone
	slowQuery time.Duration
}

var _ boxoffice.Store = (*Store)(nil)

// Open returns a store on the database. It only reads the URL: connections are
// opened when they are needed, and counted in the registry. Statements that take
// longer than slowQuery are logged.
func Open(databaseURL string, slowQuery time.Duration, registry prometheus.Registerer) (*Store, error) {
	connector, err := newConnector(databaseURL)
	if err != nil {
		return nil, errURL
	}
	opened := promauto.With(registry).NewCounter(prometheus.CounterOpts{
		Name: "db_connections_opened_total",
		Help: "Connections opened to PostgreSQL.",
	})
	counting := &counted{connector, opened}
	return &Store{connector: counting, checks: openChecks(counting), slowQuery: slowQuery}, nil
}

// connectTimeout is how long opening a connection may take at most, whoever waits.
const connectTimeout = 5 * time.Second

func newConnector(databaseURL string) (driver.Connector, error) {
	cfg, err := pq.NewConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	return pq.NewConnectorConfig(cfg)
}

// counted counts the connections that a connector opens.
type counted struct {
	driver.Connector
	opened prometheus.Counter
}

func (c *counted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err == nil {
		c.opened.Inc()
	}
	return conn, err
}

// region Ping

// Ping returns why the database doesn't answer, or nil. It returns as soon as the
// context ends, since a frozen database would not let the driver go.
func (s *Store) Ping(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() { answer <- s.checks.PingContext(ctx) }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openChecks returns what opens a connection for each Ping, and closes it after that.
// While one waits for a frozen database, the next open none.
func openChecks(connector driver.Connector) *sql.DB {
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(0)
	return db
}

// endregion

// errURL is all that is said of a URL that can't be read: what lib/pq says of it has
// pieces of the password in it.
var errURL = errors.New("DATABASE_URL can't be read as postgres://USER:PASSWORD@HOST:PORT/DATABASE\n" +
	"In a password, / ? # @ : % and blanks are written as %2F %3F %23 %40 %3A %25 and %20")

// region connect

// connect opens a connection for one method, which closes it. That is the
// slowest thing that this API does; step 06 comes back to it.
func (s *Store) connect(ctx context.Context) (*sqlx.DB, error) {
	db := sqlx.NewDb(sql.OpenDB(s.connector), "postgres")
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return db, nil
}

// endregion

// region domainError

// domainError translates what the driver says into the errors of the boxoffice,
// and adds what was being done.
func domainError(doing string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = boxoffice.ErrNotFound
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// endregion
