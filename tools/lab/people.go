package lab

import "example.com/boxoffice/tools/internal/seed"

// User is somebody who is signed up in every seeded database.
type User = seed.User

// Event is an event of every seeded database.
type Event = seed.Event

// The people that tests log in as.
var (
	Buyer      = seed.Buyer
	OtherBuyer = seed.OtherBuyer
	Organiser  = seed.Organiser
)

// The events that tests are about.
var (
	OnSale  = seed.OnSale  // hundreds of tickets left
	FewLeft = seed.FewLeft // three tickets left
	SoldOut = seed.SoldOut // none left
	Past    = seed.Past    // begun yesterday, tickets left
)
