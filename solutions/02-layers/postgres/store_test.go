package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

func TestMain(m *testing.M) { lab.Main(m, nil) }

const (
	unknown             = int64(999_999_999) // no user, event or order has this id
	somebody, someEvent = int64(9), int64(42)
)

func openStore(t *testing.T) *Store {
	t.Helper()
	store, err := Open(lab.NewDatabase(t, Migrate).URL)
	require.NoError(t, err, "open the store")
	return store
}

func TestStoreSavesOrders(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	store := openStore(t)
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
}

func TestStoreHidesSQL(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	store := openStore(t)
	ctx := t.Context()
	_, err := store.User(ctx, unknown)
	requireDomainError(t, "User of an unknown id", err)
	_, err = store.UserByEmail(ctx, "nobody@example.com")
	requireDomainError(t, "UserByEmail of an unknown address", err)
	_, err = store.Event(ctx, unknown)
	requireDomainError(t, "Event of an unknown id", err)
	requireDomainError(t, "UpdateEvent of an unknown id", update(ctx, store.UpdateEvent))
	order, err := store.Order(ctx, unknown)
	requireDomainError(t, "Order of an unknown id", err)
	order.UserID, order.EventID, order.Quantity = somebody, unknown, 1
	_, err = store.CreateOrder(ctx, order)
	requireDomainError(t, "CreateOrder for an unknown event", err)
}

func TestStoreHidesTheDriver(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	store := openStore(t)
	user, err := store.User(t.Context(), somebody)
	require.NoError(t, err, "find user %d, who is in the seed", somebody)
	_, err = store.CreateUser(t.Context(), user)
	requireDomainError(t, "CreateUser with an address that is taken", err)
}

// update calls UpdateEvent with a patch that changes nothing.
func update[Patch, Event any](ctx context.Context, updateEvent func(context.Context, int64, Patch) (Event, error)) error {
	var nothing Patch
	_, err := updateEvent(ctx, unknown, nothing)
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
