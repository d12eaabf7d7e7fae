package seed

// Password is what every seeded user logs in with.
const Password = "correct horse battery staple"

// User is someone who can log in.
type User struct {
	ID       int64
	Email    string
	Password string
	Role     string
}

// The users that tests name. Users 4 to 5000 are user4@example.com and so on.
var (
	Buyer      = User{ID: 1, Email: "buyer@example.com", Password: Password, Role: "buyer"} // has 60 orders
	OtherBuyer = User{ID: 2, Email: "other@example.com", Password: Password, Role: "buyer"} // has 5 orders
	Organiser  = User{ID: 3, Email: "organiser@example.com", Password: Password, Role: "organiser"}
)

// Venue is where an event takes place.
type Venue struct {
	ID       int64
	Name     string
	City     string
	Capacity int
}

// Hall is where the events that tests name take place, and no other event.
var Hall = Venue{ID: 1, Name: "Royal Albert Hall", City: "London", Capacity: 5272}

// Event is a show that tickets are sold for.
type Event struct {
	ID         int64
	Title      string // no other event has it
	PriceCents int64
	Remaining  int // tickets left
	Days       int // it begins at 20:00 UTC so many days after the seeding
	Venue      Venue
}

// The events that tests name. They have no orders yet.
var (
	OnSale  = Event{ID: 42, Title: "The Answers: One Night in June", PriceCents: 4200, Remaining: 500, Days: 60, Venue: Hall}
	FewLeft = Event{ID: 43, Title: "Three Left Shoes: The Last Row", PriceCents: 6500, Remaining: 3, Days: 45, Venue: Hall}
	SoldOut = Event{ID: 44, Title: "Nobody Home: Sold Out Again", PriceCents: 8900, Remaining: 0, Days: 30, Venue: Hall}
	Past    = Event{ID: 45, Title: "Yesterday's Papers: It Was Grand", PriceCents: 3000, Remaining: 100, Days: -1, Venue: Hall}
)

// How many rows of each the seed has; their ids run from 1 without a gap.
const (
	Users  = 5_000
	Venues = 500
	Events = 20_000
	Orders = 100_000
)
