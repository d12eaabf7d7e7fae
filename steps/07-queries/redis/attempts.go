package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/boxoffice/steps/07-queries/boxoffice"
)

// Attempts is a [boxoffice.Attempts].
type Attempts struct {
	Client *redis.Client
	// Max is how many attempts an account has within Lockout.
	Max int64
	// Lockout is how long attempts count, from the first one on.
	Lockout time.Duration
}

// region Begin

// Begin counts an attempt to log in with the address, before the password is
// looked at: of many at the same moment, no more than Max get that far. It returns
// boxoffice.ErrLocked when there were too many.
//
// The counter gets its end as it is made, and none of the attempts moves that: a
// counter without an end locks for ever, and one whose end moves along locks for as
// long as somebody tries.
func (a *Attempts) Begin(ctx context.Context, email string) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var count *redis.IntCmd
	_, err := a.Client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.SetNX(ctx, attemptsKey(email), 0, a.Lockout)
		count = pipe.Incr(ctx, attemptsKey(email))
		return nil
	})
	if err != nil {
		return unavailable("count a log-in", err)
	}
	if count.Val() > a.Max {
		return boxoffice.ErrLocked
	}
	return nil
}

// endregion

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
