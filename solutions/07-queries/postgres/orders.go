package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/solutions/07-queries/boxoffice"
)

const orderColumns = "id, user_id, event_id, quantity, total_cents, status, created_at"

// order is a row of orders.
type order struct {
	ID         int64     `db:"id"`
	UserID     int64     `db:"user_id"`
	EventID    int64     `db:"event_id"`
	Quantity   int       `db:"quantity"`
	TotalCents int64     `db:"total_cents"`
	Status     string    `db:"status"`
	CreatedAt  time.Time `db:"created_at"`
}

func (o order) domain() boxoffice.Order {
	return boxoffice.Order{
		ID: o.ID, UserID: o.UserID, EventID: o.EventID, Quantity: o.Quantity,
		TotalCents: o.TotalCents, Status: o.Status, CreatedAt: o.CreatedAt,
	}
}

// region CreateOrder

// CreateOrder takes the tickets from what remains of the event and saves the
// order under a new id, or does neither. It returns boxoffice.ErrNotFound when no
// event has the id, and boxoffice.ErrSoldOut when fewer tickets remain.
func (s *Store) CreateOrder(ctx context.Context, o boxoffice.Order) (boxoffice.Order, error) {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return boxoffice.Order{}, domainError("create order", err)
	}
	defer tx.Rollback() // does nothing after the commit

	if err := takeTickets(ctx, s.timed(tx), o.EventID, o.Quantity); err != nil {
		return boxoffice.Order{}, domainError("take tickets", err)
	}
	row, err := insertOrder(ctx, s.timed(tx), o)
	if err != nil {
		return boxoffice.Order{}, domainError("insert order", err)
	}
	if err := commit(tx, "commit order"); err != nil {
		return boxoffice.Order{}, err
	}
	return row.domain(), nil
}

// takeTickets lowers what remains of the event. It doesn't hold when two buyers come at
// the same moment: both read the old number, and both buy. Step 11 ends that.
func takeTickets(ctx context.Context, tx sqlx.ExtContext, eventID int64, quantity int) error {
	var remaining int
	if err := sqlx.GetContext(ctx, tx, &remaining, `SELECT remaining FROM events WHERE id = $1`, eventID); err != nil {
		return err
	}
	if quantity > remaining {
		return boxoffice.ErrSoldOut
	}
	_, err := tx.ExecContext(ctx, `UPDATE events SET remaining = remaining - $2 WHERE id = $1`, eventID, quantity)
	return err
}

func insertOrder(ctx context.Context, tx sqlx.ExtContext, o boxoffice.Order) (order, error) {
	var row order
	err := sqlx.GetContext(ctx, tx, &row, `
		INSERT INTO orders (user_id, event_id, quantity, total_cents) VALUES ($1, $2, $3, $4) RETURNING `+orderColumns,
		o.UserID, o.EventID, o.Quantity, o.TotalCents)
	return row, err
}

// endregion

// Order returns boxoffice.ErrNotFound when no order has the id.
func (s *Store) Order(ctx context.Context, id int64) (boxoffice.Order, error) {
	var row order
	if err := sqlx.GetContext(ctx, s.timed(s.db), &row, `SELECT `+orderColumns+` FROM orders WHERE id = $1`, id); err != nil {
		return boxoffice.Order{}, domainError("find order", err)
	}
	return row.domain(), nil
}

// region OrdersOf

// OrdersOf returns a page of the user's orders with their events, the newest first.
func (s *Store) OrdersOf(ctx context.Context, userID int64, page boxoffice.OrderPage) ([]boxoffice.Order, error) {
	var rows []struct {
		order
		event `db:"event"`
	}
	err := sqlx.SelectContext(ctx, s.timed(s.db), &rows, `
		SELECT o.id, o.user_id, o.event_id, o.quantity, o.total_cents, o.status, o.created_at,
			e.id AS "event.id", e.title AS "event.title", e.starts_at AS "event.starts_at",
			e.price_cents AS "event.price_cents", e.remaining AS "event.remaining",
			v.id AS "event.venue.id", v.name AS "event.venue.name", v.city AS "event.venue.city"
		FROM orders o JOIN events e ON e.id = o.event_id JOIN venues v ON v.id = e.venue_id
		WHERE o.user_id = $1 AND o.id < $2 ORDER BY o.id DESC LIMIT $3`, userID, before(page), page.Limit)
	if err != nil {
		return nil, domainError("list orders", err)
	}
	orders := make([]boxoffice.Order, len(rows))
	for i, row := range rows {
		event := row.event.domain()
		orders[i] = row.order.domain()
		orders[i].Event = &event
	}
	return orders, nil
}

// before is the id that all orders of the page are below.
func before(page boxoffice.OrderPage) int64 {
	if page.After == 0 {
		return math.MaxInt64
	}
	return page.After
}

// endregion
