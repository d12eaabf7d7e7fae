package postgres

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// inMemory is a workshop whose data is in a folder that passes for one in memory.
func inMemory(t *testing.T) settings {
	t.Helper()
	s := fresh(t)
	s.Storage = []string{filepath.Join(filepath.Dir(s.State), "memory"), s.State}
	return s
}

// available replaces what the machine says of its memory.
func available(t *testing.T, bytes uint64) {
	t.Helper()
	before := availableMemory
	availableMemory = func() (uint64, bool) { return bytes, true }
	t.Cleanup(func() { availableMemory = before })
}

func connect(t *testing.T, p *Server) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", p.URL(""))
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// create makes a database where the next one goes, and says where that is.
func create(t *testing.T, p *Server, db *sql.DB, name string) string {
	t.Helper()
	space, err := p.Tablespace(t.Context(), db)
	require.NoError(t, err)
	statement := "CREATE DATABASE " + name
	if space != "" {
		statement += " TABLESPACE " + space
	}
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	return space
}

func TestMemoryHoldsSoManyDatabasesAndTheDiskTheOthers(t *testing.T) {
	s := inMemory(t)
	p := start(t, s)
	require.Contains(t, p.server.Run, s.Storage[0])
	require.True(t, p.server.Overflow)
	available(t, 100<<30)
	db := connect(t, p)
	for n := range mostInMemory {
		require.Empty(t, create(t, p, db, fmt.Sprintf("boxoffice_p%d", n)))
	}
	require.Equal(t, overflowSpace, create(t, p, db, "boxoffice_one_more"))
	onDisk, err := filepath.Glob(filepath.Join(overflowOf(s.State, p.server.Run), "PG_*", "*"))
	require.NoError(t, err)
	require.Len(t, onDisk, 1)

	_, err = db.ExecContext(t.Context(), "DROP DATABASE boxoffice_p0")
	require.NoError(t, err)
	require.Empty(t, create(t, p, db, "boxoffice_in_its_place"))
	available(t, sparedMemory-1)
	require.Equal(t, overflowSpace, create(t, p, db, "boxoffice_when_memory_is_short"))

	require.NoError(t, p.Close())
	require.NoError(t, s.stop(t.Context()))
	require.NoDirExists(t, s.Storage[0])
	require.NoDirExists(t, s.State)
}

func TestWhatAKilledServerLeftOnDiskIsSwept(t *testing.T) {
	s := inMemory(t)
	first := start(t, s)
	overflow, postmaster := overflowOf(s.State, first.server.Run), postmasterPID(t, first.server)
	require.DirExists(t, overflow)
	require.NoError(t, syscall.Kill(first.server.PID, syscall.SIGKILL))
	eventually(t, "the killed processes are gone", func() bool { return !alive(first.server.PID) && !alive(postmaster) })
	requireAnswer(t, start(t, s))
	require.NoDirExists(t, overflow)
	require.NoDirExists(t, first.server.Run)
}

func TestDataIsOnDiskWhereMemoryIsShort(t *testing.T) {
	s := inMemory(t)
	available(t, roomInMemory+sparedMemory-1)
	dir, lock, err := newRun(s.Storage, serverUser())
	require.NoError(t, err)
	lock.Close()
	require.Equal(t, s.State, filepath.Dir(dir))
	require.NoError(t, os.RemoveAll(dir))

	available(t, 100<<30)
	dir, lock, err = newRun(s.Storage, serverUser())
	require.NoError(t, err)
	lock.Close()
	require.Equal(t, s.Storage[0], filepath.Dir(dir))
	require.NoError(t, os.RemoveAll(dir))
}

func TestServerOnDiskHasNoOverflow(t *testing.T) {
	p := start(t, fresh(t))
	require.False(t, p.server.Overflow)
	available(t, 0)
	space, err := p.Tablespace(t.Context(), connect(t, p))
	require.NoError(t, err)
	require.Empty(t, space)
}
