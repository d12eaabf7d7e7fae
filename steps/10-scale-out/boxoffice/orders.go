package boxoffice

import (
	"context"
	"fmt"
	"time"
)

// MaxTickets is how many tickets one order may have.
const MaxTickets = 8

// region CreateOrder

// CreateOrder sells tickets: order names the user, the event and the quantity.
// It returns an InvalidError for a quantity below 1, ErrTooManyTickets,
// ErrNotFound, ErrEventBegun and ErrSoldOut. The buyer gets a mail, later.
func (s *Service) CreateOrder(ctx context.Context, order Order) (Order, error) {
	event, err := s.checkOrder(ctx, order)
	if err != nil {
		return Order{}, err
	}
	order.TotalCents = int64(order.Quantity) * event.PriceCents
	created, err := s.Store.CreateOrder(ctx, order)
	s.changed(ctx, order.EventID, err)
	if err != nil {
		return Order{}, err
	}
	return created, nil
}

// checkOrder applies the rules for selling tickets, and returns the event. What
// remains is for the store to check: by the time it sells, that has changed.
func (s *Service) checkOrder(ctx context.Context, order Order) (Event, error) {
	if order.Quantity < 1 {
		return Event{}, Invalid("quantity", "must be at least 1")
	}
	if order.Quantity > MaxTickets {
		return Event{}, ErrTooManyTickets
	}
	event, err := s.Store.Event(ctx, order.EventID)
	if err != nil {
		return Event{}, err
	}
	if !event.StartsAt.After(time.Now()) {
		return Event{}, ErrEventBegun
	}
	return event, nil
}

// endregion

// region ConfirmOrder

// ConfirmOrder sends the buyer a mail about the order. It may be called more than
// once for the same order, and is then the same mail.
func (s *Service) ConfirmOrder(ctx context.Context, orderID int64) error {
	order, err := s.Store.Order(ctx, orderID)
	if err != nil {
		return err
	}
	event, err := s.Store.Event(ctx, order.EventID)
	if err != nil {
		return err
	}
	user, err := s.Store.User(ctx, order.UserID)
	if err != nil {
		return err
	}
	return s.Mailer.Send(ctx, Mail{
		ID:      fmt.Sprintf("order-%d", order.ID),
		To:      user.Email,
		Subject: "Your tickets for " + event.Title,
		Text: fmt.Sprintf("%d tickets for %s, %d.%02d in all.",
			order.Quantity, event.Title, order.TotalCents/100, order.TotalCents%100),
	})
}

// endregion

// Order returns an order of the user's. It returns ErrNotFound for everybody
// else's too, so that nobody learns which ids exist.
func (s *Service) Order(ctx context.Context, userID, orderID int64) (Order, error) {
	order, err := s.Store.Order(ctx, orderID)
	if err != nil {
		return Order{}, err
	}
	if order.UserID != userID {
		return Order{}, ErrNotFound
	}
	return order, nil
}

// OrdersOf returns a page of the user's orders, the newest first, or an InvalidError.
func (s *Service) OrdersOf(ctx context.Context, userID int64, page OrderPage) ([]Order, error) {
	if err := page.Check(); err != nil {
		return nil, err
	}
	return s.Store.OrdersOf(ctx, userID, page)
}

// Check returns an InvalidError that names all that is wrong with the page.
func (p OrderPage) Check() error {
	var check checks
	check.that(p.Limit >= 1 && p.Limit <= maxPage, "limit", fmt.Sprintf("must be from 1 to %d", maxPage))
	check.that(p.After >= 0, "cursor", "must be the next of a page")
	return check.err()
}
