package lab_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// throughTap is a pool that reaches the database as the API does.
func throughTap(t testing.TB, app *lab.App, parameters string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", string(app.Do(lab.GET("/env?DATABASE_URL")).Body)+parameters)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// explain runs a query through the tap and explains the last statement that came of it.
func explain(t testing.TB, app *lab.App, db *sql.DB, query string, args ...any) lab.Plan {
	t.Helper()
	rows, err := db.Query(query, args...)
	require.NoError(t, err)
	require.NoError(t, rows.Close())
	return explainLast(t, app)
}

func explainLast(t testing.TB, app *lab.App) lab.Plan {
	t.Helper()
	statements := app.Postgres.Statements()
	require.NotEmpty(t, statements)
	return app.Explain(statements[len(statements)-1])
}

func TestAPlanTellsWhatWasTouched(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	db := throughTap(t, app, "")
	before := app.Postgres.Stats()

	plan := explain(t, app, db, "SELECT title FROM events WHERE id = $1", lab.OnSale.ID)
	require.Empty(t, plan.SeqScans())
	require.Equal(t, 1, plan.Rows("events"))
	require.Equal(t, 1, plan.Touched())
	require.Equal(t, "Index Scan of events by events_pkey: rows 1", plan.String())

	plan = explain(t, app, db, "SELECT o.id FROM orders o JOIN events e ON e.id = o.event_id WHERE o.user_id = $1", lab.Buyer.ID)
	require.Equal(t, []string{"orders"}, plan.SeqScans())
	require.Equal(t, 100_000, plan.Rows("orders"))
	require.Equal(t, 60, plan.Rows("events"))
	require.Equal(t, 100_060, plan.Touched())
	require.Contains(t, plan.String(), "\n  Seq Scan of orders: rows 60, and 99940 read in vain")

	plan = explain(t, app, db, "SELECT id FROM events ORDER BY id OFFSET 400 LIMIT 50")
	require.Equal(t, 450, plan.Rows("events"))

	_, err := db.Exec("CREATE INDEX ON orders (user_id)")
	require.NoError(t, err)
	plan = explain(t, app, db, "SELECT * FROM orders WHERE user_id = $1 AND quantity > 8", lab.Buyer.ID)
	require.Empty(t, plan.SeqScans())
	require.Equal(t, 60, plan.Rows("orders"), "\n%s", plan)

	require.Equal(t, 5, app.Postgres.Stats().Since(before).Queries, "what explains is not counted")
}

func TestAPlanHasTheParametersOfTheStatement(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	text, binary := throughTap(t, app, ""), throughTap(t, app, "&binary_parameters=yes")
	for name, db := range map[string]*sql.DB{"text": text, "binary": binary} {
		touched := func(query string, args ...any) int {
			t.Helper()
			plan := explain(t, app, db, query, args...)
			return plan.Rows("events")
		}
		require.Equal(t, 3, touched("SELECT 1 FROM events WHERE id = ANY($1)", pq.Array([]int64{1, 5, 9})), name)
		require.Equal(t, 0, touched("SELECT 1 FROM events WHERE id = $1", nil), name)
		require.Equal(t, 100, touched("SELECT 1 FROM events WHERE id <= $1::bigint AND starts_at > $2::timestamptz AND title <> $3",
			100, time.Unix(0, 0), `it's "a"; \ test`), name)
		require.Equal(t, 7, touched("SELECT 1 FROM events WHERE id <= ($1::jsonb->>'n')::bigint", `{"n": 7}`), name)
		require.Equal(t, 2, touched("SELECT 1 FROM events WHERE id IN (1, 2)"), name)
	}
	number := []byte{0, 0, 0, 0, 0, 0, 0, 42}
	require.Equal(t, 42, explain(t, app, binary, "SELECT 1 FROM events WHERE id <= $1::bigint", number).Rows("events"), "as pgx sends numbers")

	prepared, err := text.Prepare("SELECT 1 FROM events WHERE id <= $1")
	require.NoError(t, err)
	for n := range 8 {
		rows, err := prepared.Query(n)
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.Equal(t, n, explainLast(t, app).Rows("events"))
	}
}

func TestAPlanOfAWriteChangesNothing(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	db := throughTap(t, app, "")
	_, err := db.Exec("UPDATE events SET remaining = remaining - $1 WHERE id = $2", 1, lab.OnSale.ID)
	require.NoError(t, err)
	plan := explainLast(t, app)
	require.Equal(t, 1, plan.Rows("events"), "\n%s", plan)
	var remaining int
	require.NoError(t, app.DB().QueryRow("SELECT remaining FROM events WHERE id = $1", lab.OnSale.ID).Scan(&remaining))
	require.Equal(t, lab.OnSale.Remaining-1, remaining)
}

func TestWhatCanNotBeExplainedIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, says string }{
		"control": {"BEGIN", "it only steers its session"},
		"utility": {"LOCK TABLE events", "syntax error"},
		"session": {"SELECT * FROM  \n seats", `relation "seats" does`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := failureOf(t, func(t testing.TB) { lab.Start(t).Explain(lab.Statement{SQL: c.sql}) })
			require.Contains(t, said, "there is no plan of ")
			require.Contains(t, said, c.says)
		})
	}
}
