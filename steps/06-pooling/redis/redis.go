// Package redis keeps in Redis what all instances of the API must agree on. In its
// files, redis.Nil and the like are those of the client, which has the same name.
package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/boxoffice/steps/06-pooling/boxoffice"
)

// patience is how long Redis may take.
const patience = 2 * time.Second

// Open returns a client of the Redis at the URL, which is the value of a variable. It only
// reads the URL: connections are opened when they are needed.
func Open(variable, url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("%s %w", variable, errURL)
	}
	options.DialTimeout = patience
	options.ReadTimeout = patience
	options.WriteTimeout = patience
	options.MaxRetries = 1
	options.ContextTimeoutEnabled = true // else the deadline of a request means nothing here
	return redis.NewClient(options), nil
}

// errURL is all that is said of a URL that can't be read: what the client says of it has
// pieces of the password in it.
var errURL = errors.New("can't be read as redis://USER:PASSWORD@HOST:PORT/NUMBER\n" +
	"In a password, / ? # @ : % and blanks are written as %2F %3F %23 %40 %3A %25 and %20")

// unavailable says that Redis didn't do what it was asked for.
func unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s in redis: %w", boxoffice.ErrUnavailable, doing, err)
}

// bounded is ctx with the time that a command has in all. A dial, a write, a read and
// one more try have their own limits in Open, and would add up to several times that.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}
