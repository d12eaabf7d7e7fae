package redis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Revoked remembers ended sessions. It is a jwt.Revoked.
type Revoked struct {
	Client *redis.Client
}

// clockSkew is how far the clocks of two instances may be apart. By one of them a token has
// expired, and by another it is still valid.
const clockSkew = time.Minute

// Add remembers the id until the token has expired at every instance.
func (r *Revoked) Add(ctx context.Context, id string, expires time.Time) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	left := max(time.Until(expires), 0) + clockSkew
	if err := r.Client.Set(ctx, "revoked:"+id, 1, left).Err(); err != nil {
		return unavailable("revoke a token", err)
	}
	return nil
}

// region Has

// Has reports whether the id was added.
func (r *Revoked) Has(ctx context.Context, id string) (bool, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	found, err := r.Client.Exists(ctx, "revoked:"+id).Result()
	if err != nil {
		return false, unavailable("look for a revoked token", err)
	}
	return found > 0, nil
}

// endregion
