package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"example.com/boxoffice/solutions/09-queues/boxoffice"
)

// CacheOptions are what an operator sets.
type CacheOptions struct {
	// TTL is how long something is remembered, and up to a tenth longer.
	TTL time.Duration
	// Timeout is how long Redis may take before the cache does without it.
	Timeout time.Duration
	// LoadTimeout is how long a load may take, whoever waits for it.
	LoadTimeout time.Duration
	// Registry shows hits and misses as metrics.
	Registry prometheus.Registerer
}

// Cache remembers answers in Redis for all instances. Redis may be slow or gone:
// the answers are then loaded each time.
type Cache struct {
	client   *redis.Client
	options  CacheOptions
	flights  singleflight.Group
	requests *prometheus.CounterVec
}

// NewCache returns a cache that is empty until Redis says otherwise.
func NewCache(client *redis.Client, options CacheOptions) *Cache {
	return &Cache{client: client, options: options, requests: promauto.With(options.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "cache_requests_total",
		Help: "Questions to the cache, by what was asked for and result: hit, miss, or error when Redis didn't answer.",
	}, []string{"cache", "result"})}
}

// absence is how long it is remembered that something doesn't exist.
const absence = 5 * time.Second

// unchanged is the version of what hasn't changed lately. An entry always has one:
// what has none was not written by store.
const unchanged = "-"

// question is something to ask the cache for.
type question struct {
	kind    string // what is asked for, for the metrics
	key     string // of the answer
	version string // the key of the version that the answer must have
}

// entry is what the cache remembers: an answer, or that there is none.
type entry[T any] struct {
	Version string
	Missing bool `json:",omitempty"`
	Value   T
}

// region cached

// cached returns the answer to the question from the cache, or else from load. It
// remembers ErrNotFound for a moment, and no other error.
func cached[T any](ctx context.Context, c *Cache, q question, load func(ctx context.Context) (T, error)) (T, error) {
	found, version, hit, err := look[T](ctx, c, q)
	if ctx.Err() != nil { // whoever asked has left: nobody waits for a load
		return found.Value, fmt.Errorf("%w: looking for %s: %w", boxoffice.ErrUnavailable, q.key, ctx.Err())
	}
	c.count(q, hit, err)
	if !hit {
		reachable := err == nil
		found, err = shared(ctx, c, q.key+"@"+version, func(ctx context.Context) (entry[T], error) {
			loaded, err := loadEntry(ctx, version, load)
			if err == nil && reachable {
				store(ctx, c, q, loaded)
			}
			return loaded, err
		})
		if err != nil {
			return found.Value, err
		}
	}
	if found.Missing {
		return found.Value, fmt.Errorf("%s: %w", q.key, boxoffice.ErrNotFound)
	}
	return found.Value, nil
}

// loadEntry makes an entry of what load returns.
func loadEntry[T any](ctx context.Context, version string, load func(ctx context.Context) (T, error)) (entry[T], error) {
	value, err := load(ctx)
	if errors.Is(err, boxoffice.ErrNotFound) {
		return entry[T]{Version: version, Missing: true}, nil
	}
	return entry[T]{Version: version, Value: value}, err
}

// endregion

// region look

// look asks Redis for the entry and for the version that it must have, in one round
// trip. An entry of another version is a miss: somebody has changed what it was made
// of.
func look[T any](ctx context.Context, c *Cache, q question) (found entry[T], version string, hit bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	values, err := c.client.MGet(ctx, q.version, q.key).Result()
	if err != nil {
		return found, "", false, err
	}
	version, there := values[0].(string)
	if !there {
		version = unchanged
	}
	text, there := values[1].(string)
	hit = there && json.Unmarshal([]byte(text), &found) == nil && found.Version == version
	return found, version, hit, nil
}

// store remembers the entry. Its version is the one from before it was loaded: if
// that has changed in the meantime, nobody will ask for the entry.
func store[T any](ctx context.Context, c *Cache, q question, e entry[T]) {
	text, err := json.Marshal(e)
	if err != nil {
		slog.ErrorContext(ctx, "an answer can't be remembered", "key", q.key, "error", err)
		return
	}
	ttl := c.options.TTL
	if e.Missing {
		ttl = min(ttl, absence)
	}
	ttl += mathrand.N(ttl/10 + 1) // what was remembered at once shall not be forgotten at once
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	if err := c.client.Set(ctx, q.key, text, ttl).Err(); err != nil {
		slog.WarnContext(ctx, "redis didn't take an answer to remember", "key", q.key, "error", err)
	}
}

// endregion

// region shared

// shared has all callers with the same key wait for one load. It belongs to none of
// them: a caller that leaves takes only itself away.
func shared[T any](ctx context.Context, c *Cache, key string, load func(ctx context.Context) (T, error)) (value T, err error) {
	flight := c.flights.DoChan(key, func() (_ any, err error) {
		defer func() {
			if cause := recover(); cause != nil { // nobody else would recover it: it isn't on a request's goroutine
				err = fmt.Errorf("panic while loading %s: %v", key, cause)
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.LoadTimeout)
		defer cancel()
		return load(ctx)
	})
	select {
	case result := <-flight:
		value, _ = result.Val.(T)
		return value, result.Err
	case <-ctx.Done():
		return value, fmt.Errorf("%w: waiting for %s: %w", boxoffice.ErrUnavailable, key, ctx.Err())
	}
}

// endregion

// region forget

// forget gives versions new values, so that no entry made before has them. The
// request that made the change may be over: that is no reason to leave others with
// the old answer.
//
// A version that expires is unchanged again. It must outlive all entries that were
// made when it was so before.
func (c *Cache) forget(ctx context.Context, versions ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	outlives := 2*c.options.TTL + c.options.LoadTimeout
	_, err := c.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, version := range versions {
			pipe.Set(ctx, version, rand.Text(), outlives)
		}
		return nil
	})
	if err != nil {
		slog.ErrorContext(ctx, "redis didn't forget: old answers may show until their end", "versions", versions, "ttl", c.options.TTL, "error", err)
	}
}

// endregion

func (c *Cache) count(q question, hit bool, err error) {
	result := "miss"
	switch {
	case err != nil:
		result = "error"
	case hit:
		result = "hit"
	}
	c.requests.WithLabelValues(q.kind, result).Inc()
}
