package main_test

import (
	"testing"

	"example.com/boxoffice/tools/lab/contract"
)

// What the API promises to its clients, route by route. These tests are guards: they
// pass from the start, and whatever you change, they must still pass. Each has a line
// here, and its text in tools/lab/contract, where your editor's "go to definition" leads.

// POST /users: 201 {id,email}, 409 when the email is taken. POST /sessions: 201 {token}. GET /me: 200 {id,email,role}.
func TestUserSignsUpAndLogsIn(t *testing.T) { contract.UserSignsUpAndLogsIn(t) }

// POST /users: 409 to an address that differs in small and capital letters alone. POST /sessions: 201 however it is written.
func TestAddressIsOneInAnyCase(t *testing.T) { contract.AddressIsOneInAnyCase(t) }

// POST /sessions: 401 to a wrong password, and to an email that nobody has.
func TestLogInNeedsThePassword(t *testing.T) { contract.LogInNeedsThePassword(t) }

// DELETE /sessions: 204, and this token gets 401 from then on; the user's other tokens still work.
func TestLogOutEndsTheSession(t *testing.T) { contract.LogOutEndsTheSession(t) }

// DELETE /sessions, GET /me, /me/orders, /orders/:id, POST /events/:id/orders, PATCH /events/:id: 401 without a token, or with a made-up one.
func TestPrivateRoutesNeedAToken(t *testing.T) { contract.PrivateRoutesNeedAToken(t) }

// GET /events: 200 {events:[{id,title,starts_at,price_cents,remaining,venue:{id,name,city}}],next}, the first 20 to come, by starts_at and id.
func TestEventsToComeAreListed(t *testing.T) { contract.EventsToComeAreListed(t) }

// GET /events?limit=&cursor=: the page that follows the one whose next is the cursor; each event once.
func TestPagesFollowEachOther(t *testing.T) { contract.PagesFollowEachOther(t) }

// GET /events: next is "" on the last page.
func TestLastPageHasNoNext(t *testing.T) { contract.LastPageHasNoNext(t) }

// GET /events?city=&q=: that city's events alone; a search that finds nothing answers 200 {"events":[],"next":""}.
func TestEventsAreFiltered(t *testing.T) { contract.EventsAreFiltered(t) }

// GET /events?limit=: 400 to anything but a whole number from 1 to 100.
func TestListRefusesABadLimit(t *testing.T) { contract.ListRefusesABadLimit(t) }

// GET /events/:id: what an order has taken and what an organiser has changed, to the next who asks.
func TestEventShowsWhatChanged(t *testing.T) { contract.EventShowsWhatChanged(t) }

// PATCH /events/:id {title?,price_cents?}: 200 event to an organiser; what is left out stays, and the list shows the change.
func TestOrganiserChangesAnEvent(t *testing.T) { contract.OrganiserChangesAnEvent(t) }

// PATCH /events/:id: 403 to a buyer, 400 to a price below zero, half a body or a bad id, 404 to an unknown one.
func TestEventChangesAreRefused(t *testing.T) { contract.EventChangesAreRefused(t) }

// POST /events/:id/orders {quantity}: 201 {id,event_id,quantity,total_cents,status,created_at}. GET /orders/:id: 200, the same. GET /me/orders: 200, the newest first.
func TestOrderIsConfirmed(t *testing.T) { contract.OrderIsConfirmed(t) }

// POST /events/:id/orders: a mail about the event to the buyer, with how many tickets and their sum, such as 126.00.
func TestOrderIsConfirmedByMail(t *testing.T) { contract.OrderIsConfirmedByMail(t) }

// POST /events/:id/orders: a mail that real mail servers take, whatever the event is called, and that goes to nobody else.
func TestOrderMailIsWellFormed(t *testing.T) { contract.OrderMailIsWellFormed(t) }

// POST /events/:id/orders: the mail goes over TLS where the mail server offers it, and nowhere when nobody vouches for the server.
func TestOrderMailIsEncrypted(t *testing.T) { contract.OrderMailIsEncrypted(t) }

// POST /events/:id/orders: 404 to an unknown event, 400 to a bad id, half a body or a quantity that is no number.
func TestOrderNeedsAnEvent(t *testing.T) { contract.OrderNeedsAnEvent(t) }

// All routes: the same for users, events and orders whose ids and sums are beyond 32 bits.
func TestNumbersMayBeLarge(t *testing.T) { contract.NumbersMayBeLarge(t) }

// GET /orders/:id: 404 to anybody but the buyer. GET /me/orders: a buyer's own alone.
func TestOrdersAreTheirOwners(t *testing.T) { contract.OrdersAreTheirOwners(t) }

// GET /me/orders: 200 {orders:[{…,event}]}, all that the buyer has, each with its event as a list shows it, past ones too.
func TestOrdersShowTheirEvents(t *testing.T) { contract.OrdersShowTheirEvents(t) }

// boxoffice migrate: six at once on an empty database, and each of them succeeds.
func TestMigrationsMayMeet(t *testing.T) { contract.MigrationsMayMeet(t) }

// boxoffice serve and migrate: a DATABASE_URL that can't be read is named, and its password isn't.
func TestUnreadableDatabaseURLIsNotShown(t *testing.T) { contract.UnreadableDatabaseURLIsNotShown(t) }

// Each route that asks the database: when a statement loses its connection, the true answer or a 5xx, and nothing half done.
func TestFailuresAreNotAnswers(t *testing.T) { contract.FailuresAreNotAnswers(t) }
