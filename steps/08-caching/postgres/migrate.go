package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of a database up to date.
func Migrate(ctx context.Context, databaseURL string) error {
	db, err := sqlx.ConnectContext(ctx, "postgres", databaseURL)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db.DB, files)
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
