// Package boxoffice holds what the API is about: users, events and orders, and
// the rules for selling tickets. It knows neither HTTP nor SQL. Whatever it needs
// from outside, it asks for through the interfaces of this package.
package boxoffice

import (
	"errors"
	"time"
)

// The errors that a caller can act on. They come wrapped: test for them with
// errors.Is. Any other error is a fault of ours, not of the caller.
var (
	ErrInvalid         = errors.New("invalid input")
	ErrUnauthenticated = errors.New("log in first, and send the token")
	ErrBadCredentials  = errors.New("wrong e-mail address or password")
	ErrLocked          = errors.New("too many log-ins failed; try again later")
	ErrUnavailable     = errors.New("something we need doesn't answer; try again in a moment")
	ErrInDoubt         = errors.New("we lost our database before it said whether this was done; look before you ask for it again")
	ErrForbidden       = errors.New("only the organiser may do this")
	ErrNotFound        = errors.New("there is no such thing")
	ErrEmailTaken      = errors.New("this e-mail address is taken")
	ErrSoldOut         = errors.New("not that many tickets are left")
	ErrTooManyTickets  = errors.New("an order may have at most 8 tickets")
	ErrEventBegun      = errors.New("the event has already begun")
)

// The roles of users.
const (
	RoleBuyer     = "buyer"
	RoleOrganiser = "organiser"
)

// User is somebody who has signed up.
type User struct {
	ID           int64
	Email        string
	PasswordHash string // bcrypt
	Role         string
}

// Venue is where an event takes place.
type Venue struct {
	ID   int64
	Name string
	City string
}

// Event is something to buy tickets for.
type Event struct {
	ID          int64
	Title       string
	Description string // empty in lists
	StartsAt    time.Time
	PriceCents  int64 // of one ticket
	Remaining   int   // tickets still to be sold
	Venue       Venue
}

// EventFilter chooses a page of the events to come.
type EventFilter struct {
	City   string // of the venue; all cities when empty
	Title  string // a piece of the title; all titles when empty
	Sort   EventSort
	Limit  int // events on the page
	Offset int // events on the pages before it
}

// EventSort is what a list of events is sorted by. Ties are sorted by id.
type EventSort string

// The ways to sort a list of events, as clients name them.
const (
	SortByStart EventSort = "starts_at" // the zero value means this too
	SortByPrice EventSort = "price_cents"
)

// EventPatch is what to change about an event. What is nil stays as it is.
type EventPatch struct {
	Title      *string
	PriceCents *int64
}

// Order is a number of tickets that a user bought, or is about to buy.
type Order struct {
	ID         int64
	UserID     int64
	EventID    int64
	Event      *Event // in lists, else nil
	Quantity   int
	TotalCents int64
	Status     string
	CreatedAt  time.Time
}
