package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/services/state"
)

// Status describes the PostgreSQL that a start would return.
type Status struct {
	Running     bool
	External    bool          // the server of WORKSHOP_DATABASE_URL
	InUse       bool          // another program holds it right now
	Version     string        // such as "15.14"
	Origin      string        // see Server.Origin
	Folder      string        // the run folder, with data, socket and log
	URL         string        // for psql; empty for an external server
	PID         int           // the supervisor's
	Started     time.Time     // zero for an external server
	Idle        time.Duration // how long it outlives its last user
	Connections int           // open to any database, this query's not counted
}

// ErrInUse is returned by Stop while other programs hold the server.
var ErrInUse = errors.New("PostgreSQL is in use by another program of the workshop; end that first (workshop services shows it), then run this again")

// CurrentStatus looks, and starts nothing.
func CurrentStatus(ctx context.Context) (Status, error) {
	s, err := settingsFromEnvironment()
	if err != nil {
		return Status{}, err
	}
	return s.status(ctx)
}

func (s settings) status(ctx context.Context) (Status, error) {
	if s.DatabaseURL != "" {
		p, err := openExternal(ctx, s.DatabaseURL)
		if err != nil {
			return Status{External: true, Origin: "WORKSHOP_DATABASE_URL"}, err
		}
		n, err := countConnections(ctx, p.URL(""))
		return Status{Running: true, External: true, InUse: n > 0, Version: p.Version(), Origin: p.Origin(), Connections: n}, err
	}
	server, ok, err := s.current(ctx)
	if !ok {
		return Status{Idle: s.Idle}, err
	}
	n, err := countConnections(ctx, server.url("postgres"))
	return Status{
		Running: true, InUse: state.Held(filepath.Join(s.State, usersLock)),
		Version: server.Version, Origin: server.Origin, Folder: server.Run, URL: server.url("postgres"),
		PID: server.PID, Started: server.Started, Idle: s.Idle, Connections: n,
	}, err
}

func countConnections(ctx context.Context, url string) (n int, err error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count PostgreSQL's connections: %w", err)
	}
	return n, nil
}

// Stop stops this user's shared server and removes its files. It
// returns ErrInUse while others use it, and nil when none runs.
func Stop(ctx context.Context) error {
	s, err := settingsFromEnvironment()
	if err != nil {
		return err
	}
	return s.stop(ctx)
}

func (s settings) stop(ctx context.Context) error {
	if s.DatabaseURL != "" {
		return errors.New("WORKSHOP_DATABASE_URL names a server that the workshop didn't start, so it won't stop it\nTo stop the workshop's own: unset WORKSHOP_DATABASE_URL, then run this again")
	}
	if !exists(s.State) {
		return nil
	}
	users, err := s.lockAlone(ctx, usersLock)
	if err != nil {
		return err
	}
	defer users.Close()
	start, err := s.lockAlone(ctx, startLock)
	if err != nil {
		return err
	}
	defer start.Close()
	server, err := readPublished(s.State)
	os.Remove(filepath.Join(s.State, currentFile))
	if err == nil && state.Held(filepath.Join(server.Run, runLock)) {
		if err := endSupervisor(ctx, server); err != nil {
			return err
		}
	}
	sweep(s.Storage)
	clearState(s.State)
	return nil
}

// lockAlone allows for the moments in which the supervisor itself looks at the lock.
func (s settings) lockAlone(ctx context.Context, name string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	f, err := state.Lock(ctx, s.State, name, syscall.LOCK_EX)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, ErrInUse
	}
	return f, err
}

func endSupervisor(ctx context.Context, server published) error {
	if err := syscall.Kill(server.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop PostgreSQL's supervisor (pid %d): %w", server.PID, err)
	}
	for state.Held(filepath.Join(server.Run, runLock)) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL's supervisor (pid %d) to end: %w", server.PID, context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
