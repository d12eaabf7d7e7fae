package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// scratchPrefix begins the names of the folders that go builds in; behind it stand the
// owner's process id, a dash, and something random.
func scratchPrefix() string { return fmt.Sprintf("boxoffice-tests-%d-", os.Getuid()) }

var sweepOnce sync.Once

// scratch makes a folder for go's temporary files (GOTMPDIR): go leaves its own behind
// when it is interrupted before the tests begin. The first call removes the folders of
// processes that were killed.
func scratch() (dir string, remove func(), err error) {
	sweepOnce.Do(sweepScratch)
	dir, err = os.MkdirTemp("", scratchPrefix()+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder to build in: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

func sweepScratch() {
	prefix := filepath.Join(os.TempDir(), scratchPrefix())
	dirs, _ := filepath.Glob(prefix + "*")
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(dir, prefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
}
