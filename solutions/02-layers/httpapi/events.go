package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/solutions/02-layers/boxoffice"
)

// event is how the API shows an event.
type event struct {
	ID          int64     `json:"id"`
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	StartsAt    time.Time `json:"starts_at"`
	PriceCents  int64     `json:"price_cents"`
	Remaining   int       `json:"remaining"`
	Venue       venue     `json:"venue"`
}

type venue struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	City string `json:"city"`
}

func showEvent(e boxoffice.Event) event {
	return event{
		ID: e.ID, Title: e.Title, Description: e.Description, StartsAt: e.StartsAt,
		PriceCents: e.PriceCents, Remaining: e.Remaining, Venue: venue(e.Venue),
	}
}

func (a *api) listEvents(c *gin.Context) {
	filter, err := eventFilter(c)
	if err != nil {
		fail(c, err)
		return
	}
	found, err := a.service.Events(c.Request.Context(), filter)
	if err != nil {
		fail(c, err)
		return
	}
	events := make([]event, len(found))
	for i := range found {
		events[i] = showEvent(found[i])
	}
	next := "" // the last page
	if len(events) == filter.Limit {
		next = strconv.Itoa(filter.Offset + filter.Limit)
	}
	c.JSON(http.StatusOK, gin.H{"events": events, "next": next})
}

// eventFilter reads the query. The cursor is the number of events on the pages
// before.
func eventFilter(c *gin.Context) (boxoffice.EventFilter, error) {
	limit, err := strconv.Atoi(c.DefaultQuery("limit", "20"))
	if err != nil {
		return boxoffice.EventFilter{}, fmt.Errorf("%w: limit must be a number", boxoffice.ErrInvalid)
	}
	offset, err := strconv.Atoi(c.DefaultQuery("cursor", "0"))
	if err != nil {
		return boxoffice.EventFilter{}, fmt.Errorf("%w: cursor must be the next of the page before", boxoffice.ErrInvalid)
	}
	return boxoffice.EventFilter{City: c.Query("city"), Title: c.Query("q"), Limit: limit, Offset: offset}, nil
}

// region getEvent

func (a *api) getEvent(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		fail(c, err)
		return
	}
	found, err := a.service.Event(c.Request.Context(), id)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, showEvent(found))
}

// endregion

func (a *api) changeEvent(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		fail(c, err)
		return
	}
	var in struct {
		Title      *string `json:"title"`
		PriceCents *int64  `json:"price_cents"`
	}
	if err := readBody(c, &in); err != nil {
		fail(c, err)
		return
	}
	changed, err := a.service.ChangeEvent(c.Request.Context(), loggedIn(c), id, boxoffice.EventPatch(in))
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, showEvent(changed))
}
