// Package state keeps what the services of one user have in common on this machine: a private
// folder, and locks in it that the kernel lets go when their holder dies.
package state

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// FolderName is what a folder of this user's is called wherever the workshop makes one.
func FolderName() string { return "boxoffice-" + strconv.Itoa(os.Getuid()) }

// Folder is the state folder: below WORKSHOP_STATE, or below the temp folder. It is a folder of
// our own, so its mode is ours to set.
func Folder() (string, error) {
	parent := cmp.Or(os.Getenv("WORKSHOP_STATE"), os.TempDir())
	folder, err := filepath.Abs(filepath.Join(parent, FolderName()))
	if err != nil {
		return "", fmt.Errorf("find the state folder: %w", err)
	}
	return folder, nil
}

// MakePrivate makes dir for this user alone and refuses one that others could have prepared.
func MakePrivate(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Error(dir, err)
	}
	mode := fs.FileMode(0o700)
	if os.Getuid() == 0 {
		mode = 0o711 // the server's user passes through
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return Error(dir, err)
	}
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone again; the caller tries once more
	}
	if err != nil {
		return Error(dir, err)
	}
	if !info.IsDir() {
		return Error(dir, errors.New("it is no folder"))
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if int(owner) != os.Getuid() {
		return Error(dir, fmt.Errorf("it belongs to uid %d, and this is uid %d", owner, os.Getuid()))
	}
	if info.Mode().Perm() != mode {
		if err := os.Chmod(dir, mode); err != nil {
			return Error(dir, err)
		}
	}
	return nil
}

// Error says that the state folder can't be used, and what to do.
func Error(dir string, err error) error {
	if os.Getenv("WORKSHOP_STATE") != "" {
		return fmt.Errorf("use the state folder %s: %w\nName one that you can write to: export WORKSHOP_STATE=/path/to/folder", dir, err)
	}
	return fmt.Errorf("use the state folder %s: %w\nRemove it (sudo rm -r %s) or use another: export WORKSHOP_STATE=$HOME/.boxoffice", dir, err, dir)
}
