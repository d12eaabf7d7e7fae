// Package jwt keeps sessions in signed tokens. Any instance that has the secret can
// check one, without asking where it was issued. In its files, jwt.Parser and the like
// are those of the library, which has the same name.
package jwt

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/boxoffice/steps/08-caching/boxoffice"
)

// issuer stands in our tokens as the one who issued them, and as the one whom they
// are for.
const issuer = "boxoffice"

// Sessions is a [boxoffice.Sessions].
type Sessions struct {
	// Secret signs the tokens. It is the same for all instances.
	Secret []byte
	// TTL is how long a token is valid.
	TTL time.Duration
	// Revoked are the tokens that must not be taken any more.
	Revoked Revoked
}

// Revoked remembers the ids of tokens, for all instances.
type Revoked interface {
	// Add remembers the id until the token expires by itself.
	Add(ctx context.Context, id string, expires time.Time) error
	// Has reports whether the id was added.
	Has(ctx context.Context, id string) (bool, error)
}

// region Start

// Start returns a new token for the user.
func (s *Sessions) Start(_ context.Context, userID int64) (string, error) {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		ID:        rand.Text(),
		Subject:   strconv.FormatInt(userID, 10),
		Issuer:    issuer,
		Audience:  jwt.ClaimStrings{issuer},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(s.TTL)),
	})
	signed, err := token.SignedString(s.Secret)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// endregion

// UserID returns boxoffice.ErrUnauthenticated when the token is none of ours, has
// expired or was ended, and boxoffice.ErrUnavailable when that can't be found out.
func (s *Sessions) UserID(ctx context.Context, token string) (int64, error) {
	claims, err := s.claims(token)
	if err != nil {
		return 0, err
	}
	revoked, err := s.Revoked.Has(ctx, claims.ID)
	if err != nil {
		return 0, err
	}
	if revoked {
		return 0, fmt.Errorf("%w: the session was ended", boxoffice.ErrUnauthenticated)
	}
	id, err := strconv.ParseInt(claims.Subject, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: the subject is no id", boxoffice.ErrUnauthenticated)
	}
	return id, nil
}

// End makes the token worthless, if it was worth anything.
func (s *Sessions) End(ctx context.Context, token string) error {
	claims, err := s.claims(token)
	if err != nil {
		return err
	}
	return s.Revoked.Add(ctx, claims.ID, claims.ExpiresAt.Time)
}

// region claims

// claims returns what the token says, if we have signed it for ourselves and it has
// not expired. What isn't demanded here isn't checked: a token without exp would be
// valid for ever.
func (s *Sessions) claims(token string) (*jwt.RegisteredClaims, error) {
	claims := &jwt.RegisteredClaims{}
	_, err := jwt.ParseWithClaims(token, claims, s.key,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(issuer),
		jwt.WithExpirationRequired())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", boxoffice.ErrUnauthenticated, err)
	}
	return claims, nil
}

func (s *Sessions) key(*jwt.Token) (any, error) { return s.Secret, nil }

// endregion
