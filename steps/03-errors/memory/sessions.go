// Package memory keeps things in the memory of this process. They are gone when
// it ends, and other instances of the API don't see them.
package memory

import (
	"context"
	"crypto/rand"
	"sync"

	"example.com/boxoffice/steps/03-errors/boxoffice"
)

// Sessions is a [boxoffice.Sessions].
type Sessions struct {
	mu      sync.Mutex
	userIDs map[string]int64 // by token
}

// NewSessions returns sessions in which nobody is logged in.
func NewSessions() *Sessions {
	return &Sessions{userIDs: map[string]int64{}}
}

// Start returns a new token for the user.
func (s *Sessions) Start(_ context.Context, userID int64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := rand.Text()
	s.userIDs[token] = userID
	return token, nil
}

// UserID returns boxoffice.ErrUnauthenticated when the token is none of ours.
func (s *Sessions) UserID(_ context.Context, token string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.userIDs[token]
	if !ok {
		return 0, boxoffice.ErrUnauthenticated
	}
	return id, nil
}

// End forgets the token, if it is there.
func (s *Sessions) End(_ context.Context, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.userIDs, token)
	return nil
}
