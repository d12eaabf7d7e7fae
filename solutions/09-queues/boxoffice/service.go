package boxoffice

import "context"

// Service is the API without its transport: each method is something that a
// client can ask for, with the rules that hold for it.
type Service struct {
	Store    Store
	Catalog  Catalog
	Sessions Sessions
	Attempts Attempts
	Mailer   Mailer
}

// region Store

// Store keeps users, events and orders.
type Store interface {
	// CreateUser saves the user under a new id. It returns ErrEmailTaken when
	// somebody has signed up with that address.
	CreateUser(ctx context.Context, user User) (User, error)
	// User returns ErrNotFound when no user has the id.
	User(ctx context.Context, id int64) (User, error)
	// UserByEmail returns ErrNotFound when nobody has signed up with the address.
	UserByEmail(ctx context.Context, email string) (User, error)

	// Events returns the events to come that match, sorted as the filter says and
	// then by id, without their descriptions.
	Events(ctx context.Context, filter EventFilter) ([]Event, error)
	// Event returns ErrNotFound when no event has the id.
	Event(ctx context.Context, id int64) (Event, error)
	// UpdateEvent returns the event as it is after the change, and ErrNotFound
	// when no event has the id.
	UpdateEvent(ctx context.Context, id int64, patch EventPatch) (Event, error)

	// CreateOrder takes the tickets from what remains of the event, saves the order
	// under a new id, and leaves word that Service.ConfirmOrder is to be called for
	// it; or does nothing of that. It returns ErrNotFound when no event has the id,
	// and ErrSoldOut when fewer tickets remain.
	CreateOrder(ctx context.Context, order Order) (Order, error)
	// Order returns ErrNotFound when no order has the id.
	Order(ctx context.Context, id int64) (Order, error)
	// OrdersOf returns a page of the user's orders with their events, the newest first.
	OrdersOf(ctx context.Context, userID int64, page OrderPage) ([]Order, error)

	// CreateReport saves a job of the user's under a new id, and leaves word that
	// Service.MakeReport is to be called for it; or does neither.
	CreateReport(ctx context.Context, userID int64) (Job, error)
	// Report returns ErrNotFound when no job has the id.
	Report(ctx context.Context, id int64) (Job, error)
	// SaveProgress saves how far a job is, in percent.
	SaveProgress(ctx context.Context, id int64, percent int) error
	// SaveReport saves what a job was for. After that, the job is done.
	SaveReport(ctx context.Context, id int64, report SalesReport) error

	// LastOrder returns the highest id of an order, 0 when there is none.
	LastOrder(ctx context.Context) (int64, error)
	// EndOfBatch returns the id of the n-th order with an id above after, up to last; of
	// the last such order when there are fewer, and last when there is none. Ids have
	// gaps, and some gaps are wide.
	EndOfBatch(ctx context.Context, after, last int64, n int) (int64, error)
	// SalesByCity sums up the orders with ids above after, up to last.
	SalesByCity(ctx context.Context, after, last int64) (map[string]Sales, error)
}

// endregion

// region Catalog

// Catalog shows the events to visitors, and may remember what it has shown. What is
// sold, and for how much, is for the Store alone to say.
type Catalog interface {
	// Events returns what Store.Events does.
	Events(ctx context.Context, filter EventFilter) ([]Event, error)
	// Event returns what Store.Event does.
	Event(ctx context.Context, id int64) (Event, error)
	// Changed has everybody see the event as it is now. Call it when the change is
	// committed: before that, others would remember the old event anew.
	Changed(ctx context.Context, eventID int64)
}

// endregion

// Sessions remembers who is logged in.
type Sessions interface {
	// Start returns a new token for the user.
	Start(ctx context.Context, userID int64) (token string, err error)
	// UserID returns ErrUnauthenticated when the token is none of ours.
	UserID(ctx context.Context, token string) (int64, error)
	// End makes the token worthless.
	End(ctx context.Context, token string) error
}

// Attempts counts log-ins, so that nobody can try out passwords.
type Attempts interface {
	// Begin counts an attempt to log in with the address. It returns ErrLocked when
	// there were too many.
	Begin(ctx context.Context, email string) error
	// Forget gives the account all its attempts again.
	Forget(ctx context.Context, email string) error
}

// Mailer sends mail.
type Mailer interface {
	// Send returns once the mail has been handed over.
	Send(ctx context.Context, mail Mail) error
}

// Mail is a plain text to one person.
type Mail struct {
	// ID is the same whenever this mail is sent, and no other mail has it: whoever
	// gets it twice can tell.
	ID      string
	To      string
	Subject string
	Text    string
}
