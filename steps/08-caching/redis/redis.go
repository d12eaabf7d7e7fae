// Package redis keeps in Redis what all instances of the API must agree on. In its
// files, redis.Nil and the like are those of the client, which has the same name.
package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/boxoffice/steps/08-caching/boxoffice"
)

// patience is how long Redis may take.
const patience = 2 * time.Second

// Open returns a client of the Redis at the URL. It only reads the URL:
// connections are opened when they are needed.
func Open(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("read REDIS_URL: %w", err)
	}
	options.DialTimeout = patience
	options.ReadTimeout = patience
	options.WriteTimeout = patience
	options.MaxRetries = 1
	options.ContextTimeoutEnabled = true // else the deadline of a request means nothing here
	return redis.NewClient(options), nil
}

// unavailable says that Redis didn't do what it was asked for.
func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s in redis: %w", boxoffice.ErrUnavailable, doing, err)
}

// bounded is ctx with the time that a command has in all. A dial, a write, a read and
// one more try have their own limits in Open, and would add up to several times that.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}
