package postgres

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/steps/03-errors/boxoffice"
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
	db, err := s.connect(ctx)
	if err != nil {
		return boxoffice.Order{}, err
	}
	defer db.Close()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return boxoffice.Order{}, domainError("create order", err)
	}
	defer tx.Rollback() // does nothing after the commit

	if err := takeTickets(ctx, tx, o.EventID, o.Quantity); err != nil {
		return boxoffice.Order{}, domainError("take tickets", err)
	}
	row, err := insertOrder(ctx, tx, o)
	if err != nil {
		return boxoffice.Order{}, domainError("insert order", err)
	}
	if err := tx.Commit(); err != nil {
		return boxoffice.Order{}, domainError("commit order", err)
	}
	return row.domain(), nil
}

// takeTickets lowers what remains of the event. It doesn't hold when two buyers come at
// the same moment: both read the old number, and both buy. Step 11 ends that.
func takeTickets(ctx context.Context, tx *sqlx.Tx, eventID int64, quantity int) error {
	var remaining int
	if err := tx.GetContext(ctx, &remaining, `SELECT remaining FROM events WHERE id = $1`, eventID); err != nil {
		return err
	}
	if quantity > remaining {
		return boxoffice.ErrSoldOut
	}
	_, err := tx.ExecContext(ctx, `UPDATE events SET remaining = remaining - $2 WHERE id = $1`, eventID, quantity)
	return err
}

func insertOrder(ctx context.Context, tx *sqlx.Tx, o boxoffice.Order) (order, error) {
	var row order
	err := tx.GetContext(ctx, &row, `
		INSERT INTO orders (user_id, event_id, quantity, total_cents) VALUES ($1, $2, $3, $4) RETURNING `+orderColumns,
		o.UserID, o.EventID, o.Quantity, o.TotalCents)
	return row, err
}

// endregion

// Order returns boxoffice.ErrNotFound when no order has the id.
func (s *Store) Order(ctx context.Context, id int64) (boxoffice.Order, error) {
	db, err := s.connect(ctx)
	if err != nil {
		return boxoffice.Order{}, err
	}
	defer db.Close()
	var row order
	if err := db.GetContext(ctx, &row, `SELECT `+orderColumns+` FROM orders WHERE id = $1`, id); err != nil {
		return boxoffice.Order{}, domainError("find order", err)
	}
	return row.domain(), nil
}

// OrdersOf returns the user's orders with their events, the newest first.
func (s *Store) OrdersOf(ctx context.Context, userID int64) ([]boxoffice.Order, error) {
	db, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var rows []order
	if err := db.SelectContext(ctx, &rows, `SELECT `+orderColumns+` FROM orders WHERE user_id = $1 ORDER BY id DESC`, userID); err != nil {
		return nil, domainError("list orders", err)
	}
	orders := make([]boxoffice.Order, len(rows))
	for i, row := range rows {
		orders[i] = row.domain()
		if orders[i].Event, err = eventOf(ctx, db, row); err != nil {
			return nil, domainError("list orders", err)
		}
	}
	return orders, nil
}

// eventOf looks up the event of the order, as lists show it.
func eventOf(ctx context.Context, db *sqlx.DB, o order) (*boxoffice.Event, error) {
	var row event
	if err := db.GetContext(ctx, &row, `SELECT `+eventColumns+` FROM events WHERE id = $1`, o.EventID); err != nil {
		return nil, err
	}
	found, err := withVenue(ctx, db, row)
	found.Description = ""
	return &found, err
}
