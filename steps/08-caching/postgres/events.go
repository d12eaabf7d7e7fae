package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/steps/08-caching/boxoffice"
)

// event is a row of events with its venue.
type event struct {
	ID          int64     `db:"id"`
	Title       string    `db:"title"`
	Description string    `db:"description"`
	StartsAt    time.Time `db:"starts_at"`
	PriceCents  int64     `db:"price_cents"`
	Remaining   int       `db:"remaining"`
	Venue       venue     `db:"venue"`
}

// venue is a row of venues.
type venue struct {
	ID   int64  `db:"id"`
	Name string `db:"name"`
	City string `db:"city"`
}

func (e event) domain() boxoffice.Event {
	return boxoffice.Event{
		ID: e.ID, Title: e.Title, Description: e.Description, StartsAt: e.StartsAt,
		PriceCents: e.PriceCents, Remaining: e.Remaining, Venue: boxoffice.Venue(e.Venue),
	}
}

// region columns

// listed are the columns of an event in a list. A description is some kilobytes,
// which a list would fetch and throw away.
const listed = `e.id, e.title, e.starts_at, e.price_cents, e.remaining,
	v.id AS "venue.id", v.name AS "venue.name", v.city AS "venue.city"`

// detailed are the columns of an event by itself.
const detailed = listed + `, e.description`

// endregion

// region Events

// Events returns the events to come that match, sorted as the filter says and then
// by id, without their descriptions.
func (s *Store) Events(ctx context.Context, filter boxoffice.EventFilter) ([]boxoffice.Event, error) {
	query, args := eventsQuery(filter)
	var rows []event
	if err := sqlx.SelectContext(ctx, s.timed(s.db), &rows, query, args...); err != nil {
		return nil, domainError("list events", err)
	}
	events := make([]boxoffice.Event, len(rows))
	for i, row := range rows {
		events[i] = row.domain()
	}
	return events, nil
}

// eventsQuery is one statement for the page, with only those conditions that the
// filter asks for: where a parameter can switch a condition off, a plan that is made
// once for all parameters can't rely on it.
func eventsQuery(filter boxoffice.EventFilter) (query string, args []any) {
	parameter := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	query = `SELECT ` + listed + ` FROM events e JOIN venues v ON v.id = e.venue_id WHERE e.starts_at > now()`
	if filter.City != "" {
		query += ` AND v.city = ` + parameter(filter.City)
	}
	if filter.Title != "" {
		query += ` AND e.title ILIKE ` + parameter("%"+likeLiteral.Replace(filter.Title)+"%")
	}
	// The column can't be a parameter, so it comes from here, whatever the client sent.
	column := "e.starts_at"
	if filter.Sort == boxoffice.SortByPrice {
		column = "e.price_cents"
	}
	if after := filter.After; after != nil {
		var value any = after.StartsAt
		if filter.Sort == boxoffice.SortByPrice {
			value = after.PriceCents
		}
		query += ` AND (` + column + `, e.id) > (` + parameter(value) + `, ` + parameter(after.ID) + `)`
	}
	query += ` ORDER BY ` + column + `, e.id LIMIT ` + parameter(filter.Limit)
	return query, args
}

// likeLiteral makes a text mean itself in a LIKE pattern.
var likeLiteral = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// endregion

// Event returns boxoffice.ErrNotFound when no event has the id.
func (s *Store) Event(ctx context.Context, id int64) (boxoffice.Event, error) {
	return s.event(ctx, "find event", `
		SELECT `+detailed+` FROM events e JOIN venues v ON v.id = e.venue_id WHERE e.id = $1`, id)
}

// UpdateEvent returns the event as it is after the change, and
// boxoffice.ErrNotFound when no event has the id.
func (s *Store) UpdateEvent(ctx context.Context, id int64, patch boxoffice.EventPatch) (boxoffice.Event, error) {
	return s.event(ctx, "update event", `
		UPDATE events e SET title = coalesce($2, e.title), price_cents = coalesce($3, e.price_cents)
		FROM venues v WHERE e.id = $1 AND v.id = e.venue_id
		RETURNING `+detailed, id, patch.Title, patch.PriceCents)
}

// event returns the one event that the query yields.
func (s *Store) event(ctx context.Context, doing, query string, args ...any) (boxoffice.Event, error) {
	var row event
	if err := sqlx.GetContext(ctx, s.timed(s.db), &row, query, args...); err != nil {
		return boxoffice.Event{}, domainError(doing, err)
	}
	return row.domain(), nil
}
