package postgres

import (
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// timed runs statements on a connection or in a transaction, and logs those whose
// first row, or end, takes longer than slow. It logs no parameters: they hold what
// users typed.
type timed struct {
	sqlx.ExtContext
	slow time.Duration
}

// timed returns db with the store's threshold for slow statements.
func (s *Store) timed(db sqlx.ExtContext) timed { return timed{db, s.slowQuery} }

// QueryxContext is what sqlx.SelectContext calls.
func (t timed) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	defer t.logSlow(ctx, query, time.Now())
	return t.ExtContext.QueryxContext(ctx, query, args...)
}

// QueryRowxContext is what sqlx.GetContext calls.
func (t timed) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	defer t.logSlow(ctx, query, time.Now())
	return t.ExtContext.QueryRowxContext(ctx, query, args...)
}

// ExecContext runs a statement that returns no rows.
func (t timed) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	defer t.logSlow(ctx, query, time.Now())
	return t.ExtContext.ExecContext(ctx, query, args...)
}

// region logSlow

func (t timed) logSlow(ctx context.Context, query string, start time.Time) {
	if took := time.Since(start); took > t.slow {
		slog.WarnContext(ctx, "slow query",
			"query", strings.Join(strings.Fields(query), " "),
			"duration_ms", float64(took.Microseconds())/1000)
	}
}

// endregion
