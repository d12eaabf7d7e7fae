package postgres

import (
	"context"
	"encoding/json"

	"github.com/jmoiron/sqlx"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
)

// report is a row of reports, with the state of its job in the queue.
type report struct {
	ID       int64               `db:"id"`
	UserID   int64               `db:"user_id"`
	Status   boxoffice.JobStatus `db:"status"`
	Progress int                 `db:"progress"`
	Result   []byte              `db:"result"` // JSON; nil until it is done
}

// CreateReport saves a job of the user's under a new id, and puts it into the
// queue, or does neither.
func (s *Store) CreateReport(ctx context.Context, userID int64) (boxoffice.Job, error) {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return boxoffice.Job{}, domainError("create report", err)
	}
	defer tx.Rollback() // does nothing after the commit

	var id int64
	if err := sqlx.GetContext(ctx, s.timed(tx), &id, `INSERT INTO reports (user_id) VALUES ($1) RETURNING id`, userID); err != nil {
		return boxoffice.Job{}, domainError("create report", err)
	}
	job, err := s.enqueue(ctx, tx.Tx, makeReport{ReportID: id})
	if err != nil {
		return boxoffice.Job{}, domainError("create report", err)
	}
	if _, err := s.timed(tx).ExecContext(ctx, `UPDATE reports SET job_id = $2 WHERE id = $1`, id, job); err != nil {
		return boxoffice.Job{}, domainError("create report", err)
	}
	if err := commit(tx, "commit report"); err != nil {
		return boxoffice.Job{}, err
	}
	return boxoffice.Job{ID: id, UserID: userID, Status: boxoffice.JobQueued}, nil
}

// region Report

// Report returns boxoffice.ErrNotFound when no job has the id. What the queue says
// of the job is its status: nobody has to remember to write it down.
func (s *Store) Report(ctx context.Context, id int64) (boxoffice.Job, error) {
	var row report
	err := sqlx.GetContext(ctx, s.timed(s.db), &row, `
		SELECT r.id, r.user_id, r.progress, r.result, CASE
			WHEN r.result IS NOT NULL THEN 'done'
			WHEN j.state = 'running' THEN 'running'
			WHEN j.state IN ('available', 'pending', 'retryable', 'scheduled') THEN 'queued'
			ELSE 'failed' END AS status
		FROM reports r LEFT JOIN river_job j ON j.id = r.job_id
		WHERE r.id = $1`, id)
	if err != nil {
		return boxoffice.Job{}, domainError("find report", err)
	}
	job := boxoffice.Job{ID: row.ID, UserID: row.UserID, Status: row.Status, Progress: row.Progress}
	if row.Result == nil {
		return job, nil
	}
	if err := json.Unmarshal(row.Result, &job.Result); err != nil {
		return boxoffice.Job{}, domainError("read report", err)
	}
	return job, nil
}

// endregion

// SaveProgress saves how far a job is, in percent.
func (s *Store) SaveProgress(ctx context.Context, id int64, percent int) error {
	_, err := s.timed(s.db).ExecContext(ctx, `UPDATE reports SET progress = $2 WHERE id = $1`, id, percent)
	if err != nil {
		return domainError("save progress", err)
	}
	return nil
}

// SaveReport saves what a job was for.
func (s *Store) SaveReport(ctx context.Context, id int64, result boxoffice.SalesReport) error {
	text, err := json.Marshal(result)
	if err != nil {
		return domainError("write report", err)
	}
	_, err = s.timed(s.db).ExecContext(ctx, `UPDATE reports SET progress = 100, result = $2 WHERE id = $1`, id, string(text))
	if err != nil {
		return domainError("save report", err)
	}
	return nil
}

// LastOrder returns the highest id of an order, 0 when there is none.
func (s *Store) LastOrder(ctx context.Context) (last int64, err error) {
	if err := sqlx.GetContext(ctx, s.timed(s.db), &last, `SELECT coalesce(max(id), 0) FROM orders`); err != nil {
		return 0, domainError("find the last order", err)
	}
	return last, nil
}

// EndOfBatch returns the id of the n-th order with an id above after, up to last; of the
// last such order when there are fewer, and last when there is none.
func (s *Store) EndOfBatch(ctx context.Context, after, last int64, n int) (end int64, err error) {
	err = sqlx.GetContext(ctx, s.timed(s.db), &end, `
		SELECT coalesce(max(id), $2) FROM (SELECT id FROM orders WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) batch`, after, last, n)
	if err != nil {
		return 0, domainError("find the end of a batch", err)
	}
	return end, nil
}

// SalesByCity sums up the orders with ids above after, up to last.
func (s *Store) SalesByCity(ctx context.Context, after, last int64) (map[string]boxoffice.Sales, error) {
	var rows []struct {
		City       string `db:"city"`
		Orders     int64  `db:"orders"`
		Tickets    int64  `db:"tickets"`
		TotalCents int64  `db:"total_cents"`
	}
	err := sqlx.SelectContext(ctx, s.timed(s.db), &rows, `
		SELECT v.city, count(*) AS orders, sum(o.quantity) AS tickets, sum(o.total_cents)::bigint AS total_cents
		FROM orders o JOIN events e ON e.id = o.event_id JOIN venues v ON v.id = e.venue_id
		WHERE o.id > $1 AND o.id <= $2 GROUP BY v.city`, after, last)
	if err != nil {
		return nil, domainError("sum up sales", err)
	}
	cities := make(map[string]boxoffice.Sales, len(rows))
	for _, row := range rows {
		cities[row.City] = boxoffice.Sales{Orders: row.Orders, Tickets: row.Tickets, TotalCents: row.TotalCents}
	}
	return cities, nil
}
