package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"example.com/boxoffice/steps/09-queues/boxoffice"
)

// Catalog is a [boxoffice.Catalog] that remembers in Redis what the store says.
type Catalog struct {
	Store boxoffice.Store
	Cache *Cache
}

var _ boxoffice.Catalog = (*Catalog)(nil)

// shape is the version of what the entries look like. Raise it with each change of
// boxoffice.Event: instances of the old and the new release share one Redis.
const shape = "1"

// region Catalog

// listsVersion is the key of the version of all lists: each event may be in any.
const listsVersion = "version:events"

func eventVersion(id int64) string { return fmt.Sprintf("version:event:%d", id) }

// Event returns boxoffice.ErrNotFound when no event has the id.
func (c *Catalog) Event(ctx context.Context, id int64) (boxoffice.Event, error) {
	q := question{kind: "event", key: fmt.Sprintf("event:%s:%d", shape, id), version: eventVersion(id)}
	return cached(ctx, c.Cache, q, func(ctx context.Context) (boxoffice.Event, error) {
		return c.Store.Event(ctx, id)
	})
}

// Changed makes what is remembered about the event stale.
func (c *Catalog) Changed(ctx context.Context, eventID int64) {
	c.Cache.forget(ctx, eventVersion(eventID), listsVersion)
}

// endregion

// region Events

// lengths are those of the pages that are remembered. Whoever asks for fewer events gets
// the beginning of one.
var lengths = []int{20, 50, 100}

// Events returns the events that match the filter. It remembers first pages without a
// search: many ask for the same one, and there are few. Of searches, cursors and limits,
// anybody can make up as many as it takes to fill Redis.
func (c *Catalog) Events(ctx context.Context, filter boxoffice.EventFilter) ([]boxoffice.Event, error) {
	limit := filter.Limit
	length, _ := slices.BinarySearch(lengths, limit)
	if filter.Title != "" || filter.After != nil || length == len(lengths) {
		return c.Store.Events(ctx, filter)
	}
	filter.Limit = lengths[length]
	q := question{kind: "events", key: fmt.Sprintf("events:%s:%s", shape, fingerprint(filter)), version: listsVersion}
	events, err := cached(ctx, c.Cache, q, func(ctx context.Context) ([]boxoffice.Event, error) {
		return c.page(ctx, filter)
	})
	if errors.Is(err, boxoffice.ErrNotFound) {
		return nil, nil
	}
	return events[:min(limit, len(events))], err
}

// page returns the events that match, and ErrNotFound when there are none: any word can
// be asked for as a city, and what isn't there is remembered for a moment only.
func (c *Catalog) page(ctx context.Context, filter boxoffice.EventFilter) ([]boxoffice.Event, error) {
	events, err := c.Store.Events(ctx, filter)
	if err == nil && len(events) == 0 {
		err = boxoffice.ErrNotFound
	}
	return events, err
}

// endregion

// fingerprint is a short word for everything that the filter says: two filters that
// differ in anything have two.
func fingerprint(filter boxoffice.EventFilter) string {
	text, err := json.Marshal(filter)
	if err != nil {
		panic(fmt.Sprintf("redis: a filter can't be a key: %v", err))
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:16])
}
