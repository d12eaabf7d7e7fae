package postgres

import (
	"context"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"example.com/boxoffice/solutions/04-observability/boxoffice"
)

const userColumns = "id, email, password_hash, role"

// user is a row of users.
type user struct {
	ID           int64  `db:"id"`
	Email        string `db:"email"`
	PasswordHash string `db:"password_hash"`
	Role         string `db:"role"`
}

func (u user) domain() boxoffice.User {
	return boxoffice.User{ID: u.ID, Email: u.Email, PasswordHash: u.PasswordHash, Role: u.Role}
}

// CreateUser saves the user under a new id. It returns boxoffice.ErrEmailTaken
// when somebody has signed up with that address.
func (s *Store) CreateUser(ctx context.Context, u boxoffice.User) (boxoffice.User, error) {
	row, err := s.user(ctx, `INSERT INTO users (email, password_hash, role) VALUES ($1, $2, $3) RETURNING `+userColumns,
		u.Email, u.PasswordHash, u.Role)
	if pq.As(err, pqerror.UniqueViolation) != nil {
		err = boxoffice.ErrEmailTaken
	}
	if err != nil {
		return boxoffice.User{}, domainError("create user", err)
	}
	return row, nil
}

// User returns boxoffice.ErrNotFound when no user has the id.
func (s *Store) User(ctx context.Context, id int64) (boxoffice.User, error) {
	u, err := s.user(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
	if err != nil {
		return boxoffice.User{}, domainError("find user", err)
	}
	return u, nil
}

// UserByEmail returns boxoffice.ErrNotFound when nobody has signed up with the
// address.
func (s *Store) UserByEmail(ctx context.Context, email string) (boxoffice.User, error) {
	u, err := s.user(ctx, `SELECT `+userColumns+` FROM users WHERE email = $1`, email)
	if err != nil {
		return boxoffice.User{}, domainError("find user by e-mail", err)
	}
	return u, nil
}

// user returns the one user that the query yields.
func (s *Store) user(ctx context.Context, query string, args ...any) (boxoffice.User, error) {
	db, err := s.connect(ctx)
	if err != nil {
		return boxoffice.User{}, err
	}
	defer db.Close()
	var row user
	err = sqlx.GetContext(ctx, s.timed(db), &row, query, args...)
	return row.domain(), err
}
