package httpapi

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/boxoffice/steps/09-queues/boxoffice"
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
	filter, err := eventFilter(c)
	if err != nil {
		return err
	}
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

// eventFilter reads the query, and checks it: its error names all that is wrong.
func eventFilter(c *gin.Context) (boxoffice.EventFilter, error) {
	// c.Query leaves out what it can't read. The list would not be what was asked for.
	if _, err := url.ParseQuery(c.Request.URL.RawQuery); err != nil {
		return boxoffice.EventFilter{}, boxoffice.Invalid("query", "must be NAME=VALUE with & between, and %25 for a percent sign")
	}
	limit, limitErr := readNumber(c, "limit", 20)
	after, cursorErr := readCursor(c.Query("cursor"))
	filter := boxoffice.EventFilter{
		City: c.Query("city"), Title: c.Query("q"), Sort: boxoffice.EventSort(cmp.Or(c.Query("sort"), string(boxoffice.SortByStart))),
		Limit: limit, After: after,
	}
	return filter, boxoffice.JoinInvalid(limitErr, cursorErr, filter.Check())
}

// readNumber returns the number with that name in the query, or an InvalidError. Without
// one, and with the error, it returns otherwise.
func readNumber(c *gin.Context, name string, otherwise int) (int, error) {
	n, err := strconv.Atoi(c.DefaultQuery(name, strconv.Itoa(otherwise)))
	if err != nil {
		return otherwise, boxoffice.Invalid(name, "must be a number")
	}
	return n, nil
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
	changed, err := a.service.ChangeEvent(c.Request.Context(), loggedIn(c), id, boxoffice.EventPatch(in))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, showEvent(changed))
	return nil
}
