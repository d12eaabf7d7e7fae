package filewatch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// expect waits for a save.
func expect(t *testing.T, saved <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-saved:
	case <-time.After(10 * time.Second):
		t.Fatalf("no save was told: %s", what)
	}
}

// none checks that nothing is told before the next real save, which it makes.
func none(t *testing.T, saved <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-saved:
		t.Fatalf("a save was told: %s", what)
	case <-time.After(4 * settle):
	}
}

func TestSavesAreToldOnce(t *testing.T) {
	for name, poll := range map[string]bool{"events": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			main := filepath.Join(dir, "main.go")
			write(t, main, "1")
			saved := Watch(t.Context(), dir, Options{Poll: poll})
			for _, content := range []string{"12", "123", "1234"} {
				write(t, main, content)
			}
			expect(t, saved, "three writes")
			none(t, saved, "three writes are one save")

			require.NoError(t, os.WriteFile(main+".new", []byte("renamed"), 0o644))
			require.NoError(t, os.Rename(main+".new", main))
			expect(t, saved, "a rename over the file, as editors save")

			write(t, filepath.Join(dir, "store", "deep", "store.go"), "x")
			expect(t, saved, "a new folder")
			write(t, filepath.Join(dir, "store", "deep", "store.go"), "xy")
			expect(t, saved, "a file in the new folder")
			require.NoError(t, os.RemoveAll(filepath.Join(dir, "store")))
			expect(t, saved, "a folder removed")
		})
	}
}

func TestTemporaryFilesDoNotCount(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), "1")
	saved := Watch(t.Context(), dir, Options{})
	for _, name := range []string{"4913", ".main.go.swp", "main.go~", "#main.go#", ".git/index", "main.test", "x.go.tmp"} {
		write(t, filepath.Join(dir, name), "x")
	}
	none(t, saved, "temporary files")
	write(t, filepath.Join(dir, "main.go"), "12")
	expect(t, saved, "a real one")
}

func TestFolderMayVanishAndComeBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "step")
	write(t, filepath.Join(dir, "main.go"), "1")
	saved := Watch(t.Context(), dir, Options{})
	require.NoError(t, os.RemoveAll(dir))
	expect(t, saved, "gone")
	write(t, filepath.Join(dir, "main.go"), "2")
	expect(t, saved, "back")
}

// TestMissingEventsAreNoticed watches with an event source that is deaf.
func TestMissingEventsAreNoticed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), "1")
	notices := make(chan string, 8)
	w := &watcher{dir: dir, notice: func(s string) { notices <- s }, saved: make(chan struct{}, 1)}
	w.seen = w.look()
	w.subscribe()
	for _, path := range w.events.WatchList() {
		require.NoError(t, w.events.Remove(path))
	}
	ctx, cancel := context.WithCancel(t.Context())
	go w.run(ctx)
	write(t, filepath.Join(dir, "main.go"), "12")
	expect(t, w.saved, "caught by the net")
	assert.Contains(t, <-notices, "looking twice a second")
	write(t, filepath.Join(dir, "main.go"), "123")
	expect(t, w.saved, "polled")
	cancel()
	for range w.saved {
	}
	assert.Empty(t, notices, "said once")
}

func TestPollingIsAnnounced(t *testing.T) {
	var said string
	Watch(t.Context(), t.TempDir(), Options{Poll: true, Notice: func(s string) { said = s }})
	assert.Contains(t, said, "WORKSHOP_POLL")
}
