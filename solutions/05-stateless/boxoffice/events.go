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

// Events returns a page of the events to come, or an InvalidError.
func (s *Service) Events(ctx context.Context, filter EventFilter) ([]Event, error) {
	if filter.Sort == "" {
		filter.Sort = SortByStart
	}
	if err := filter.Check(); err != nil {
		return nil, err
	}
	return s.Store.Events(ctx, filter)
}

// Check returns an InvalidError that names all that is wrong with the filter.
func (f EventFilter) Check() error {
	var check checks
	check.that(isText(f.City), "city", "must be text")
	check.that(isText(f.Title), "q", "must be text")
	check.that(f.Sort == "" || f.Sort == SortByStart || f.Sort == SortByPrice, "sort", "must be starts_at or price_cents")
	check.that(f.Limit >= 1 && f.Limit <= maxPage, "limit", fmt.Sprintf("must be from 1 to %d", maxPage))
	check.that(f.Offset >= 0, "cursor", "must be the next of the page before")
	return check.err()
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
