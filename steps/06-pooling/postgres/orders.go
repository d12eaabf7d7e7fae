package postgres

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/steps/06-pooling/boxoffice"
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

// CreateOrder takes the tickets from what remains of the event and saves the
// order under a new id, or does neither. It returns boxoffice.ErrNotFound when no
// event has the id, and boxoffice.ErrSoldOut when fewer tickets remain.
//
// TODO(task 2): in which state is the connection, on each way out?
func (s *Store) CreateOrder(_ context.Context, o boxoffice.Order) (boxoffice.Order, error) {
	// TODO(task 3): who may end this, and when?
	ctx := context.Background() // a sale goes through, even when the buyer has left
	db, err := s.connect(ctx)
	if err != nil {
		return boxoffice.Order{}, err
	}
	defer db.Close()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return boxoffice.Order{}, domainError("create order", err)
	}
	if err := takeTickets(ctx, s.timed(tx), o.EventID, o.Quantity); err != nil {
		return boxoffice.Order{}, domainError("take tickets", err)
	}
	row, err := insertOrder(ctx, s.timed(tx), o)
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

// Order returns boxoffice.ErrNotFound when no order has the id.
func (s *Store) Order(ctx context.Context, id int64) (boxoffice.Order, error) {
	db, err := s.connect(ctx)
	if err != nil {
		return boxoffice.Order{}, err
	}
	defer db.Close()
	var row order
	if err := sqlx.GetContext(ctx, s.timed(db), &row, `SELECT `+orderColumns+` FROM orders WHERE id = $1`, id); err != nil {
		return boxoffice.Order{}, domainError("find order", err)
	}
	return row.domain(), nil
}

// OrdersOf returns the user's orders with their events, the newest first.
//
// TODO(task 2): how many connections does this hold at once, and who closes the rows?
func (s *Store) OrdersOf(_ context.Context, userID int64) ([]boxoffice.Order, error) {
	// TODO(task 3): who may end this, and when?
	ctx := context.Background()
	db, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := s.timed(db).QueryxContext(ctx, `SELECT `+orderColumns+` FROM orders WHERE user_id = $1 ORDER BY id DESC`, userID)
	if err != nil {
		return nil, domainError("list orders", err)
	}
	var orders []boxoffice.Order
	for rows.Next() {
		var row order
		if err := rows.StructScan(&row); err != nil {
			return nil, domainError("list orders", err)
		}
		listed := row.domain()
		if listed.Event, err = eventOf(ctx, s.timed(db), row); err != nil {
			return nil, domainError("list orders", err)
		}
		orders = append(orders, listed)
	}
	if err := rows.Err(); err != nil {
		return nil, domainError("list orders", err)
	}
	return orders, nil
}

// eventOf looks up the event of the order, as lists show it.
func eventOf(ctx context.Context, db sqlx.QueryerContext, o order) (*boxoffice.Event, error) {
	var row event
	if err := sqlx.GetContext(ctx, db, &row, `SELECT `+eventColumns+` FROM events WHERE id = $1`, o.EventID); err != nil {
		return nil, err
	}
	found, err := withVenue(ctx, db, row)
	found.Description = ""
	return &found, err
}
