package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"example.com/boxoffice/steps/09-queues/boxoffice"
	"example.com/boxoffice/steps/09-queues/logging"
)

// The jobs carry ids and nothing else: by the time they are done, everything else
// may have changed.
type (
	confirmOrder struct {
		OrderID int64 `json:"order_id"`
	}
	makeReport struct {
		ReportID int64 `json:"report_id"`
	}
)

func (confirmOrder) Kind() string { return "confirm_order" }
func (makeReport) Kind() string   { return "make_report" }

// TODO(task 5): the jobs of a queue wait for each other. A type of jobs with a method
// InsertOpts says which queue they are put into.

// queue keeps jobs in tables of the database: what a transaction puts there is there
// if and when it commits.
type queue = river.Client[*sql.Tx]

// newQueue returns a queue for putting jobs in. How often a job is tried is written
// down with the job: what a worker would say about that is not asked.
//
// TODO(task 4): how often is that?
func newQueue(db *sql.DB, attempts int) (*queue, error) {
	return river.NewClient(riverdatabasesql.New(db), &river.Config{Logger: slog.Default()})
}

// region enqueue

// enqueue puts a job into the queue, and returns its id. The job remembers the id of
// the request that it comes from.
//
// TODO(task 2): Insert writes the job on a connection of its own. When can a worker
// see it, and until when can the process die? (A *sqlx.Tx has a *sql.Tx in it.)
func (s *Store) enqueue(ctx context.Context, job river.JobArgs) (int64, error) {
	origin, err := json.Marshal(metadata{RequestID: logging.RequestID(ctx)})
	if err != nil {
		return 0, err
	}
	inserted, err := s.queue.Insert(ctx, job, &river.InsertOpts{Metadata: origin})
	if err != nil {
		return 0, fmt.Errorf("enqueue %s: %w", job.Kind(), err)
	}
	return inserted.Job.ID, nil
}

// endregion

// metadata is what a job knows beside its arguments.
type metadata struct {
	RequestID string `json:"request_id"`
}

// WorkOptions are what an operator sets for a worker.
type WorkOptions struct {
	// Timeout is how long a job may take. One that takes twice as long is taken for
	// the job of a worker that has died, and is done again.
	Timeout time.Duration
	// Backoff is the pause after the first failure. It doubles with each.
	Backoff time.Duration
}

const (
	// pollInterval is how often a worker looks for jobs: database/sql knows no LISTEN.
	pollInterval = 100 * time.Millisecond
	// mailers is how many jobs of the queue run at once.
	mailers = 10
)

// region Work

// Work does the jobs that are in the queue, until the context ends.
func (s *Store) Work(ctx context.Context, service *boxoffice.Service, options WorkOptions) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[confirmOrder]) error {
		// TODO(task 1): all that is known here is job.Args.OrderID.
		return errors.New("nobody has said yet what to do for an order")
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[makeReport]) error {
		// TODO(task 5): all that is known here is job.Args.ReportID.
		return errors.New("nobody has said yet what to do for a report")
	}))
	client, err := river.NewClient(riverdatabasesql.New(s.db.DB), &river.Config{
		Workers:           workers,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: mailers}},
		PollOnly:          true,
		FetchPollInterval: pollInterval,
		FetchCooldown:     pollInterval,
		JobTimeout:        options.Timeout,
		// TODO(task 3): a worker was killed, and its job is "running" for ever. From
		// when on is it somebody else's?
		// TODO(task 4): without a RetryPolicy, the pauses between attempts are River's.
		Middleware: []rivertype.Middleware{river.WorkerMiddlewareFunc(observeJob)},
		Logger:     slog.Default(),
	})
	if err != nil {
		return fmt.Errorf("make a worker: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	<-client.Stopped()
	return nil
}

// endregion

// region observeJob

// observeJob has all lines that are logged for a job carry its id, and the id of
// the request that it comes from. A job whose subject is gone has nothing to do.
func observeJob(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	var origin metadata
	_ = json.Unmarshal(job.Metadata, &origin) // without it, the lines just say less
	ctx = logging.With(logging.WithRequestID(ctx, origin.RequestID),
		slog.Int64("job_id", job.ID), slog.String("job", job.Kind), slog.Int("attempt", job.Attempt))
	start := time.Now()
	err := work(ctx)
	took := slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000)
	switch {
	case err == nil:
		slog.InfoContext(ctx, "job done", took)
	case errors.Is(err, boxoffice.ErrNotFound):
		slog.WarnContext(ctx, "job cancelled", took, "error", err)
		return river.JobCancel(err)
	default:
		slog.ErrorContext(ctx, "job failed", took, "error", err)
	}
	return err
}

// endregion

// migrateQueue brings the queue's tables up to date.
func migrateQueue(ctx context.Context, db *sql.DB) error {
	migrator, err := rivermigrate.New(riverdatabasesql.New(db), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read the queue's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return nil
}
