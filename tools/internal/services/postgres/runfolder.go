package postgres

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"example.com/boxoffice/tools/internal/services/program"
	"example.com/boxoffice/tools/internal/services/state"
)

const (
	// roomInMemory is the free space, in bytes, that data in memory needs: dozens of test databases at once.
	roomInMemory = 1536 << 20
	// roomOnDisk is the free space, in bytes, below which a server isn't worth starting.
	roomOnDisk = 512 << 20
)

// newRun makes a run folder in the first storage that fits, and holds its lock.
// Layout: lock, log, socket/ and data/; the last two belong to the server's user.
func newRun(storage []string, user *syscall.Credential) (dir string, lock *os.File, err error) {
	var reasons []string
	for i, parent := range storage {
		room, inMemory := uint64(roomInMemory), i < len(storage)-1
		if !inMemory {
			room = roomOnDisk
		}
		err = nil
		if inMemory {
			err = enoughMemory()
		}
		if err == nil {
			dir, lock, err = newRunIn(parent, room, user)
		}
		if err == nil {
			return dir, lock, nil
		}
		reasons = append(reasons, fmt.Sprintf("  %s: %v", parent, err))
	}
	return "", nil, fmt.Errorf("no place for the database's files:\n%s\nMake room there, or name another folder: export WORKSHOP_STATE=/path/to/folder",
		strings.Join(reasons, "\n"))
}

func newRunIn(parent string, room uint64, user *syscall.Credential) (string, *os.File, error) {
	if _, err := os.Stat(filepath.Dir(parent)); err != nil {
		return "", nil, err
	}
	if err := state.MakePrivate(parent); err != nil {
		return "", nil, err
	}
	if err := fits(parent, room, user); err != nil {
		return "", nil, err
	}
	// Only a folder with a held lock gets the name that the sweep looks for.
	fresh, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return "", nil, err
	}
	lock, err := furnish(fresh, user)
	if err != nil {
		os.RemoveAll(fresh)
		return "", nil, err
	}
	dir := filepath.Join(parent, "run-"+strings.TrimPrefix(filepath.Base(fresh), "new-"))
	if err := os.Rename(fresh, dir); err != nil {
		lock.Close()
		os.RemoveAll(fresh)
		return "", nil, err
	}
	return dir, lock, nil
}

func fits(parent string, room uint64, user *syscall.Credential) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(parent, &disk); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < room {
		return fmt.Errorf("%d MB free, %d MB needed", free>>20, room>>20)
	}
	longest := filepath.Join(parent, "run-4294967295", "socket", ".s.PGSQL."+ownPort+".lock")
	if len(longest) > program.SocketPathLimit {
		return fmt.Errorf("the path is too long for a socket (%d bytes, %d allowed)", len(longest), program.SocketPathLimit)
	}
	if user == nil {
		return nil
	}
	for dir := parent; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("uid %d, who runs PostgreSQL for root, can't pass through %s", user.Uid, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func furnish(dir string, user *syscall.Credential) (*os.File, error) {
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	for _, name := range []string{"socket", "data"} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
		if err := give(path, user); err != nil {
			return nil, err
		}
	}
	return state.TryLock(filepath.Join(dir, runLock), syscall.LOCK_EX)
}

func give(path string, user *syscall.Credential) error {
	if user == nil {
		return nil
	}
	return os.Lchown(path, int(user.Uid), int(user.Gid))
}

// copyTree copies folders and plain files, keeps their modes and gives them to user.
func copyTree(from, to string, user *syscall.Credential) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case entry.IsDir():
			if err := os.Mkdir(target, info.Mode().Perm()); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		case info.Mode().IsRegular():
			if err := copyFile(path, target, info.Mode().Perm()); err != nil {
				return err
			}
		default:
			return fmt.Errorf("copy %s: it is neither a folder nor a plain file", path)
		}
		return give(target, user)
	})
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
