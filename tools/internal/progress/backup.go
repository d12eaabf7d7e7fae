package progress

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Backup copies files, named relative to root, into a new folder below
// .workshop/backup whose name is the time and why, and returns that folder, relative to
// root. The copies keep their paths, so that `cp -R FOLDER/. .` in root brings them back.
// An existing backup is never written into. Nothing is left of a backup that failed.
func Backup(root string, files []string, why string) (dir string, err error) {
	made, err := newBackup(root, why)
	if err != nil {
		return "", fmt.Errorf("make a folder for the backup: %w", err)
	}
	for _, f := range files {
		if err := copyFile(filepath.Join(root, f), filepath.Join(root, made, f)); err != nil {
			_ = os.RemoveAll(filepath.Join(root, made))
			return "", fmt.Errorf("back up %s: %w", f, err)
		}
	}
	return made, nil
}

// newBackup makes a folder that wasn't there.
func newBackup(root, why string) (string, error) {
	base := filepath.Join(Folder, "backup")
	if err := os.MkdirAll(filepath.Join(root, base), 0o755); err != nil {
		return "", err
	}
	name := time.Now().Format("2006-01-02_15.04.05") + "-" + why
	for n := 1; ; n++ {
		dir := filepath.Join(base, name)
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", dir, n)
		}
		err := os.Mkdir(filepath.Join(root, dir), 0o755)
		if !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
	}
}

func copyFile(from, to string) error {
	src, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, src, info.Mode().Perm())
}
