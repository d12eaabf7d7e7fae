package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrBusy says that another process holds a lock.
var ErrBusy = errors.New("held by another process")

// TryLock takes a lock at once or returns ErrBusy. The file may be removed by
// its last holder, so a lock counts only while the path still leads to it.
func TryLock(path string, how int) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = flock(f, how|syscall.LOCK_NB)
		if err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, ErrBusy
			}
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if leadsTo(path, f) {
			return f, nil
		}
		f.Close()
	}
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}

func leadsTo(path string, f *os.File) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	here, err := f.Stat()
	return err == nil && os.SameFile(there, here)
}

// Lock waits for a lock in the state folder and makes the folder when it is missing.
func Lock(ctx context.Context, folder, name string, how int) (*os.File, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if err := MakePrivate(folder); err != nil {
			return nil, err
		}
		f, err := TryLock(filepath.Join(folder, name), how)
		if err == nil {
			return f, nil
		}
		// The folder vanishes when an idle server takes its leave just now.
		if !errors.Is(err, ErrBusy) && !errors.Is(err, fs.ErrNotExist) {
			return nil, Error(folder, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", filepath.Join(folder, name), context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// Held tells whether some process holds the lock at path, shared or alone.
func Held(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
