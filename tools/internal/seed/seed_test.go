package seed

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"example.com/boxoffice/tools/internal/services/postgres"
)

//go:embed testdata/schema.sql
var schema string

func TestMain(m *testing.M) {
	postgres.RunIfSupervisor()
	if table := os.Getenv("SEED_TEST_CHILD"); table != "" {
		os.Exit(beChild(table))
	}
	os.Exit(m.Run())
}

// beChild makes a template and a clone, prints their names and ends without tidying up.
func beChild(table string) int {
	ctx := context.Background()
	pg, err := postgres.Start(ctx, postgres.Options{})
	if err == nil {
		var name string
		built := false
		name, err = Template(ctx, pg, migrate(schema+table), func(string) { built = true })
		if err == nil {
			var d *Database
			if d, err = Clone(ctx, pg, name); err == nil {
				fmt.Println(name, d.Name, built)
				return 0
			}
		}
	}
	fmt.Println(err)
	return 1
}

func migrate(ddl string) func(context.Context, string) error {
	return func(ctx context.Context, url string) error {
		db, err := sql.Open("postgres", url)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, ddl)
		return err
	}
}

func server(t *testing.T) *postgres.Server {
	t.Helper()
	pg, err := postgres.Start(t.Context(), postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { pg.Close() })
	return pg
}

// different is a schema that no test has used before.
func different() string {
	return fmt.Sprintf("\nCREATE TABLE other_%d (id int);", time.Now().UnixNano())
}

func open(t *testing.T, pg *postgres.Server, template string) *sql.DB {
	t.Helper()
	d, err := Clone(t.Context(), pg, template)
	require.NoError(t, err)
	db, err := sql.Open("postgres", pg.URL(d.Name))
	require.NoError(t, err)
	t.Cleanup(func() {
		db.Close()
		require.NoError(t, d.Drop(context.Background()))
	})
	return db
}

func one[T any](t *testing.T, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, db.QueryRow(query, args...).Scan(&v), query)
	return v
}

func TestSeed(t *testing.T) {
	pg := server(t)
	began := time.Now()
	name, err := Template(t.Context(), pg, migrate(schema), nil)
	require.NoError(t, err)
	t.Logf("template in %v", time.Since(began))
	db := open(t, pg, name)

	for table, rows := range map[string]int{"users": Users, "venues": Venues, "events": Events, "orders": Orders} {
		require.Equal(t, rows, one[int](t, db, "SELECT count(*) FROM "+table), table)
		require.Equal(t, rows, one[int](t, db, "SELECT max(id) FROM "+table), table)
		require.Equal(t, rows+1, one[int](t, db, "SELECT nextval(pg_get_serial_sequence('"+table+"', 'id'))"), table)
	}
	for _, e := range []Event{OnSale, FewLeft, SoldOut, Past} {
		require.Equal(t, 1, one[int](t, db, `SELECT count(*) FROM events e JOIN venues v ON v.id = venue_id
			WHERE e.id = $1 AND title = $2 AND price_cents = $3 AND remaining = $4 AND v.name = $5 AND v.city = $6 AND v.id = $7
			AND (starts_at > now()) = ($8 > 0)`, e.ID, e.Title, e.PriceCents, e.Remaining, e.Venue.Name, e.Venue.City, e.Venue.ID, e.Days), e.Title)
		require.Equal(t, 1, one[int](t, db, "SELECT count(*) FROM events WHERE title = $1", e.Title))
		require.Equal(t, 0, one[int](t, db, "SELECT count(*) FROM orders WHERE event_id = $1", e.ID))
	}
	require.Zero(t, one[int](t, db, `SELECT count(*) FROM orders o LEFT JOIN users u ON u.id = user_id LEFT JOIN events e ON e.id = event_id
		LEFT JOIN venues v ON v.id = e.venue_id WHERE u.id IS NULL OR e.id IS NULL OR v.id IS NULL`), "what refers to nothing")
	_, err = db.Exec(`INSERT INTO orders (user_id, event_id, quantity, total_cents) VALUES (1, 999999, 1, 1)`)
	require.ErrorContains(t, err, "foreign key", "whatever the seed leaves out, the test's database checks")
	for _, u := range []User{Buyer, OtherBuyer, Organiser, {ID: 5000, Email: "user5000@example.com", Password: Password, Role: "buyer"}} {
		hash := one[string](t, db, "SELECT password_hash FROM users WHERE id = $1 AND email = $2 AND role = $3", u.ID, u.Email, u.Role)
		require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(u.Password)))
	}
	require.Equal(t, 60, one[int](t, db, "SELECT count(*) FROM orders WHERE user_id = 1"))
	require.Equal(t, 40, one[int](t, db, "SELECT count(DISTINCT city) FROM venues"))
	require.Zero(t, one[int](t, db, "SELECT count(*) FROM orders JOIN events e ON e.id = event_id WHERE total_cents <> quantity * price_cents OR quantity NOT BETWEEN 1 AND 8"))
	require.GreaterOrEqual(t, one[int](t, db, "SELECT min(octet_length(description)) FROM events"), 1500)
	require.LessOrEqual(t, one[int](t, db, "SELECT max(octet_length(description)) FROM events"), 4096)
	require.Zero(t, one[int](t, db, "SELECT count(*) FROM events WHERE price_cents NOT BETWEEN 1500 AND 25000 OR remaining NOT BETWEEN 0 AND 2000"))
	require.Greater(t, one[int](t, db, "SELECT max(n) FROM (SELECT count(*) n FROM events GROUP BY starts_at) s"), 10)
	require.Zero(t, one[int](t, db, "SELECT count(*) FROM events WHERE starts_at >= $1::date AND starts_at < $1::date + 2", began.UTC().Format(time.DateOnly)),
		"what is to come is the same at each hour of the day, and past midnight")
	size := one[int](t, db, "SELECT pg_database_size(current_database()) >> 20")
	t.Logf("size %d MB, description %d bytes on average, %d distinct titles", size,
		one[int](t, db, "SELECT avg(octet_length(description))::int FROM events"), one[int](t, db, "SELECT count(DISTINCT title) FROM events"))
	require.LessOrEqual(t, size, 60)
}

func TestSeedIsDeterministic(t *testing.T) {
	pg := server(t)
	var sums []string
	for range 2 {
		name, err := Template(t.Context(), pg, migrate(schema+different()), nil)
		require.NoError(t, err)
		db := open(t, pg, name)
		sums = append(sums, one[string](t, db, `SELECT string_agg(h, ' ' ORDER BY h) FROM (
			SELECT md5(string_agg(x::text, '' ORDER BY id)) h FROM users x UNION ALL SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM venues x
			UNION ALL SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM events x UNION ALL SELECT md5(string_agg(x::text, '' ORDER BY id)) FROM orders x) s`))
	}
	require.Equal(t, sums[0], sums[1])
}

func TestProcessesBuildATemplateOnceAndLeaveNothing(t *testing.T) {
	table := different()
	var outputs [4]string
	var wait sync.WaitGroup
	for i := range outputs {
		wait.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "SEED_TEST_CHILD="+table)
			out, err := cmd.CombinedOutput()
			outputs[i] = string(out)
			if err != nil {
				t.Errorf("child: %v %s", err, out)
			}
		})
	}
	wait.Wait()
	builders := 0
	pg := server(t)
	require.NoError(t, Sweep(t.Context(), pg))
	o, err := ownerOf(t.Context(), pg)
	require.NoError(t, err)
	for _, out := range outputs {
		fields := strings.Fields(out)
		require.Len(t, fields, 3, out)
		require.Equal(t, strings.Fields(outputs[0])[0], fields[0])
		if fields[2] == "true" {
			builders++
		}
		there, err := o.exists(t.Context(), fields[1])
		require.NoError(t, err)
		require.False(t, there, "the sweep left %s", fields[1])
	}
	require.Equal(t, 1, builders)
}

// indexed is what steps 07 and 09 add: indexes, one of trigrams, and the tables of a job queue (as
// River's migrations make them) that the seed knows nothing of.
const indexed = `
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX ON events (starts_at, id);
CREATE INDEX ON events (price_cents, id);
CREATE INDEX ON events (venue_id, starts_at, id);
CREATE INDEX events_by_title ON events USING gin (title gin_trgm_ops);
CREATE INDEX ON orders (user_id, id);
CREATE TYPE job_state AS ENUM ('available', 'running', 'completed');
CREATE FUNCTION in_bitmask(bitmask bit(8), state job_state) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE state WHEN 'available' THEN get_bit(bitmask, 7) ELSE 0 END = 1 $$;
CREATE TABLE job (
  id bigserial PRIMARY KEY, state job_state NOT NULL DEFAULT 'available', args jsonb NOT NULL DEFAULT '{}', tags varchar(255)[] NOT NULL DEFAULT '{}',
  unique_key bytea, unique_states bit(8), scheduled_at timestamptz NOT NULL DEFAULT now(), CONSTRAINT finalised CHECK (state <> 'completed' OR scheduled_at IS NOT NULL));
CREATE INDEX ON job USING gin (args);
CREATE UNIQUE INDEX ON job (unique_key) WHERE unique_key IS NOT NULL AND in_bitmask(unique_states, state);
CREATE UNLOGGED TABLE leader (name text PRIMARY KEY, expires_at timestamptz NOT NULL);
CREATE TABLE migration (line text NOT NULL, version bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (line, version));
INSERT INTO migration (line, version) VALUES ('main', 1), ('main', 2);`

// statistics are what the planner knows of the tables, a line for each column, table and index.
const statistics = `
	SELECT concat_ws(' ', tablename, attname, null_frac, avg_width, n_distinct, correlation,
		md5(most_common_vals::text || most_common_freqs::text), md5(histogram_bounds::text))
	FROM pg_stats WHERE tablename IN ('users', 'venues', 'events', 'orders')
	UNION ALL SELECT concat_ws(' ', relname, relpages, reltuples, relallvisible)
	FROM pg_class WHERE relname IN ('users', 'venues', 'events', 'orders', 'events_by_title') ORDER BY 1`

func TestIndexesAndTablesThatTheSeedDoesNotKnow(t *testing.T) {
	pg := server(t)
	var names []string
	var known [][]string
	for _, other := range []string{"", different()} {
		began := time.Now()
		name, err := Template(t.Context(), pg, migrate(schema+indexed+other), nil)
		require.NoError(t, err)
		t.Logf("template in %v", time.Since(began))
		db := open(t, pg, name)
		lines, err := column(t.Context(), db, statistics)
		require.NoError(t, err)
		names, known = append(names, name), append(known, lines)
		require.Equal(t, 2, one[int](t, db, "SELECT count(*) FROM migration"))
		require.Zero(t, one[int](t, db, "SELECT count(*) FROM job"))
		require.NotZero(t, one[int](t, db, "SELECT count(*) FROM events WHERE title ILIKE '%harbour%'"))
	}
	again, err := Template(t.Context(), pg, migrate(schema+indexed), nil)
	require.NoError(t, err)
	require.Equal(t, names[0], again, "the same migrations give the same template")
	require.Equal(t, known[0], known[1], "the planner knows the same in each template")
}

func TestSixteenClonesAtOnce(t *testing.T) {
	pg := server(t)
	name, err := Template(t.Context(), pg, migrate(schema), nil)
	require.NoError(t, err)
	began := time.Now()
	single, err := Clone(t.Context(), pg, name)
	require.NoError(t, err)
	t.Logf("one clone: %v", time.Since(began))
	began = time.Now()
	require.NoError(t, single.Drop(t.Context()))
	t.Logf("one drop: %v", time.Since(began))
	began = time.Now()
	clones := make([]*Database, 16)
	var wait sync.WaitGroup
	for i := range clones {
		wait.Go(func() {
			var err error
			if clones[i], err = Clone(t.Context(), pg, name); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	t.Logf("16 clones at once: %v", time.Since(began))
	for _, d := range clones {
		if d != nil {
			require.NoError(t, d.Drop(t.Context()))
		}
	}
}

func TestErrorsNameWhatDoesNotFit(t *testing.T) {
	pg := server(t)
	broken := errors.New("relation is missing")
	_, err := Template(t.Context(), pg, func(context.Context, string) error { return broken }, nil)
	require.ErrorIs(t, err, broken)
	for name, c := range map[string]struct{ ddl, says, advises string }{
		"no table":        {"DROP TABLE orders", "no table orders", "Add it"},
		"no column":       {"ALTER TABLE events DROP COLUMN description", "table events without description", "Keep the column"},
		"required column": {"ALTER TABLE orders ADD seat text NOT NULL", "orders.seat", "DEFAULT"},
		"strict check":    {"ALTER TABLE events ADD CONSTRAINT cheap CHECK (price_cents < 2000)", "events", "cheap"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Template(t.Context(), pg, migrate(schema+c.ddl), nil)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, c.advises)
		})
	}
}

func TestUnusedTemplatesAreForgotten(t *testing.T) {
	pg := server(t)
	names := func() []string {
		o, err := ownerOf(t.Context(), pg)
		require.NoError(t, err)
		list, err := column(t.Context(), o.db, "SELECT datname FROM pg_database WHERE datname ~ '^boxoffice_t_'")
		require.NoError(t, err)
		return list
	}
	o, err := ownerOf(t.Context(), pg)
	require.NoError(t, err)
	old := templatePrefix + fmt.Sprintf("%016x", time.Now().UnixNano())
	held := templatePrefix + fmt.Sprintf("%016x", time.Now().UnixNano()+1)
	for i, name := range []string{old, held} {
		_, err = o.db.Exec("CREATE DATABASE " + name)
		require.NoError(t, err)
		_, err = o.db.Exec(fmt.Sprintf("COMMENT ON DATABASE %s IS '%s2001-01-0%dT00:00:00Z'", name, lastUsed, i+1))
		require.NoError(t, err)
	}
	require.NoError(t, o.hold(t.Context(), held))
	for range keptTemplates {
		name := templatePrefix + fmt.Sprintf("%016x", time.Now().UnixNano())
		_, err := o.db.Exec("CREATE DATABASE " + name)
		require.NoError(t, err)
		require.NoError(t, o.used(t.Context(), name))
		t.Cleanup(func() { o.drop(context.Background(), name) })
	}
	require.NoError(t, o.forget(t.Context()))
	require.NotContains(t, names(), old)
	require.Contains(t, names(), held)
	require.NoError(t, o.drop(t.Context(), held))
}

func TestKnownTemplateNeedsNoMigration(t *testing.T) {
	pg := server(t)
	t.Setenv(KnownTemplate, filepath.Join(t.TempDir(), "template"))
	migrations := 0
	counted := func(ctx context.Context, url string) error {
		migrations++
		return migrate(schema)(ctx, url)
	}
	first, err := Template(t.Context(), pg, counted, nil)
	require.NoError(t, err)
	second, err := Template(t.Context(), pg, counted, nil)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, 1, migrations)

	// One that is gone since is made again.
	require.NoError(t, os.WriteFile(os.Getenv(KnownTemplate), []byte(templatePrefix+"0000000000000000"), 0o644))
	third, err := Template(t.Context(), pg, counted, nil)
	require.NoError(t, err)
	require.Equal(t, first, third)
	require.Equal(t, 2, migrations)
}

func TestUnchangedDatabasesAreUsedAgain(t *testing.T) {
	pg := server(t)
	if major(pg.Version()) < countsAtOnce {
		t.Skip("this PostgreSQL counts what is written some time later")
	}
	template, err := Template(t.Context(), pg, migrate(schema), nil)
	require.NoError(t, err)
	for does, usedAgain := range map[string]bool{
		"SELECT count(*) FROM events":                                   true,
		"SELECT * FROM venues WHERE id = 1 FOR SHARE":                   true,
		"CREATE TEMPORARY TABLE mine (id int)":                          false,
		"UPDATE events SET price_cents = price_cents WHERE id = 1":      false,
		"DELETE FROM orders WHERE id = 1":                               false,
		"TRUNCATE orders":                                               false,
		"CREATE TABLE another (id int)":                                 false,
		"ALTER TABLE events ALTER price_cents SET DEFAULT 1":            false,
		"BEGIN; DELETE FROM orders WHERE id = 1; ROLLBACK":              false,
		"INSERT INTO venues (name, city, capacity) VALUES ('', '', 10)": false,
	} {
		t.Run(does, func(t *testing.T) {
			d, err := Clone(t.Context(), pg, template)
			require.NoError(t, err)
			db, err := sql.Open("postgres", pg.URL(d.Name))
			require.NoError(t, err)
			defer db.Close() // after Release: a connection is still open
			_, err = db.Exec(does)
			require.NoError(t, err)
			require.NoError(t, d.Release(t.Context()))
			next, err := Clone(t.Context(), pg, template)
			require.NoError(t, err)
			defer func() { require.NoError(t, next.Release(t.Context())) }()
			require.Equal(t, usedAgain, next.Name == d.Name, "%s was copied, and released", d.Name)
			exists, err := d.owner.exists(t.Context(), d.Name)
			require.NoError(t, err)
			require.Equal(t, usedAgain, exists)
		})
	}
}

func TestReleasedDatabasesAreGoneInTheEnd(t *testing.T) {
	pg, other := server(t), server(t)
	template, err := Template(t.Context(), pg, migrate(schema), nil)
	require.NoError(t, err)
	d, err := Clone(t.Context(), pg, template)
	require.NoError(t, err)
	require.NoError(t, d.Release(t.Context()))
	require.NoError(t, pg.Close())
	o, err := ownerOf(t.Context(), other)
	require.NoError(t, err)
	exists, err := o.exists(t.Context(), d.Name)
	require.NoError(t, err)
	require.False(t, exists)
}
