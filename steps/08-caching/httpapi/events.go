package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/08-caching/boxoffice"
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

func (a *api) listEvents(c *gin.Context) error {
	filter := eventFilter(c)
	found, err := a.service.Events(c.Request.Context(), filter)
	if err != nil {
		return err
	}
	events := make([]event, len(found))
	for i := range found {
		events[i] = showEvent(found[i])
	}
	next := "" // the last page
	if len(found) == filter.Limit {
		next = writeCursor(boxoffice.CursorAfter(found[len(found)-1], filter.Sort))
	}
	c.JSON(http.StatusOK, gin.H{"events": events, "next": next})
	return nil
}

// eventFilter reads the query. A limit that is no number becomes -1, and a cursor
// that is none becomes the empty one: the service refuses them by name.
func eventFilter(c *gin.Context) boxoffice.EventFilter {
	filter := boxoffice.EventFilter{
		City: c.Query("city"), Title: c.Query("q"), Sort: boxoffice.SortByStart,
		Limit: number(c.DefaultQuery("limit", "20")),
	}
	if sort := c.Query("sort"); sort != "" {
		filter.Sort = boxoffice.EventSort(sort)
	}
	if text := c.Query("cursor"); text != "" {
		after := readCursor(text)
		filter.After = &after
	}
	return filter
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// region getEvent

func (a *api) getEvent(c *gin.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := a.service.Event(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, showEvent(found))
	return nil
}

// endregion

func (a *api) changeEvent(c *gin.Context) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	var in struct {
		Title      *string `json:"title"`
		PriceCents *int64  `json:"price_cents"`
	}
	if err := readBody(c, &in); err != nil {
		return err
	}
	changed, err := a.service.ChangeEvent(c.Request.Context(), c.GetInt64(userID), id, boxoffice.EventPatch(in))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, showEvent(changed))
	return nil
}
