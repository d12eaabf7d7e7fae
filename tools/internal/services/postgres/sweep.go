package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/boxoffice/tools/internal/services/state"
)

// sweep removes the run folders of supervisors that were killed, and ends
// servers that outlived them.
func sweep(storage []string) {
	for _, parent := range storage {
		runs, _ := filepath.Glob(filepath.Join(parent, "run-*"))
		for _, run := range runs {
			sweepRun(run)
		}
		halves, _ := filepath.Glob(filepath.Join(parent, "new-*"))
		for _, half := range halves {
			if info, err := os.Stat(half); err == nil && time.Since(info.ModTime()) > time.Hour {
				os.RemoveAll(half)
			}
		}
	}
	removeOverflows(storage)
}

func sweepRun(run string) {
	lock, err := state.TryLock(filepath.Join(run, runLock), syscall.LOCK_EX)
	if err != nil {
		return
	}
	defer lock.Close()
	data := filepath.Join(run, "data")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// A postmaster.pid is believed only while a server answers on the socket beside it.
	for socket := (published{Run: run}); answers(ctx, socket.url("postgres")); time.Sleep(10 * time.Millisecond) {
		if pid, err := strconv.Atoi(pidFileLine(data, 0)); err == nil {
			syscall.Kill(pid, syscall.SIGQUIT)
		}
	}
	freeSharedMemory(data)
	removeRun(run)
}

// pidFileLine returns a line of postmaster.pid (see PostgreSQL's src/include/utils/pidfile.h).
func pidFileLine(data string, n int) string {
	text, _ := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	if n >= len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[n])
}

// freeSharedMemory removes the System V segment of some bytes that a killed
// postmaster leaves. Line 7 of its pid file has the segment's key and id.
func freeSharedMemory(data string) {
	fields := strings.Fields(pidFileLine(data, 6))
	if len(fields) != 2 {
		return
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return
	}
	owner := os.Getuid()
	if user := serverUser(); user != nil {
		owner = int(user.Uid)
	}
	var segment unix.SysvShmDesc
	if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &segment); err != nil {
		return
	}
	if int(segment.Perm.Uid) == owner && segment.Nattch == 0 {
		unix.SysvShmCtl(id, unix.IPC_RMID, nil)
	}
}
