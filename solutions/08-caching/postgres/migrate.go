package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of a database up to date. Of several that do so at once, one
// works; the others look once a second whether it is done, for ten minutes.
func Migrate(ctx context.Context, databaseURL string) error {
	connector, err := pq.NewConnector(databaseURL)
	if err != nil {
		return errURL
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return fmt.Errorf("make a lock for migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w%s", err, advice(err))
	}
	return nil
}

// advice says what to do about a PostgreSQL that comes without its extensions.
func advice(err error) string {
	if refusal := pq.As(err, pqerror.FeatureNotSupported, pqerror.UndefinedFile); refusal == nil || !strings.Contains(refusal.Message, "pg_trgm") {
		return ""
	}
	return "\npg_trgm comes with PostgreSQL, but some systems have it in a package of its own:\n" +
		"  Debian, Ubuntu: sudo apt install postgresql      (before version 10: postgresql-contrib)\n" +
		"  Fedora, Alpine: install postgresql-contrib"
}
