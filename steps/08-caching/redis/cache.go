package redis

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"
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

// cached returns the answer to the question from the cache, or else from load. It
// remembers ErrNotFound for a moment, and no other error.
func cached[T any](ctx context.Context, c *Cache, q question, load func(ctx context.Context) (T, error)) (T, error) {
	// TODO(task 1): look first. When there is no entry, load the answer and store it.
	// TODO(task 2): all who miss at the same time share one load. Which of them may?
	// TODO(task 4): what if Redis didn't answer?
	// TODO(task 5): ErrNotFound is an answer, too. And count each question.
	return load(ctx)
}

// look asks Redis for the entry and for the version that it must have, in one round
// trip. An entry of another version is a miss: somebody has changed what it was made
// of.
func look[T any](ctx context.Context, c *Cache, q question) (found entry[T], version string, hit bool, err error) {
	// TODO(task 1): get q.key. An entry that isn't there, or can't be read, is a miss and
	// no error.
	// TODO(task 3): get q.version as well, and pass over what is of another version.
	// TODO(task 4): Redis may take c.options.Timeout.
	return found, unchanged, false, nil
}

// store remembers the entry. Its version is the one from before it was loaded: if
// that has changed in the meantime, nobody will ask for the entry.
func store[T any](ctx context.Context, c *Cache, q question, e entry[T]) {
	// TODO(task 1): as JSON, for c.options.TTL and by chance up to a tenth longer. That
	// it can't be stored is no reason to fail: log it.
	// TODO(task 4): Redis may take c.options.Timeout.
	// TODO(task 5): what doesn't exist is remembered for absence at most.
}

// shared has all callers with the same key wait for one load. It belongs to none of
// them: a caller that leaves takes only itself away.
func shared[T any](ctx context.Context, c *Cache, key string, load func(ctx context.Context) (T, error)) (value T, err error) {
	// TODO(task 2): c.flights.DoChan runs one function for all with the same key, on a
	// goroutine of its own. Whose context does the load have there, and what is the
	// caller's own for?
	return load(ctx)
}

// forget gives versions new values, so that no entry made before has them. The
// request that made the change may be over: that is no reason to leave others with
// the old answer.
func (c *Cache) forget(ctx context.Context, versions ...string) {
	// TODO(task 3): set each of them to something that it never was before. How long
	// must that be remembered?
}

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
