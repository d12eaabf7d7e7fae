package boxoffice

import (
	"context"
	"errors"
)

// MaxTickets is how many tickets one order may have.
const MaxTickets = 8

// region CreateOrder

// CreateOrder sells tickets: order names the user, the event and the quantity.
// It returns ErrInvalid for a quantity below 1, ErrTooManyTickets, ErrNotFound,
// ErrEventBegun and ErrSoldOut. The buyer gets a mail.
func (s *Service) CreateOrder(ctx context.Context, order Order) (Order, error) {
	// TODO(task 1): move here what httpapi/orders.go does around its SQL: the
	// check of the quantity, the price, the mail. Sell with Store.CreateOrder.
	// TODO(task 2): refuse more than MaxTickets, and an event that has begun.
	return Order{}, errors.New("Service.CreateOrder is still to be written")
}

// endregion

// Order returns an order of the user's. It returns ErrNotFound for everybody
// else's too, so that nobody learns which ids exist.
func (s *Service) Order(ctx context.Context, userID, orderID int64) (Order, error) {
	// TODO(task 1): find the order with Store.Order.
	return Order{}, errors.New("Service.Order is still to be written")
}

// OrdersOf returns the user's orders, the newest first.
func (s *Service) OrdersOf(ctx context.Context, userID int64) ([]Order, error) {
	return s.Store.OrdersOf(ctx, userID)
}
