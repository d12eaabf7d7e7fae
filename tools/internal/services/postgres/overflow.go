package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
	"golang.org/x/sys/unix"

	"example.com/boxoffice/tools/internal/machine"
	"example.com/boxoffice/tools/internal/services/state"
)

// Data in memory is quick, and has a bound: what the databases of many suites take, side by side, would
// make the machine swap. A server whose data is in memory has a tablespace on disk as well. Databases go
// there once so many are in memory, or once memory is short.
const (
	// overflowSpace is the name of the tablespace.
	overflowSpace = "boxoffice_overflow"
	// mostInMemory is how many databases a server keeps in memory, templates included. One has some 54 MB.
	mostInMemory = 24
	// sparedStorage is the free space, in bytes, that databases leave where the data is.
	sparedStorage = 512 << 20
	// sparedMemory is the memory, in bytes, that databases leave to the programs of this machine.
	sparedMemory = 1 << 30
)

// overflowPrefix begins the name of a folder on disk; the name of the run that it belongs to follows.
const overflowPrefix = "overflow-"

// makeOverflow gives the server of a run in memory its tablespace on disk. A server of which the data
// is on disk anyway has none, and neither has one where that fails: it works without.
func (a assignment) makeOverflow(me published, user *syscall.Credential) (made bool) {
	disk := a.Storage[len(a.Storage)-1]
	if filepath.Dir(me.Run) == disk || state.MakePrivate(disk) != nil || fits(disk, roomOnDisk, user) != nil {
		return false
	}
	folder := overflowOf(disk, me.Run)
	if os.Mkdir(folder, 0o700) != nil || give(folder, user) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", me.url("postgres"))
	if err == nil {
		defer db.Close()
		_, err = db.ExecContext(ctx, "CREATE TABLESPACE "+overflowSpace+" LOCATION "+pq.QuoteLiteral(folder))
	}
	if err != nil {
		os.RemoveAll(folder)
		return false
	}
	return true
}

func overflowOf(disk, run string) string {
	return filepath.Join(disk, overflowPrefix+filepath.Base(run))
}

// removeOverflows removes the folders on disk whose run is gone.
func removeOverflows(storage []string) {
	disk := storage[len(storage)-1]
	folders, _ := filepath.Glob(filepath.Join(disk, overflowPrefix+"*"))
	for _, folder := range folders {
		run := strings.TrimPrefix(filepath.Base(folder), overflowPrefix)
		lives := false
		for _, parent := range storage {
			lives = lives || exists(filepath.Join(parent, run))
		}
		if !lives {
			os.RemoveAll(folder)
		}
	}
}

// Tablespace is where the next database goes: "" is where the data is, as a rule. db leads to the
// server.
func (p *Server) Tablespace(ctx context.Context, db *sql.DB) (string, error) {
	if p.external != nil || !p.server.Overflow {
		return "", nil
	}
	if short(p.server.Run) {
		return overflowSpace, nil
	}
	var there int
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
		WHERE t.spcname = 'pg_default' AND d.datname LIKE 'boxoffice\_%'`).Scan(&there)
	if err != nil {
		return "", fmt.Errorf("count the databases in memory: %w", err)
	}
	if there >= mostInMemory {
		return overflowSpace, nil
	}
	return "", nil
}

// availableMemory is replaced by tests.
var availableMemory = machine.AvailableMemory

// short reports whether a folder in memory, or the machine's memory, has little room left.
func short(folder string) bool {
	var room unix.Statfs_t
	if unix.Statfs(folder, &room) == nil && room.Bavail*uint64(room.Bsize) < sparedStorage {
		return true
	}
	available, known := availableMemory()
	return known && available < sparedMemory
}

// enoughMemory tells why data shouldn't be put into memory; nil when it may.
func enoughMemory() error {
	const needed = roomInMemory + sparedMemory
	if available, known := availableMemory(); known && available < needed {
		return fmt.Errorf("%d MB of memory available, %d MB needed", available>>20, needed>>20)
	}
	return nil
}
