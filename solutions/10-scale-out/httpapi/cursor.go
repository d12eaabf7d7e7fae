package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
)

// region cursor

// cursor is what stands in the next of a page. To clients it is a word without
// meaning: so it may change, and nobody builds on what is in it.
type cursor struct {
	Sort       boxoffice.EventSort `json:"s"`
	StartsAt   time.Time           `json:"t"`
	PriceCents int64               `json:"p"`
	ID         int64               `json:"i"`
}

func writeCursor(c boxoffice.EventCursor) string {
	c.StartsAt = c.StartsAt.UTC()
	text, err := json.Marshal(cursor(c))
	if err != nil {
		panic(fmt.Sprintf("httpapi: an event of the database has no cursor: %v", err))
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor returns nil for the first page, and an InvalidError for what writeCursor
// can't have written. A client may send anything.
func readCursor(text string) (*boxoffice.EventCursor, error) {
	if text == "" {
		return nil, nil
	}
	var c cursor
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(decoded, &c) != nil {
		return nil, errBadCursor
	}
	c.StartsAt = c.StartsAt.UTC() // Go reads offsets that PostgreSQL doesn't know
	if year := c.StartsAt.Year(); year < 1 || year > 9999 {
		return nil, errBadCursor
	}
	place := boxoffice.EventCursor(c)
	if writeCursor(place) != text { // JSON can be written in many ways, and names in other spellings
		return nil, errBadCursor
	}
	return &place, nil
}

var errBadCursor = boxoffice.Invalid("cursor", "must be the next of a page")

// endregion
