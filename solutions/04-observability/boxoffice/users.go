package boxoffice

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxEmail    = 254 // bytes, as RFC 5321 has it
	minPassword = 8   // bytes
	maxPassword = 72  // bytes; bcrypt takes no more
)

// SignUp makes a buyer. It returns an InvalidError or ErrEmailTaken.
func (s *Service) SignUp(ctx context.Context, email, password string) (User, error) {
	email = normalEmail(email)
	var check checks
	check.that(isAddress(email), "email", "must be an e-mail address")
	check.that(isText(password) && len(password) >= minPassword && len(password) <= maxPassword, "password",
		fmt.Sprintf("must be text of %d to %d bytes", minPassword, maxPassword))
	if err := check.err(); err != nil {
		return User{}, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return User{}, fmt.Errorf("hash password: %w", err)
	}
	return s.Store.CreateUser(ctx, User{Email: email, PasswordHash: string(hash), Role: RoleBuyer})
}

// normalEmail is the form in which an address is stored and looked for.
// People write theirs in small letters and in capitals, and mean the same account.
func normalEmail(address string) string { return strings.ToLower(address) }

// isAddress reports whether s is an e-mail address and nothing else: no name
// before it, no comment behind it.
func isAddress(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s && len(s) <= maxEmail && isText(s)
}

// LogIn returns a token for the user, or ErrBadCredentials.
func (s *Service) LogIn(ctx context.Context, email, password string) (token string, err error) {
	email = normalEmail(email)
	if !isText(email) {
		return "", ErrBadCredentials
	}
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
