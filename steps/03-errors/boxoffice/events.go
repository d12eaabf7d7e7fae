package boxoffice

import (
	"context"
	"fmt"
)

const (
	maxPage  = 100        // events
	maxTitle = 200        // bytes
	maxPrice = 10_000_000 // cents
)

// Events returns a page of the events to come, or ErrInvalid.
func (s *Service) Events(ctx context.Context, filter EventFilter) ([]Event, error) {
	if filter.Sort == "" {
		filter.Sort = SortByStart
	}
	if err := filter.Check(); err != nil {
		return nil, err
	}
	return s.Store.Events(ctx, filter)
}

// Check returns ErrInvalid for what no list can be asked for.
func (f EventFilter) Check() error {
	// TODO(task 2): name every wrong part of the filter, as EventPatch.check does.
	// What can't be stored as text can't be looked for, either.
	// TODO(task 3): sort is one of two words.
	if f.Limit < 1 || f.Limit > maxPage {
		return fmt.Errorf("%w: limit must be from 1 to %d", ErrInvalid, maxPage)
	}
	if f.Offset < 0 {
		return fmt.Errorf("%w: cursor must be the next of the page before", ErrInvalid)
	}
	return nil
}

// Event returns one event with its description, or ErrNotFound.
func (s *Service) Event(ctx context.Context, id int64) (Event, error) {
	return s.Store.Event(ctx, id)
}

// ChangeEvent changes an event in the name of the user. It returns ErrForbidden
// for anybody but organisers, an InvalidError, and ErrNotFound.
func (s *Service) ChangeEvent(ctx context.Context, userID, eventID int64, patch EventPatch) (Event, error) {
	user, err := s.Store.User(ctx, userID)
	if err != nil {
		return Event{}, err
	}
	if user.Role != RoleOrganiser {
		return Event{}, ErrForbidden
	}
	if err := patch.check(); err != nil {
		return Event{}, err
	}
	return s.Store.UpdateEvent(ctx, eventID, patch)
}

func (p EventPatch) check() error {
	var check checks
	if p.Title != nil {
		check.that(isText(*p.Title) && *p.Title != "" && len(*p.Title) <= maxTitle, "title", fmt.Sprintf("must be text of 1 to %d bytes", maxTitle))
	}
	if p.PriceCents != nil { // 0 is a price, too
		check.that(*p.PriceCents >= 0 && *p.PriceCents <= maxPrice, "price_cents", fmt.Sprintf("must be from 0 to %d", maxPrice))
	}
	return check.err()
}
