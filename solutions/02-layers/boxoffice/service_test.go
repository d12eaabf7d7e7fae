package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// patience is how long the tests wait for what must come.
const patience = 10 * time.Second

// fakeStore has one event and one order of old, and remembers the orders that reach it. It
// takes none: that is its way to show that the service hands on what the store says.
type fakeStore struct {
	Store  // the methods that these tests have no use for
	event  Event
	bought Order
	saved  []Order
}

var errFakeStore = errors.New("the fake store takes no orders")

func (f *fakeStore) Event(context.Context, int64) (Event, error) { return f.event, nil }

func (f *fakeStore) Order(_ context.Context, id int64) (Order, error) {
	if id != f.bought.ID {
		return Order{}, ErrNotFound
	}
	return f.bought, nil
}

func (f *fakeStore) CreateOrder(_ context.Context, order Order) (Order, error) {
	f.saved = append(f.saved, order)
	return Order{}, errFakeStore
}

// order asks a service on the fake store for tickets to an event that begins
// that much later than now.
func order(t *testing.T, quantity int, begins time.Duration) (*fakeStore, error) {
	t.Helper()
	fake := fakeEvent(time.Now().Add(begins))
	return fake, ask(t, &Service{Store: fake}, quantity)
}

// fakeEvent is a fake store whose event begins at that time.
func fakeEvent(begins time.Time) *fakeStore {
	return &fakeStore{event: Event{ID: 7, StartsAt: begins, PriceCents: 100, Remaining: 1000}}
}

// ask asks the service for tickets to the event of a fake store.
func ask(t *testing.T, service *Service, quantity int) error {
	t.Helper()
	defer func() {
		if problem := recover(); problem != nil {
			t.Fatalf("Service.CreateOrder panicked: %v\nThe fake store has the methods Event, Order and CreateOrder, and there is no mailer: nothing was sold.", problem)
		}
	}()
	_, err := service.CreateOrder(t.Context(), Order{UserID: 5, EventID: 7, Quantity: quantity})
	return err
}

// zones are places that have another date than the rest of the world for most of the day. Times
// come from the database in the zone of its session, which isn't that of this process.
var zones = []*time.Location{time.FixedZone("Kiritimati", 14*60*60), time.FixedZone("Pago Pago", -11*60*60)}

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
	for _, zone := range zones {
		fake := fakeEvent(time.Now().Add(time.Minute).In(zone))
		err := ask(t, &Service{Store: fake}, 1)
		lab.Require(t, len(fake.saved) == 1, lab.Finding{
			Measured: fmt.Sprintf("an event begins in a minute, which its clock shows as %s; an order for it reached the store %d times (the service says: %v)",
				fake.event.StartsAt, len(fake.saved), err),
			Expected: "one call of Store.CreateOrder, as for any event to come",
			Why:      "A minute is a minute, whatever the clocks on the two walls show. Where API and database are set to different zones, the sale ends hours before the evening begins.",
		})
	}
}

func TestServiceShowsOrdersToTheirBuyer(t *testing.T) {
	lab.Task(t, 1)
	service := &Service{Store: &fakeStore{bought: Order{ID: 3, UserID: 5, EventID: 7, Quantity: 2}}}
	found, err := service.Order(t.Context(), 5, 3)
	lab.Require(t, err == nil && found.ID == 3 && found.Quantity == 2, lab.Finding{
		Measured: fmt.Sprintf("user 5 has bought order 3; Service.Order(5, 3) returned %+v and the error %v", found, err),
		Expected: "the order as the store has it, and no error",
		Why:      "Buyers look up what they bought.",
	})
	_, err = service.Order(t.Context(), 6, 3)
	lab.Require(t, errors.Is(err, ErrNotFound), lab.Finding{
		Measured: fmt.Sprintf("user 5 has bought order 3; Service.Order for user 6 returned the error %v", err),
		Expected: "ErrNotFound, as for an order that isn't there",
		Why:      "Whose order it is, is a rule. One that lives in a handler holds for HTTP alone: the till at the door shows everybody's orders to everybody.",
	})
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
	for _, zone := range zones {
		fake := fakeEvent(time.Now().Add(-time.Second).In(zone))
		err := ask(t, &Service{Store: fake}, 1)
		requireRefusal(t, "an order for an event that began a second ago, at "+fake.event.StartsAt.String(), fake, err, ErrEventBegun, "ErrEventBegun")
	}
	// An event that begins while the service is there.
	fake := fakeEvent(time.Now().Add(5 * time.Millisecond))
	service := &Service{Store: fake}
	_ = ask(t, service, 1) // it may have begun already, on a machine with much to do
	lab.Within(patience, func() bool { return time.Now().After(fake.event.StartsAt) })
	fake.saved = nil
	err := ask(t, service, 1)
	requireRefusal(t, "an order for an event that began while the service ran", fake, err, ErrEventBegun, "ErrEventBegun")
	// An event that is moved while the service is there.
	fake = fakeEvent(time.Now().Add(time.Hour))
	service = &Service{Store: fake}
	_ = ask(t, service, 1)
	fake.event.StartsAt, fake.saved = time.Now().Add(-time.Second), nil
	err = ask(t, service, 1)
	requireRefusal(t, "an order for an event that was moved to an earlier hour, and has begun now", fake, err, ErrEventBegun, "ErrEventBegun")
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
