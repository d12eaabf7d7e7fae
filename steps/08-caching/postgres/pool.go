package postgres

import (
	"database/sql"
	"database/sql/driver"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
)

// region openPool

const (
	// maxIdleTime is how long a connection is kept that nobody needs.
	maxIdleTime = 5 * time.Minute
	// maxLifetime makes connections follow when the server moves to another address.
	maxLifetime = 30 * time.Minute
)

// openPool returns the pool from which all methods of a store take their connections,
// and shows its state as metrics.
func openPool(connector driver.Connector, options Options) *sql.DB {
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(options.MaxConns)
	db.SetMaxIdleConns(options.MaxConns) // fewer, and a busy pool would close and open them in turn
	db.SetConnMaxIdleTime(maxIdleTime)
	db.SetConnMaxLifetime(maxLifetime)
	options.Registry.MustRegister(collectors.NewDBStatsCollector(db, "boxoffice"))
	return db
}

// openChecks returns a pool of one more connection, for Ping alone. In a line with the
// requests, Ping would say of a busy database that it is gone. The balancer then sends
// this instance's requests to the next one, until that is as busy, and the last is lost.
func openChecks(connector driver.Connector) *sql.DB {
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(maxLifetime)
	return db
}

// endregion
