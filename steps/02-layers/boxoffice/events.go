package boxoffice

import (
	"context"
	"fmt"
)

const maxPage = 100 // events

// Events returns a page of the events to come. It returns ErrInvalid for a limit
// outside of 1 to 100, and for a negative offset.
func (s *Service) Events(ctx context.Context, filter EventFilter) ([]Event, error) {
	if filter.Limit < 1 || filter.Limit > maxPage {
		return nil, fmt.Errorf("%w: limit must be from 1 to %d", ErrInvalid, maxPage)
	}
	if filter.Offset < 0 {
		return nil, fmt.Errorf("%w: cursor must be the next of the page before", ErrInvalid)
	}
	return s.Store.Events(ctx, filter)
}

// Event returns one event with its description, or ErrNotFound.
func (s *Service) Event(ctx context.Context, id int64) (Event, error) {
	return s.Store.Event(ctx, id)
}

// ChangeEvent changes an event in the name of the user. It returns ErrForbidden
// for anybody but organisers, ErrInvalid for an empty title or a negative price,
// and ErrNotFound.
func (s *Service) ChangeEvent(ctx context.Context, userID, eventID int64, patch EventPatch) (Event, error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return Event{}, err
	}
	if user.Role != RoleOrganiser {
		return Event{}, ErrForbidden
	}
	if patch.Title != nil && *patch.Title == "" {
		return Event{}, fmt.Errorf("%w: title must not be empty", ErrInvalid)
	}
	if patch.PriceCents != nil && *patch.PriceCents < 0 {
		return Event{}, fmt.Errorf("%w: price_cents must not be negative", ErrInvalid)
	}
	return s.Store.UpdateEvent(ctx, eventID, patch)
}
