package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
	"example.com/boxoffice/solutions/10-scale-out/logging"
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

// reports is the queue of the long jobs, so that no mail waits behind one.
const reports = "reports"

// InsertOpts puts reports into a queue of their own.
func (makeReport) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: reports} }

// queue keeps jobs in tables of the database: what a transaction puts there is there
// if and when it commits.
type queue = river.Client[*sql.Tx]

// newQueue returns a queue for putting jobs in. How often a job is tried is written
// down with the job: what a worker would say about that is not asked.
func newQueue(db *sql.DB, attempts int) (*queue, error) {
	return river.NewClient(riverdatabasesql.New(db), &river.Config{MaxAttempts: attempts, Logger: slog.Default()})
}

// region enqueue

// enqueue leaves a job in the transaction, and returns its id. The job remembers the
// id of the request that it comes from.
func (s *Store) enqueue(ctx context.Context, tx *sql.Tx, job river.JobArgs) (int64, error) {
	origin, err := json.Marshal(metadata{RequestID: logging.RequestID(ctx)})
	if err != nil {
		return 0, err
	}
	inserted, err := s.queue.InsertTx(ctx, tx, job, &river.InsertOpts{Metadata: origin})
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
	// StopTimeout is how long jobs have to finish when the worker leaves. Those that
	// don't are handed back.
	StopTimeout time.Duration
}

const (
	// pollInterval is how often a worker looks for jobs: database/sql knows no LISTEN.
	pollInterval = 100 * time.Millisecond
	// mailers and reporters are how many jobs of the two queues run at once.
	mailers, reporters = 10, 2
	// longestBackoff is the longest pause between two attempts.
	longestBackoff = time.Hour
)

// region Work

// Work does the jobs that are in the queue, until the context ends. It then takes no
// more, and returns once those that it has are done or handed back.
func (s *Store) Work(ctx context.Context, service *boxoffice.Service, options WorkOptions) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[confirmOrder]) error {
		return service.ConfirmOrder(ctx, job.Args.OrderID)
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[makeReport]) error {
		return service.MakeReport(ctx, job.Args.ReportID)
	}))
	client, err := river.NewClient(riverdatabasesql.New(s.db.DB), &river.Config{
		Workers:              workers,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: mailers}, reports: {MaxWorkers: reporters}},
		PollOnly:             true,
		FetchPollInterval:    pollInterval,
		FetchCooldown:        pollInterval,
		JobTimeout:           options.Timeout,
		RescueStuckJobsAfter: 2 * options.Timeout,
		RetryPolicy:          backoff{options.Backoff},
		Middleware:           []rivertype.Middleware{river.WorkerMiddlewareFunc(observeJob), river.WorkerMiddlewareFunc(handBack(ctx))},
		SoftStopTimeout:      options.StopTimeout,
		Logger:               slog.Default(),
	})
	if err != nil {
		return fmt.Errorf("make a worker: %w", err)
	}
	switch err := client.Start(ctx); {
	case err != nil && ctx.Err() != nil:
		return nil // it is to leave before it has begun
	case err != nil:
		return fmt.Errorf("start the worker: %w", err)
	}
	<-client.Stopped()
	return nil
}

// endregion

// region handBack

// handBack puts a job that the worker's end has broken off back into the queue, for
// the next worker. It has not failed: that it was tried doesn't count.
func handBack(worker context.Context) func(context.Context, *rivertype.JobRow, func(context.Context) error) error {
	return func(ctx context.Context, _ *rivertype.JobRow, work func(context.Context) error) error {
		err := work(ctx)
		if err != nil && worker.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			return river.JobSnooze(0)
		}
		return err
	}
}

// endregion

// backoff doubles the pause with each failure, and adds up to a quarter by chance:
// jobs that failed together shall not come back together.
type backoff struct{ first time.Duration }

// NextRetry returns when a job that has failed is tried again.
func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	pause := b.first << min(len(job.Errors), 20)
	if pause <= 0 || pause > longestBackoff {
		pause = longestBackoff
	}
	return time.Now().Add(pause + rand.N(pause/4+1))
}

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
	case errors.As(err, new(*rivertype.JobSnoozeError)):
		slog.InfoContext(ctx, "job handed back", took)
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
