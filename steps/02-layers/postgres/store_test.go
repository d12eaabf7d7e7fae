package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

func TestMain(m *testing.M) { lab.Main(m, nil) }

const (
	unknown             = int64(999_999_999) // no user, event or order has this id
	somebody, someEvent = int64(9), int64(42)
	many                = 520 // orders
)

// patience is how long the tests wait for what must come.
const patience = 10 * time.Second

// openStore returns a store on a seeded database, and a way past it.
func openStore(t *testing.T) (*Store, *sql.DB) {
	t.Helper()
	url := lab.NewDatabase(t, Migrate).URL
	store, err := Open(url)
	require.NoError(t, err, "open the store")
	db, err := sql.Open("postgres", url)
	require.NoError(t, err, "open the database")
	t.Cleanup(func() { _ = db.Close() })
	return store, db
}

// execute does something past the store.
func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.Exec(statement, args...)
	require.NoError(t, err, "%s", statement)
}

func TestStoreSavesOrders(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	store, db := openStore(t)
	order, _ := store.Order(t.Context(), 1)
	order.ID, order.UserID, order.EventID, order.Quantity, order.TotalCents = 0, somebody, someEvent, 2, 8400

	created, err := store.CreateOrder(t.Context(), order)
	lab.Require(t, err == nil && created.ID > 0 && created.Status == "confirmed" && !created.CreatedAt.IsZero(), lab.Finding{
		Measured: fmt.Sprintf("Store.CreateOrder returned %+v and the error %v", created, err),
		Expected: "the order with its new id, its status and its time, and no error",
		Why:      "The database knows these, and the buyer is to see them.",
	})
	found, err := store.Order(t.Context(), created.ID)
	lab.Require(t, err == nil && found.UserID == somebody && found.EventID == someEvent && found.Quantity == 2 && found.TotalCents == 8400, lab.Finding{
		Measured: fmt.Sprintf("Store.Order(%d) returned %+v and the error %v", created.ID, found, err),
		Expected: fmt.Sprintf("the order that was saved: user %d, event %d, quantity 2, total 8400", somebody, someEvent),
		Why:      "What was sold must be found again.",
	})
	mine, err := store.OrdersOf(t.Context(), somebody)
	lab.Require(t, err == nil && len(mine) > 0 && mine[0].ID == created.ID && mine[0].Event != nil && mine[0].Event.ID == someEvent, lab.Finding{
		Measured: fmt.Sprintf("Store.OrdersOf(%d) returned %d orders and the error %v", somebody, len(mine), err),
		Expected: "the user's orders with their events, the new one first",
		Why:      "Buyers look up what they bought, the newest first.",
	})

	// Somebody else changes the order: customer support, or the next release.
	changed := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	execute(t, db, `UPDATE orders SET quantity = 1, total_cents = 4200, status = 'cancelled', created_at = $2 WHERE id = $1`, created.ID, changed)
	found, err = store.Order(t.Context(), created.ID)
	mine, err2 := store.OrdersOf(t.Context(), somebody)
	require.NoError(t, errors.Join(err, err2))
	require.NotEmpty(t, mine)
	for call, order := range map[string]string{
		"Order":    fmt.Sprint(found.Quantity, found.TotalCents, found.Status, found.CreatedAt.UTC()),
		"OrdersOf": fmt.Sprint(mine[0].Quantity, mine[0].TotalCents, mine[0].Status, mine[0].CreatedAt.UTC()),
	} {
		want := fmt.Sprint(1, int64(4200), "cancelled", changed)
		lab.Require(t, order == want, lab.Finding{
			Measured: fmt.Sprintf("the row of the order was changed in the database; Store.%s returned its quantity, sum, status and time as %s", call, order),
			Expected: want + ", as they stand in the row",
			Why:      "A ticket that was given back, and is still shown as confirmed, still opens the door.",
		})
	}

	// An agency buys again and again.
	execute(t, db, `INSERT INTO orders (user_id, event_id, quantity, total_cents) SELECT $1, $2, 1, 4200 FROM generate_series(1, $3::int)`, somebody, someEvent, many)
	var bought int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM orders WHERE user_id = $1`, somebody).Scan(&bought))
	mine, err = store.OrdersOf(t.Context(), somebody)
	lab.Require(t, err == nil && len(mine) == bought, lab.Finding{
		Measured: fmt.Sprintf("user %d has %d orders, and Store.OrdersOf returned %d and the error %v", somebody, bought, len(mine), err),
		Expected: "all of them",
		Why:      "There is no next page for orders. Whoever has many never sees the first ones again, and nothing says so.",
	})
}

func TestStoreHidesSQL(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	store, _ := openStore(t)
	ctx := t.Context()
	_, err := store.User(ctx, unknown)
	requireDomainError(t, "User of an unknown id", err)
	_, err = store.UserByEmail(ctx, "nobody@example.com")
	requireDomainError(t, "UserByEmail of an unknown address", err)
	_, err = store.Event(ctx, unknown)
	requireDomainError(t, "Event of an unknown id", err)
	requireDomainError(t, "UpdateEvent of an unknown id", update(ctx, unknown, store.UpdateEvent))
	order, err := store.Order(ctx, unknown)
	requireDomainError(t, "Order of an unknown id", err)
	order.UserID, order.EventID, order.Quantity = somebody, unknown, 1
	_, err = store.CreateOrder(ctx, order)
	requireDomainError(t, "CreateOrder for an unknown event", err)
	_, notFound := store.Event(ctx, unknown)
	lab.Require(t, sameCause(err, notFound), lab.Finding{
		Measured: fmt.Sprintf("Store.CreateOrder for an unknown event returned the error: %v", err),
		Expected: fmt.Sprintf("the error that Store.Event returns for it, as the comment on the method of boxoffice.Store says: %v", notFound),
		Why:      "An event that was deleted is not sold out. Whoever hears that it is puts people on a waiting list for nothing.",
	})
	order.EventID = lab.SoldOut.ID
	_, err = store.CreateOrder(ctx, order)
	requireDomainError(t, "CreateOrder for an event that is sold out", err)
	lab.Require(t, !sameCause(err, notFound), lab.Finding{
		Measured: fmt.Sprintf("Store.CreateOrder for an event that is sold out returned the error: %v", err),
		Expected: "ErrSoldOut, as the comment on the method of boxoffice.Store says",
		Why:      "Fans come back for tickets that others give back. They don't come back to an event that doesn't exist.",
	})
}

func TestStoreHidesTheDriver(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	store, db := openStore(t)
	user, err := store.User(t.Context(), somebody)
	require.NoError(t, err, "find user %d, who is in the seed", somebody)
	_, taken := store.CreateUser(t.Context(), user)
	requireDomainError(t, "CreateUser with an address that is taken", taken)

	// Two people sign up with one address, and neither is there yet when the other looks.
	user.Email = "twice@example.com"
	first, err := db.Begin()
	require.NoError(t, err)
	defer func() { _ = first.Rollback() }()
	_, err = first.Exec(`INSERT INTO users (email, password_hash) VALUES ($1, $2)`, user.Email, user.PasswordHash)
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() {
		_, err := store.CreateUser(t.Context(), user)
		second <- err
	}()
	lab.Within(patience, func() bool {
		var waiting int
		_ = db.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return waiting > 0 || len(second) > 0
	})
	require.NoError(t, first.Commit())
	select {
	case err = <-second:
	case <-time.After(patience):
		t.Fatalf("Store.CreateUser doesn't return, %v after another sign-up with the same address has ended", patience)
	}
	requireDomainError(t, "CreateUser with an address that another sign-up takes at the same moment", err)
	lab.Require(t, sameCause(err, taken), lab.Finding{
		Measured: fmt.Sprintf("Store.CreateUser with an address that another sign-up takes at the same moment returned the error: %v", err),
		Expected: fmt.Sprintf("the error for an address that is taken: %v", taken),
		Why:      "Somebody clicks twice. The second click is told that the address is taken, and not that the shop is broken.",
	})

	order, _ := store.Order(t.Context(), 1)
	order.ID, order.UserID, order.EventID, order.Quantity = 0, somebody, lab.SoldOut.ID, 1
	_, gone := store.CreateOrder(t.Context(), order)
	_, notFound := store.Event(t.Context(), unknown)

	// The database refuses to save, for a reason that the boxoffice has no error for.
	execute(t, db, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused by the test'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse();
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse();
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse();`)
	_, driver := db.Exec(`UPDATE events SET title = title WHERE id = $1`, someEvent)
	require.Error(t, driver)
	user.Email = "somebody.else@example.com"
	_, err = store.CreateUser(t.Context(), user)
	requirePassedOn(t, "CreateUser", err, driver, taken)
	requirePassedOn(t, "UpdateEvent", update(t.Context(), someEvent, store.UpdateEvent), driver, notFound)
	order.EventID = someEvent
	_, err = store.CreateOrder(t.Context(), order)
	requirePassedOn(t, "CreateOrder", err, driver, notFound, gone)
}

// requirePassedOn demands that the store tells of a failure as what it is: none of the errors that a
// client can act on, and with more than the words of the driver.
func requirePassedOn(t *testing.T, call string, err, driver error, others ...error) {
	t.Helper()
	for _, other := range others {
		lab.Require(t, err != nil && !sameCause(err, other), lab.Finding{
			Measured: fmt.Sprintf("the database refused the write of Store.%s (%v); it returned the error: %v", call, driver, err),
			Expected: "an error that is none of package boxoffice's, since that has none for this",
			Why:      "A disk is full, and all who sign up hear that their address is taken, all who buy that nothing is left. No alarm rings for a 404 or a 409.",
		})
	}
	lab.Require(t, strings.Contains(err.Error(), "refused by the test") && err.Error() != driver.Error(), lab.Finding{
		Measured: fmt.Sprintf("the database refused the write of Store.%s (%v); it returned the error: %v", call, driver, err),
		Expected: "these words, and what was being done",
		Why:      "Whoever is called at night reads this line, and no other.",
	})
}

// sameCause reports whether two errors come from the same one: its name is in package boxoffice,
// and of what they wrap it is the last.
func sameCause(err, other error) bool {
	switch wraps := other.(type) {
	case interface{ Unwrap() error }:
		if inner := wraps.Unwrap(); inner != nil {
			return sameCause(err, inner)
		}
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wraps.Unwrap(), func(inner error) bool { return sameCause(err, inner) })
	}
	return errors.Is(err, other)
}

// update calls UpdateEvent with a patch that changes nothing.
func update[Patch, Event any](ctx context.Context, id int64, updateEvent func(context.Context, int64, Patch) (Event, error)) error {
	var nothing Patch
	_, err := updateEvent(ctx, id, nothing)
	return err
}

// requireDomainError demands an error that has nothing of the driver in it.
func requireDomainError(t *testing.T, call string, err error) {
	t.Helper()
	const why = "Whoever has to know sql.ErrNoRows or the driver's error codes to answer 404 or 409 can't live without PostgreSQL. What the store does not translate, each caller must."
	lab.Require(t, err != nil, lab.Finding{
		Measured: "Store." + call + " returned no error",
		Expected: "one of the errors of package boxoffice",
		Why:      "Nothing was found or saved. Without an error, the caller goes on with an empty value.",
	})
	lab.Require(t, !errors.Is(err, sql.ErrNoRows), lab.Finding{
		Measured: "Store." + call + " returned sql.ErrNoRows",
		Expected: "one of the errors of package boxoffice, as the comment on the method of boxoffice.Store says",
		Why:      why,
	})
	driver := pq.As(err)
	lab.Require(t, driver == nil, lab.Finding{
		Measured: fmt.Sprintf("Store.%s returned an error of the driver: %v", call, driver),
		Expected: "one of the errors of package boxoffice, as the comment on the method of boxoffice.Store says",
		Why:      why,
	})
}
