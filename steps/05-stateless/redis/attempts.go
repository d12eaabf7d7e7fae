package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// Attempts is a [boxoffice.Attempts].
type Attempts struct {
	Client *redis.Client
	// Max is how many attempts an account has within Lockout.
	Max int64
	// Lockout is how long attempts count, from the first one on.
	Lockout time.Duration
}

// Begin counts an attempt to log in with the address. It returns
// boxoffice.ErrLocked when there were too many.
func (a *Attempts) Begin(ctx context.Context, email string) error {
	// TODO(task 4): count under attemptsKey(email), in one step that no other instance
	// gets in between. When does the counter end?
	return unavailable("count a log-in", errors.New("Attempts.Begin is still to be written"))
}

// Forget gives the account all its attempts again.
func (a *Attempts) Forget(ctx context.Context, email string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := a.Client.Del(ctx, attemptsKey(email)).Err(); err != nil {
		return unavailable("forget log-ins", err)
	}
	return nil
}

// attemptsKey has a hash in it and no address: whoever reads the keys learns no
// names, and long input makes no long key.
func attemptsKey(email string) string {
	hash := sha256.Sum256([]byte(email))
	return "attempts:" + hex.EncodeToString(hash[:])
}
