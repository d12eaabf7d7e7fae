// Package seed makes databases full of the course's data, and quick copies of them.
//
// A template is made once for each schema; a clone of it is a test's own
// database. All names begin with "boxoffice_", and nothing else is touched:
//
//	boxoffice_t_<hash>         a template
//	boxoffice_p<process>_<n>   a database of one process, dropped by anyone once the process is gone
package seed

import (
	"context"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"

	"example.com/boxoffice/tools/internal/services/postgres"
)

//go:embed seed.sql
var seedSQL string

const (
	// vacuum lets index-only scans see the rows without looking at the tables, and empties the pending
	// lists of GIN indexes.
	vacuum = "VACUUM (FREEZE)"
	// hidden counts the tables for which it did not. It leaves out the last page of a table.
	hidden = `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpages > relallvisible + 1
		AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`
	// analyse makes the statistics of each template the same. ANALYZE reads 300 rows at random for each
	// unit of the target: of this one, all orders.
	analyse = "SET default_statistics_target = 334; ANALYZE"
)

const (
	templatePrefix = "boxoffice_t_"
	keptTemplates  = 4
)

// KnownTemplate is the variable with the path of a file that names the template of whoever has it in
// their environment: the first writes it, and the others need not migrate to learn the name. It is for
// many processes that are known to migrate alike, such as those of answers that leave the schema as it is.
const KnownTemplate = "BOXOFFICE_KNOWN_TEMPLATE"

// Template returns the name of a database that has the schema migrate makes and
// the course's data. It is made once for each schema: processes that ask at the
// same time wait for the first. Nobody is connected to it.
//
// migrate gets the URL of an empty database. progress, which may be nil, is told
// what takes long.
func Template(ctx context.Context, pg *postgres.Server, migrate func(ctx context.Context, databaseURL string) error, progress func(string)) (string, error) {
	o, err := ownerOf(ctx, pg)
	if err != nil {
		return "", err
	}
	known := os.Getenv(KnownTemplate)
	if known != "" {
		if name, _ := os.ReadFile(known); len(name) > 0 {
			if there, err := o.use(ctx, string(name), nil); there || err != nil {
				return string(name), err
			}
		}
	}
	scratch, err := o.create(ctx, "")
	if err != nil {
		return "", err
	}
	defer func() { o.drop(context.WithoutCancel(ctx), scratch) }()
	if err := migrate(ctx, pg.URL(scratch)); err != nil {
		return "", fmt.Errorf("migrate an empty database: %w", err)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	print, err := fingerprint(ctx, pg.URL(scratch))
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s%x", templatePrefix, sha256.Sum256([]byte(print+seedSQL+vacuum+hidden+analyse+today)))[:len(templatePrefix)+16]
	if _, err := o.use(ctx, name, func() error { return o.build(ctx, name, scratch, today, progress) }); err != nil {
		return "", err
	}
	if known != "" {
		if err := os.WriteFile(known, []byte(name), 0o644); err != nil {
			return "", fmt.Errorf("note the name of the template: %w", err)
		}
	}
	return name, nil
}

// use holds a template for as long as this process lives, and reports whether it is there. One
// that isn't is built first, while other processes wait, unless build is nil.
func (o *owner) use(ctx context.Context, name string, build func() error) (there bool, err error) {
	lock, err := o.lockTemplate(ctx, name)
	if err != nil {
		return false, err
	}
	defer lock.release()
	if err := o.hold(ctx, name); err != nil {
		return false, err
	}
	there, err = o.exists(ctx, name)
	if err != nil || !there && build == nil {
		return false, err
	}
	if !there {
		if err := build(); err != nil {
			return false, err
		}
	}
	if err := o.used(ctx, name); err != nil {
		return false, err
	}
	if !there {
		return true, o.forget(ctx)
	}
	return true, nil
}

// build makes the template out of the migrated scratch database.
func (o *owner) build(ctx context.Context, name, scratch, today string, progress func(string)) error {
	if progress != nil {
		progress("filling a database with 20,000 events and 100,000 orders (once for each schema, a few seconds)")
	}
	if err := fill(ctx, o.pg.URL(scratch), today); err != nil {
		return err
	}
	// The name appears with the data complete: a killed process leaves no half template.
	if _, err := o.db.ExecContext(ctx, "ALTER DATABASE "+scratch+" RENAME TO "+name); err != nil {
		return fmt.Errorf("name the seeded template %s: %w", name, err)
	}
	return nil
}

// fill inserts the data and leaves the tables vacuumed and analysed.
func fill(ctx context.Context, url, today string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := requireColumns(ctx, db); err != nil {
		return err
	}
	lookUps, err := foreignKeys(ctx, db)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := switched(ctx, db, "DISABLE", lookUps); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	defer tx.Rollback()
	if err := prepare(ctx, tx, today); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if _, err := tx.ExecContext(ctx, seedSQL); err != nil {
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return explain(err)
	}
	if err := switched(ctx, db, "ENABLE", lookUps); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if err := settle(ctx, db); err != nil {
		return fmt.Errorf("analyse the seeded tables: %w", err)
	}
	return nil
}

// foreignKeys are the triggers by which PostgreSQL looks up what new rows refer to, each as
// TABLE and TRIGGER. The seed's rows are known to fit, and to look up 200,000 references
// takes as long as the half of all else. Only a superuser may leave that out: nobody else
// has any.
func foreignKeys(ctx context.Context, db *sql.DB) (list [][2]string, err error) {
	rows, err := db.QueryContext(ctx, `
		SELECT t.tgrelid::regclass, quote_ident(t.tgname) FROM pg_trigger t
		JOIN pg_constraint c ON c.oid = t.tgconstraint AND c.contype = 'f' AND c.conrelid = t.tgrelid
		WHERE t.tgisinternal AND t.tgenabled = 'O' AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one [2]string
		if err := rows.Scan(&one[0], &one[1]); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

// switched disables triggers, or enables them.
func switched(ctx context.Context, db *sql.DB, how string, triggers [][2]string) error {
	for _, t := range triggers {
		if _, err := db.ExecContext(ctx, "ALTER TABLE "+t[0]+" "+how+" TRIGGER "+t[1]); err != nil {
			return err
		}
	}
	return nil
}

// settleTries is how often settle looks whether VACUUM has done its work.
const settleTries = 50

// settle leaves the tables as plans need them, so that these are the same in each template. VACUUM
// spares rows that a transaction elsewhere on the server may still want to see, if only because
// somebody connects at that moment: it is repeated until it has spared none, within reason.
func settle(ctx context.Context, db *sql.DB) error {
	for range settleTries {
		if _, err := db.ExecContext(ctx, vacuum); err != nil {
			return err
		}
		var left int
		if err := db.QueryRowContext(ctx, hidden).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err := db.ExecContext(ctx, analyse)
	return err
}

func prepare(ctx context.Context, tx *sql.Tx, today string) error {
	// lz4 compresses descriptions several times quicker, where the server was built with it (PostgreSQL 14 on).
	_, err := tx.ExecContext(ctx, `SELECT set_config('boxoffice.today', '`+today+`', true);
		SELECT set_config(name, 'lz4', true) FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)`)
	return err
}

// needed lists the columns that the seed fills; any other needs a default.
var needed = map[string][]string{
	"users":  {"id", "email", "password_hash", "role", "created_at"},
	"venues": {"id", "name", "city", "capacity"},
	"events": {"id", "venue_id", "title", "description", "starts_at", "price_cents", "remaining", "created_at"},
	"orders": {"id", "user_id", "event_id", "quantity", "total_cents", "status", "created_at"},
}

func requireColumns(ctx context.Context, db *sql.DB) error {
	for _, table := range []string{"users", "venues", "events", "orders"} {
		var missing []string
		var there bool
		err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL, ARRAY(SELECT c FROM unnest($2::text[]) c EXCEPT
			SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND NOT attisdropped)`,
			table, pq.Array(needed[table])).Scan(&there, pq.Array(&missing))
		if err != nil {
			return fmt.Errorf("look at table %s: %w", table, err)
		}
		if !there {
			return fmt.Errorf("the migrations make no table %s, which the course's data needs\nAdd it to the migrations of this step (compare: workshop diff)", table)
		}
		if len(missing) > 0 {
			return fmt.Errorf("the migrations make table %s without %s, which the course's data needs\nKeep the column in the migrations of this step (compare: workshop diff)",
				table, strings.Join(missing, ", "))
		}
	}
	return nil
}

// explain says what the schema asks that the seed doesn't give.
func explain(err error) error {
	var refused *pq.Error
	if !errors.As(err, &refused) || refused.Table == "" {
		return fmt.Errorf("fill the migrated database with the course's data: %w", err)
	}
	what := refused.Table
	if refused.Column != "" {
		what += "." + refused.Column
	}
	advice := "Change the migration so that the course's data fits it"
	switch refused.Code {
	case "23502": // not_null_violation
		advice = "Give the column a DEFAULT in the migration, or allow NULL"
	case "23505", "23514", "23503": // unique, check and foreign key violations
		advice = fmt.Sprintf("Change the constraint %s in the migration so that the course's data fits it", refused.Constraint)
	}
	return fmt.Errorf("the course's data doesn't fit %s: %w\n%s", what, err, advice)
}
