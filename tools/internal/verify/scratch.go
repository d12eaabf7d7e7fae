package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"example.com/boxoffice/tools/internal/command"
)

// scratch is the folder of one run for patched copies, .workshop/verify/NUMBER. A run
// holds a lock in its folder, so that the next one can remove what a killed one left.
type scratch struct {
	dir  string
	lock *os.File
}

func newScratch(root string) (*scratch, error) {
	parent := filepath.Join(root, ".workshop", "verify")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for patched copies: %w", err)
	}
	start, err := lockFile(filepath.Join(parent, "start.lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("wait for another verify to start: %w", err)
	}
	defer start.Close()
	sweep(parent)
	dir, err := os.MkdirTemp(parent, "")
	if err != nil {
		return nil, fmt.Errorf("make a folder for patched copies: %w", err)
	}
	lock, err := tryLock(dir)
	if err != nil {
		return nil, fmt.Errorf("lock the folder for patched copies: %w", err)
	}
	return &scratch{dir: dir, lock: lock}, nil
}

// sweep removes the folders whose run is gone.
func sweep(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, "*"))
	for _, dir := range dirs {
		if lock, err := tryLock(dir); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// tryLock takes the lock of a run's folder, and fails when another run holds it.
func tryLock(dir string) (*os.File, error) {
	return lockFile(filepath.Join(dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
}

func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// folder makes an empty folder of that name for one job, which removes it when it is
// done. The lab tells a step by its folder's name.
func (s *scratch) folder(name string) (dir string, remove func(), err error) {
	parent, err := os.MkdirTemp(s.dir, "copy-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for a patched copy: %w", err)
	}
	dir = filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("make a folder for a patched copy: %w", err)
	}
	return dir, func() { os.RemoveAll(parent) }, nil
}

// command runs programs in dir. What go builds on the way goes to the scratch folder: an
// interrupted go leaves its temporary files behind.
func (w *work) command(dir string, env ...string) command.Place {
	return command.Place{Dir: dir, Env: append(env, "GOTMPDIR="+w.scratch.dir), CPU: &w.cpu}
}

func (s *scratch) remove() {
	os.RemoveAll(s.dir)
	s.lock.Close()
}
