package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// fakeStore has one event and remembers the orders that reach it. It takes none:
// that is its way to show that the service hands on what the store says.
type fakeStore struct {
	Store // the methods that these tests have no use for
	event Event
	saved []Order
}

var errFakeStore = errors.New("the fake store takes no orders")

func (f *fakeStore) Event(context.Context, int64) (Event, error) { return f.event, nil }

func (f *fakeStore) CreateOrder(_ context.Context, order Order) (Order, error) {
	f.saved = append(f.saved, order)
	return Order{}, errFakeStore
}

// order asks a service on the fake store for tickets to an event that begins
// that much later than now.
func order(t *testing.T, quantity int, begins time.Duration) (*fakeStore, error) {
	t.Helper()
	defer func() {
		if problem := recover(); problem != nil {
			t.Fatalf("Service.CreateOrder panicked: %v\nThe fake store has the methods Event and CreateOrder, and there is no mailer: nothing was sold.", problem)
		}
	}()
	fake := &fakeStore{event: Event{ID: 7, StartsAt: time.Now().Add(begins), PriceCents: 100, Remaining: 1000}}
	service := &Service{Store: fake}
	_, err := service.CreateOrder(t.Context(), Order{UserID: 5, EventID: 7, Quantity: quantity})
	return fake, err
}

func TestServiceHandsTheOrderToTheStore(t *testing.T) {
	lab.Task(t, 1)
	for _, quantity := range []int{1, 2, 8} {
		fake, err := order(t, quantity, time.Minute) // before it begins
		lab.Require(t, len(fake.saved) == 1 && fake.saved[0].UserID == 5 && fake.saved[0].EventID == 7 && fake.saved[0].Quantity == quantity, lab.Finding{
			Measured: fmt.Sprintf("an order of %d tickets reached the store as %+v (the service says: %v)", quantity, fake.saved, err),
			Expected: fmt.Sprintf("one call of Store.CreateOrder, with user 5, event 7 and quantity %d", quantity),
			Why:      "Selling is one call: the store takes the tickets and saves the order together, or not at all.",
		})
		lab.Require(t, errors.Is(err, errFakeStore), lab.Finding{
			Measured: fmt.Sprintf("the store said %q, and Service.CreateOrder returned %v", errFakeStore, err),
			Expected: "the store's error, wrapped or as it is",
			Why:      "A service that swallows an error confirms tickets that nobody has.",
		})
	}
}

func TestServiceRefusesNineTickets(t *testing.T) {
	lab.Task(t, 2)
	for _, quantity := range []int{9, 1000} {
		fake, err := order(t, quantity, time.Hour)
		requireRefusal(t, fmt.Sprintf("an order of %d tickets", quantity), fake, err, ErrTooManyTickets, "ErrTooManyTickets")
	}
}

func TestServiceRefusesPastEvents(t *testing.T) {
	lab.Task(t, 2)
	for _, begun := range []time.Duration{time.Second, 24 * time.Hour} {
		fake, err := order(t, 1, -begun)
		requireRefusal(t, fmt.Sprintf("an order for an event that began %v ago", begun), fake, err, ErrEventBegun, "ErrEventBegun")
	}
}

func TestServiceRefusesNoTickets(t *testing.T) {
	lab.Task(t, 2)
	for _, quantity := range []int{0, -1} {
		fake, err := order(t, quantity, time.Hour)
		requireRefusal(t, fmt.Sprintf("an order of %d tickets", quantity), fake, err, ErrInvalid, "ErrInvalid")
	}
}

// requireRefusal demands the error, and that the store saw nothing of the order.
func requireRefusal(t *testing.T, what string, fake *fakeStore, err, want error, name string) {
	t.Helper()
	lab.Require(t, errors.Is(err, want), lab.Finding{
		Measured: fmt.Sprintf("Service.CreateOrder answered %s with the error: %v", what, err),
		Expected: name,
		Why:      "A rule that lives in a handler holds for HTTP alone. The worker and the box office's own till walk past it.",
	})
	lab.Require(t, len(fake.saved) == 0, lab.Finding{
		Measured: fmt.Sprintf("%s was refused with %s, and reached the store first", what, name),
		Expected: "no call of Store.CreateOrder",
		Why:      "What is checked after the sale has been sold.",
	})
}
