package lab_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/smtp"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const jobsTable = `CREATE TABLE jobs (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	address text NOT NULL,
	done    boolean NOT NULL DEFAULT false
)`

// enqueue is the miniature's POST /jobs: a mail to be sent by the worker.
func enqueue(db *sql.DB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.BeginTx(r.Context(), nil)
		if err == nil {
			defer func() { _ = tx.Rollback() }()
			_, err = tx.ExecContext(r.Context(), "INSERT INTO jobs (address) VALUES ($1)", "buyer@example.com")
		}
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// work is the miniature's worker. It leaves with 0 on SIGTERM.
func work() {
	if os.Getenv("FAULTS") == "dies" {
		log.Print("no such thing as a free lunch")
		os.Exit(7)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf(`{"level":"INFO","msg":"working","addr":%q,"secret":%q}`, os.Getenv("ADDR"), os.Getenv("FAULTS"))
	for ctx.Err() == nil {
		if err := workOnce(db); err != nil && !errors.Is(err, sql.ErrNoRows) {
			log.Printf(`{"level":"WARN","msg":"job failed","error":%q}`, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// workOnce sends a mail, and then notes that it did.
func workOnce(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var id int
	var address string
	err = tx.QueryRow("SELECT id, address FROM jobs WHERE NOT done ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1").Scan(&id, &address)
	if err != nil {
		return err
	}
	content := letter(fmt.Sprintf("job-%d@boxoffice", id), fmt.Sprintf("Job %d", id), "")
	if err := smtp.SendMail(os.Getenv("SMTP_ADDR"), nil, "box@example.com", []string{address}, content); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE jobs SET done = true WHERE id = $1", id); err != nil {
		return err
	}
	return tx.Commit()
}

// letter is a message as mail servers take it.
func letter(id, subject, body string) []byte {
	return fmt.Appendf(nil, "Date: %s\r\nFrom: box@example.com\r\nMessage-ID: <%s>\r\nSubject: %s\r\n\r\n%s",
		time.Now().Format(time.RFC1123Z), id, subject, body)
}

func jobs(t testing.TB, app *lab.App, where string) (n int) {
	t.Helper()
	require.NoError(t, app.DB().QueryRow("SELECT count(*) FROM jobs WHERE "+where).Scan(&n))
	return n
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	lab.Eventually(t, patience, condition, lab.Finding{Measured: "it didn't happen: " + what, Expected: "it happens"})
}

func TestAWorkerRunsBesideTheInstances(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	require.Len(t, app.Workers, 1)
	require.Equal(t, "W1", app.Workers[0].Name)
	require.Empty(t, app.Workers[0].URL)
	before := app.Postgres.Stats()
	app.Do(lab.POST("/jobs", nil)).Expect(202, "it is noted")
	eventually(t, "the mail", func() bool { return jobs(t, app, "done") == 1 })
	require.Equal(t, 1, app.Postgres.Stats().Since(before).Queries, "the worker's statements are its own")
	require.NotZero(t, app.WorkerPostgres.Stats().Queries)
	eventually(t, "its line is in the log, without an ADDR", func() bool { return len(app.LogsWith("addr", "")) == 1 })
	code, err := app.Workers[0].Stop()
	require.NoError(t, err)
	require.Zero(t, code)
}

func TestWorkersAreStartedAndStopped(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0))
	require.Empty(t, app.Workers)
	app.Do(lab.POST("/jobs", nil)).Expect(202, "it is noted")
	worker := app.StartWorker()
	require.Equal(t, "W1", worker.Name)
	eventually(t, "the first job", func() bool { return jobs(t, app, "done") == 1 })
	worker.Kill()
	require.False(t, worker.Running())
	app.Do(lab.POST("/jobs", nil)).Expect(202, "it is noted")
	require.Equal(t, 1, jobs(t, app, "done"))
	require.NoError(t, worker.Restart())
	require.True(t, worker.Running())
	eventually(t, "the second job", func() bool { return jobs(t, app, "done") == 2 })
	require.Equal(t, "W2", app.StartWorker().Name)
	eventually(t, "each life is in the log", func() bool { return len(app.LogsWith("msg", "working")) == 3 })
}

func TestSeveralWorkersShareATap(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(2))
	require.Len(t, app.Workers, 2)
	require.GreaterOrEqual(t, app.WorkerPostgres.Stats().Connections, 2)
}

func TestAWorkerThatEndsIsNamed(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t, lab.Env("FAULTS=dies")) })
	require.Contains(t, said, "worker W1 ended before it could connect to PostgreSQL (DATABASE_URL) (exit status 7); it logged:")
	require.Contains(t, said, "| no such thing as a free lunch")
}

func TestAWorkersComplaintsAreShown(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) {
		app := lab.Start(t)
		app.Mail.RefuseTo("buyer@example.com", 550, "no such mailbox")
		app.Do(lab.POST("/jobs", nil))
		eventually(t, "a warning", func() bool { return len(app.LogsWith("msg", "job failed")) > 0 })
		t.Fatal("no mail came")
	})
	require.Contains(t, said, "The last log lines of worker W1:")
	require.Contains(t, said, "no such mailbox")
	require.NotContains(t, said, "instance A")
}

func TestAWorkersLogIsScannedForSecrets(t *testing.T) {
	t.Setenv("BOXOFFICE_SCAN_LOGS", "1")
	said := failureOf(t, func(t testing.TB) {
		app := lab.Start(t, lab.Env("FAULTS=tok&en-of-nobody"))
		app.Do(lab.POST("/sessions", nil))
	})
	require.Contains(t, said, "worker W1 logged a secret")
}

// The moments at which step 09 kills a process. What is left must be the same in each run.

func TestKilledBeforeTheCommitNothingIsLeft(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0))
	for range 5 {
		gate := app.Postgres.Hold(lab.Verb("COMMIT"))
		pending := app.Begin(lab.POST("/jobs", nil))
		<-gate.Reached()
		app.Instances[0].Kill()
		gate.Open()
		<-pending.Done()
		require.False(t, pending.Answered())
		eventually(t, "the connection ends", func() bool { return app.Postgres.Stats().Open == 0 })
		require.Zero(t, jobs(t, app, "true"))
		require.NoError(t, app.Instances[0].Restart())
	}
}

func TestKilledAfterTheCommitAllIsThere(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Workers(0))
	for n := range 5 {
		gate := app.Postgres.HoldReply(lab.Verb("COMMIT"))
		pending := app.Begin(lab.POST("/jobs", nil))
		<-gate.Reached()
		require.Equal(t, n+1, jobs(t, app, "true"), "it is committed")
		app.Instances[0].Kill()
		<-pending.Done()
		require.False(t, pending.Answered())
		gate.Open()
		require.Equal(t, n+1, jobs(t, app, "true"))
		require.NoError(t, app.Instances[0].Restart())
	}
}

func TestAMailWhoseSenderIsKilledIsNotAccepted(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	gate := app.Mail.Hold()
	app.Do(lab.POST("/jobs", nil)).Expect(202, "it is noted")
	<-gate.Reached()
	app.Workers[0].Kill()
	gate.Open()
	eventually(t, "the worker's transaction ends", func() bool { return app.WorkerPostgres.Stats().Open == 0 })
	require.Zero(t, app.Mail.Count())
	require.NoError(t, app.Workers[0].Restart())
	eventually(t, "the job is done", func() bool { return jobs(t, app, "done") == 1 })
	require.Equal(t, 1, app.Mail.Count())
}

func TestAWorkerKilledAfterItsMailSendsItAgain(t *testing.T) {
	t.Parallel()
	// Each moment is a gate that is made once the mail is accepted, and the worker told
	// only then; nil: it never hears.
	moments := map[string]func(app *lab.App) *lab.Gate{
		"the mail is accepted, the worker doesn't know": nil,
		"the worker knows and is about to note it":      func(app *lab.App) *lab.Gate { return app.WorkerPostgres.Hold(lab.Writes("jobs")) },
		"it is noted and not committed":                 func(app *lab.App) *lab.Gate { return app.WorkerPostgres.Hold(lab.Verb("COMMIT")) },
	}
	for name, hold := range moments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := lab.Start(t, lab.Workers(0))
			app.Do(lab.POST("/jobs", nil)).Expect(202, "it is noted")
			told := app.Mail.HoldReply()
			worker := app.StartWorker()
			<-told.Reached()
			open := told.Open
			if hold != nil {
				gate := hold(app)
				told.Open()
				<-gate.Reached()
				open = gate.Open
			}
			worker.Kill()
			open()
			eventually(t, "the worker's transaction ends", func() bool { return app.WorkerPostgres.Stats().Open == 0 })
			require.Zero(t, jobs(t, app, "done"))
			require.NoError(t, worker.Restart())
			eventually(t, "the job is done", func() bool { return jobs(t, app, "done") == 1 })
			require.Equal(t, 2, app.Mail.Count(), "it came twice")
			inbox := app.Mail.Inbox("buyer@example.com")
			require.Len(t, inbox, 1, "and shows once")
			require.Equal(t, "<job-1@boxoffice>", inbox[0].MessageID)
		})
	}
}
