package memory

import (
	"context"
	"sync"
	"time"

	"example.com/boxoffice/steps/05-stateless/boxoffice"
)

// Attempts is a [boxoffice.Attempts].
type Attempts struct {
	max     int
	lockout time.Duration

	mu       sync.Mutex
	counters map[string]counter // by address
}

// counter counts the attempts of one account until it ends.
type counter struct {
	attempts int
	ends     time.Time
}

// NewAttempts returns attempts of which each account has max within lockout.
func NewAttempts(max int, lockout time.Duration) *Attempts {
	return &Attempts{max: max, lockout: lockout, counters: map[string]counter{}}
}

// Begin counts an attempt to log in with the address. It returns boxoffice.ErrLocked
// when there were too many.
func (a *Attempts) Begin(_ context.Context, email string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	c := a.counters[email]
	if now.After(c.ends) {
		c = counter{ends: now.Add(a.lockout)}
	}
	c.attempts++
	a.counters[email] = c
	if c.attempts > a.max {
		return boxoffice.ErrLocked
	}
	return nil
}

// Forget gives the account all its attempts again.
func (a *Attempts) Forget(_ context.Context, email string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.counters, email)
	return nil
}
