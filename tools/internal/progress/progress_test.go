package progress

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStateIsKept(t *testing.T) {
	root := t.TempDir()
	s, err := Load(root)
	require.NoError(t, err)
	assert.Equal(t, 1, s.Current, "a newcomer starts at the first step")
	at := time.Date(2026, 1, 31, 18, 4, 5, 0, time.UTC)
	s.Current, s.Greeted = 2, true
	assert.True(t, s.MarkDone(1, at))
	assert.False(t, s.MarkDone(1, at.Add(time.Hour)), "the first time counts")
	s.Hints[TaskID{2, 1}] = 3
	s.Tasks[TaskID{2, 1}] = "red"
	require.NoError(t, s.Save())

	again, err := Load(root)
	require.NoError(t, err)
	assert.Equal(t, s, again)
}

func TestDamagedProgressIsKeptAsideAndReadAsFarAsPossible(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, Folder, "progress.txt")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	damaged := "current 3\ndone 1 yesterday\n\x00\xff\nhints 2 1 2\ncurrent -4\n"
	require.NoError(t, os.WriteFile(path, []byte(damaged), 0o644))

	s, err := Load(root)
	var e *DamagedError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, 2, e.Line)
	assert.Equal(t, 3, s.Current)
	assert.Equal(t, 2, s.Hints[TaskID{2, 1}])
	kept, err := os.ReadFile(e.Kept)
	require.NoError(t, err)
	assert.Equal(t, damaged, string(kept), "nothing is lost")
	_, err = Load(root)
	assert.NoError(t, err, "said once")
}

func TestSaveSaysWhatIsInTheWay(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, Folder), nil, 0o644))
	s := &State{path: filepath.Join(root, Folder, "progress.txt")}
	assert.ErrorContains(t, s.Save(), Folder)
}

func TestUnreadableProgressIsNotOverwritten(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, Folder, "progress.txt")
	require.NoError(t, os.MkdirAll(path, 0o755), "a folder can't be read as a file")
	s, err := Load(root)
	require.Error(t, err)
	assert.Equal(t, 1, s.Current)
	assert.Equal(t, err, s.Save())
}

func TestBackupsAreNeverOverwritten(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join("steps", "01-a", "main.go")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "steps", "01-a"), 0o755))
	seen := map[string]bool{}
	for _, content := range []string{"one", "two", "three"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, file), []byte(content), 0o600))
		dir, err := Backup(root, []string{file}, "reset-01")
		require.NoError(t, err)
		assert.False(t, seen[dir], dir)
		seen[dir] = true
		got, err := os.ReadFile(filepath.Join(root, dir, file))
		require.NoError(t, err)
		assert.Equal(t, content, string(got))
	}
}

func TestFailedBackupLeavesNothing(t *testing.T) {
	root := t.TempDir()
	_, err := Backup(root, []string{"missing.go"}, "reset-01")
	require.ErrorContains(t, err, "missing.go")
	left, err := os.ReadDir(filepath.Join(root, Folder, "backup"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestWriteFileKeepsPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.sh")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o755))
	require.NoError(t, WriteFile(path, []byte("new")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
}
