package postgres

import (
	"context"
	"errors"

	"example.com/boxoffice/steps/02-layers/boxoffice"
)

// region CreateOrder

// CreateOrder takes the tickets from what remains of the event and saves the
// order under a new id, or does neither. It returns boxoffice.ErrNotFound when no
// event has the id, and boxoffice.ErrSoldOut when fewer tickets remain.
func (s *Store) CreateOrder(ctx context.Context, o boxoffice.Order) (boxoffice.Order, error) {
	// TODO(task 1): move the transaction from httpapi/orders.go.
	return boxoffice.Order{}, errors.New("Store.CreateOrder is still to be written")
}

// endregion

// Order returns boxoffice.ErrNotFound when no order has the id.
func (s *Store) Order(ctx context.Context, id int64) (boxoffice.Order, error) {
	// TODO(task 1): move the query from httpapi/orders.go.
	return boxoffice.Order{}, errors.New("Store.Order is still to be written")
}

// OrdersOf returns the user's orders with their events, the newest first.
func (s *Store) OrdersOf(ctx context.Context, userID int64) ([]boxoffice.Order, error) {
	// TODO(task 1): move the queries from httpapi/orders.go.
	return nil, errors.New("Store.OrdersOf is still to be written")
}
