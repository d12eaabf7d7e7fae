package postgres

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/solutions/06-pooling/boxoffice"
)

// region columns

// eventColumns and venueColumns are what the rows below have fields for. With a * in
// their place, sqlx would refuse all rows from the moment when a later release adds a
// column to the table.
const (
	eventColumns = "id, venue_id, title, description, starts_at, price_cents, remaining"
	venueColumns = "id, name, city"
)

// endregion

// event is a row of events.
type event struct {
	ID          int64     `db:"id"`
	VenueID     int64     `db:"venue_id"`
	Title       string    `db:"title"`
	Description string    `db:"description"`
	StartsAt    time.Time `db:"starts_at"`
	PriceCents  int64     `db:"price_cents"`
	Remaining   int       `db:"remaining"`
}

// venue is a row of venues.
type venue struct {
	ID   int64  `db:"id"`
	Name string `db:"name"`
	City string `db:"city"`
}

func (e event) domain(v venue) boxoffice.Event {
	return boxoffice.Event{
		ID: e.ID, Title: e.Title, Description: e.Description, StartsAt: e.StartsAt,
		PriceCents: e.PriceCents, Remaining: e.Remaining, Venue: boxoffice.Venue(v),
	}
}

// region Events

// Events returns the events to come that match, sorted as the filter says and then
// by id, without their descriptions.
func (s *Store) Events(ctx context.Context, filter boxoffice.EventFilter) ([]boxoffice.Event, error) {
	var rows []event
	err := sqlx.SelectContext(ctx, s.timed(s.db), &rows, `
		SELECT `+eventColumns+` FROM events
		WHERE starts_at > now()
		  AND ($1 = '' OR venue_id IN (SELECT id FROM venues WHERE city = $1))
		  AND title ILIKE '%' || $2 || '%'
		ORDER BY `+orderBy(filter.Sort)+` LIMIT $3 OFFSET $4`,
		filter.City, filter.Title, filter.Limit, filter.Offset)
	if err != nil {
		return nil, domainError("list events", err)
	}
	events := make([]boxoffice.Event, len(rows))
	for i, row := range rows {
		if events[i], err = withVenue(ctx, s.timed(s.db), row); err != nil {
			return nil, domainError("list events", err)
		}
		events[i].Description = ""
	}
	return events, nil
}

// orderBy is the ORDER BY of a list of events. A parameter can't stand there, so
// the column comes from here, whatever the client sent.
func orderBy(sort boxoffice.EventSort) string {
	if sort == boxoffice.SortByPrice {
		return "price_cents, id"
	}
	return "starts_at, id"
}

// endregion

// Event returns boxoffice.ErrNotFound when no event has the id.
func (s *Store) Event(ctx context.Context, id int64) (boxoffice.Event, error) {
	return s.event(ctx, "find event", `SELECT `+eventColumns+` FROM events WHERE id = $1`, id)
}

// UpdateEvent returns the event as it is after the change, and
// boxoffice.ErrNotFound when no event has the id.
func (s *Store) UpdateEvent(ctx context.Context, id int64, patch boxoffice.EventPatch) (boxoffice.Event, error) {
	return s.event(ctx, "update event", `
		UPDATE events SET title = coalesce($2, title), price_cents = coalesce($3, price_cents)
		WHERE id = $1 RETURNING `+eventColumns, id, patch.Title, patch.PriceCents)
}

// event returns the one event that the query yields.
func (s *Store) event(ctx context.Context, doing, query string, args ...any) (boxoffice.Event, error) {
	var row event
	if err := sqlx.GetContext(ctx, s.timed(s.db), &row, query, args...); err != nil {
		return boxoffice.Event{}, domainError(doing, err)
	}
	found, err := withVenue(ctx, s.timed(s.db), row)
	if err != nil {
		return boxoffice.Event{}, domainError(doing, err)
	}
	return found, nil
}

// withVenue looks up the venue of the event.
func withVenue(ctx context.Context, db sqlx.QueryerContext, row event) (boxoffice.Event, error) {
	var v venue
	err := sqlx.GetContext(ctx, db, &v, `SELECT `+venueColumns+` FROM venues WHERE id = $1`, row.VenueID)
	return row.domain(v), err
}
