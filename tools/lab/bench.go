package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/boxoffice/tools/internal/bench"
)

// setupTimeout bounds what the lab itself does before a test begins. The first
// start of all makes a database cluster and seeds it, perhaps on a slow disk.
const setupTimeout = 3 * time.Minute

// shared is what all tests of this process stand on. The first test that needs
// it sets it up.
var shared sharedBench

type sharedBench struct {
	mu    sync.Mutex
	bench *bench.Bench
}

func (s *sharedBench) open(ctx context.Context, migrate migrateFunc) (*bench.Bench, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bench != nil {
		return s.bench, nil
	}
	opened, err := bench.Open(ctx, migrate, progress)
	if err != nil {
		return nil, err
	}
	s.bench = opened
	return opened, nil
}

func (s *sharedBench) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bench != nil {
		s.bench.Close()
	}
}

// migrateFunc brings the schema of an empty database up to date.
type migrateFunc = func(ctx context.Context, databaseURL string) error

// progress tells what a slow start is doing, in the test's own output.
func progress(line string) { fmt.Fprintln(os.Stderr, "workshop: "+line) }

// setupFailure says whose turn it is: the machine's, unless it was the API that
// could not migrate.
func setupFailure(err error) string {
	var own *migrateError
	if errors.As(err, &own) {
		return bootFailure(own)
	}
	return fmt.Sprintf("The lab could not set up this test: %v\n\nNothing is wrong with your code so far. Next: go tool workshop doctor", err)
}

// migrateError says that the API's own `boxoffice migrate` failed.
type migrateError struct {
	err    error
	output string
}

func (e *migrateError) Error() string {
	return fmt.Sprintf("`boxoffice migrate` failed on an empty database (%v); it said:\n%s", e.err, indent(e.output, "| "))
}

func (e *migrateError) Unwrap() error { return e.err }

// migrateAsChild runs `boxoffice migrate` in a process of its own, as an
// operator would.
func migrateAsChild(ctx context.Context, databaseURL string) error {
	command := exec.CommandContext(ctx, os.Args[0])
	command.Env = append(childEnvironment(), asAPI+"=migrate", "DATABASE_URL="+databaseURL)
	stdin, err := command.StdinPipe()
	if err != nil {
		return fmt.Errorf("start boxoffice migrate: %w", err)
	}
	defer func() { _ = stdin.Close() }()
	output, err := command.CombinedOutput()
	if err != nil {
		return &migrateError{err: err, output: strings.TrimSpace(string(output))}
	}
	return nil
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
	direct, drop, err := opened.Clone(ctx)
	if err != nil {
		t.Fatal(setupFailure(err))
	}
	cleanUp(t, drop)
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
