package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/fleet"
)

// setupTimeout bounds what the lab itself does before a test begins. The first
// start of all makes a database cluster and seeds it, perhaps on a slow disk.
const setupTimeout = 3 * time.Minute

// shared is what all tests of this process stand on. The first test that needs
// it sets it up.
var shared sharedServers

type sharedServers struct {
	mu      sync.Mutex
	servers *backing.Servers
}

func (s *sharedServers) open(ctx context.Context, migrate migrateFunc) (*backing.Servers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers != nil {
		return s.servers, nil
	}
	opened, err := backing.Open(ctx, migrate, progress)
	if err != nil {
		return nil, err
	}
	s.servers = opened
	return opened, nil
}

func (s *sharedServers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers != nil {
		s.servers.Close()
	}
}

// migrateFunc brings the schema of an empty database up to date.
type migrateFunc = func(ctx context.Context, databaseURL string) error

// progress tells what a slow start is doing, in the test's own output.
func progress(line string) { fmt.Fprintln(os.Stderr, "workshop: "+line) }

// setupFailure says whose turn it is: the machine's, unless it was the API that
// could not migrate.
func setupFailure(err error) string {
	if own := new(fleet.MigrateError); errors.As(err, &own) {
		return bootFailure(&fleet.MigrateError{Err: own.Err, Said: indent(own.Said, "| ")})
	}
	return fmt.Sprintf("The lab could not set up this test: %v\n\nNothing is wrong with your code so far. Next: go tool workshop doctor", err)
}

// Database is a seeded database without an API before it.
type Database struct {
	// URL is for sql.Open("postgres", URL).
	URL string
}

// NewDatabase gives the test a seeded database of its own, for the few tests
// that look at the store alone. The schema is what migrate makes of an empty
// database.
func NewDatabase(t testing.TB, migrate func(ctx context.Context, databaseURL string) error) *Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	opened, err := shared.open(ctx, migrate)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	direct, release, err := opened.Database(ctx)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	cleanUp(t, release)
	return &Database{URL: direct}
}

// cleanUp gives a clean-up of the lab its time when the test ends.
func cleanUp(t testing.TB, undo func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		if err := undo(ctx); err != nil {
			t.Logf("The lab could not clean up after this test: %v", err)
		}
	})
}
