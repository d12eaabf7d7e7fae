package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxEmail    = 254 // bytes, as RFC 5321 has it
	minPassword = 8   // bytes
	maxPassword = 72  // bytes; bcrypt takes no more
)

// SignUp makes a buyer. It returns ErrInvalid or ErrEmailTaken.
func (s *Service) SignUp(ctx context.Context, email, password string) (User, error) {
	email = normalEmail(email)
	// TODO(task 2): check both with the bounds above, and name each that is wrong.
	// net/mail reads addresses.
	if email == "" || password == "" {
		return User{}, fmt.Errorf("%w: an e-mail address and a password are needed", ErrInvalid)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return User{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err != nil {
		return User{}, fmt.Errorf("hash password: %w", err)
	}
	return s.Store.CreateUser(ctx, User{Email: email, PasswordHash: string(hash), Role: RoleBuyer})
}

// normalEmail is the form in which an address is stored and looked for.
// People write theirs in small letters and in capitals, and mean the same account.
func normalEmail(address string) string { return strings.ToLower(address) }

// LogIn returns a token for the user, or ErrBadCredentials.
func (s *Service) LogIn(ctx context.Context, email, password string) (token string, err error) {
	email = normalEmail(email)
	// TODO(task 2): an address that can't be stored belongs to nobody.
	user, err := s.Store.UserByEmail(ctx, email)
	if errors.Is(err, ErrNotFound) {
		return "", ErrBadCredentials
	}
	if err != nil {
		return "", err
	}
	if bcrypt.CompareHashAndPassword([]byte(user.PasswordHash), []byte(password)) != nil {
		return "", ErrBadCredentials
	}
	return s.Sessions.Start(ctx, user.ID)
}

// LogOut makes the token worthless.
func (s *Service) LogOut(ctx context.Context, token string) error {
	return s.Sessions.End(ctx, token)
}

// Authenticate returns the id of the user whose token it is, or
// ErrUnauthenticated.
func (s *Service) Authenticate(ctx context.Context, token string) (userID int64, err error) {
	return s.Sessions.UserID(ctx, token)
}

// User returns a user, or ErrNotFound.
func (s *Service) User(ctx context.Context, id int64) (User, error) {
	return s.Store.User(ctx, id)
}
