// Package postgres keeps users, events and orders in PostgreSQL.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/boxoffice/steps/02-layers/boxoffice"
)

// Store is a [boxoffice.Store].
type Store struct {
	connector *pq.Connector
}

var _ boxoffice.Store = (*Store)(nil)

// Open returns a store on the database. It only reads the URL: connections are
// opened when they are needed.
func Open(databaseURL string) (*Store, error) {
	connector, err := pq.NewConnector(databaseURL)
	if err != nil {
		return nil, errURL
	}
	return &Store{connector: connector}, nil
}

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

// domainError adds to an error what was being done.
//
// TODO(task 3): translate what the driver says into the errors of the boxoffice.
func domainError(doing string, err error) error {
	return fmt.Errorf("%s: %w", doing, err)
}

// endregion
