package progress

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func load(t *testing.T, root string) *State {
	t.Helper()
	s, err := Load(root)
	require.NoError(t, err)
	return s
}

func TestTwoProcessesKeepEachOthersPlace(t *testing.T) {
	root := t.TempDir()
	watch, companion := load(t, root), load(t, root)
	watch.Tasks[TaskID{1, 1}] = "green"
	watch.MarkDone(1, time.Now())
	require.NoError(t, watch.Save())
	companion.Hints[TaskID{1, 2}] = 1
	companion.Current = 2
	require.NoError(t, companion.Save())
	watch.Hints[TaskID{1, 1}] = 2
	require.NoError(t, watch.Save())

	for name, s := range map[string]*State{"the file": load(t, root), "the last to save": watch} {
		assert.Equal(t, 2, s.Current, name)
		assert.Equal(t, "green", s.Tasks[TaskID{1, 1}], name)
		assert.Contains(t, s.Done, 1, name)
		assert.Equal(t, map[TaskID]int{{1, 1}: 2, {1, 2}: 1}, s.Hints, name)
	}
	assert.Empty(t, companion.Hints[TaskID{1, 1}], "not looked yet")
	require.NoError(t, companion.Refresh())
	assert.Equal(t, 2, companion.Hints[TaskID{1, 1}])
}

func TestNewestVerdictAndMostHintsCount(t *testing.T) {
	root := t.TempDir()
	a, b := load(t, root), load(t, root)
	first := time.Date(2026, 1, 31, 18, 4, 5, 0, time.UTC)
	a.Tasks[TaskID{1, 1}], a.Hints[TaskID{1, 1}] = "red", 3
	a.MarkDone(1, first)
	require.NoError(t, a.Save())
	b.Tasks[TaskID{1, 1}], b.Hints[TaskID{1, 1}] = "green", 1
	b.MarkDone(1, first.Add(time.Hour))
	require.NoError(t, b.Save())
	s := load(t, root)
	assert.Equal(t, "green", s.Tasks[TaskID{1, 1}])
	assert.Equal(t, 3, s.Hints[TaskID{1, 1}])
	assert.Equal(t, first, s.Done[1])
}

func TestDeletedProgressStaysDeleted(t *testing.T) {
	root := t.TempDir()
	s := load(t, root)
	s.Current, s.Hints[TaskID{1, 1}] = 3, 2
	require.NoError(t, s.Save())
	require.NoError(t, os.Remove(File(root)))
	s.Tasks[TaskID{3, 1}] = "red"
	require.NoError(t, s.Save())
	s = load(t, root)
	assert.Equal(t, 1, s.Current)
	assert.Empty(t, s.Hints)
	assert.Equal(t, "red", s.Tasks[TaskID{3, 1}])
}

func TestDamageBetweenTwoSavesLosesNothing(t *testing.T) {
	root := t.TempDir()
	s := load(t, root)
	s.Current, s.Hints[TaskID{1, 1}] = 3, 2
	require.NoError(t, s.Save())
	require.NoError(t, os.WriteFile(File(root), []byte("current three\n"), 0o644))
	require.NoError(t, s.Save())
	s = load(t, root)
	assert.Equal(t, 3, s.Current)
	assert.Equal(t, 2, s.Hints[TaskID{1, 1}])
	kept, err := filepath.Glob(File(root) + ".damaged-*")
	require.NoError(t, err)
	assert.Len(t, kept, 1)
}

func TestManyWritersLoseNothing(t *testing.T) {
	root := t.TempDir()
	const writers, hints = 8, 20
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			s, err := Load(root)
			if !assert.NoError(t, err) {
				return
			}
			for i := range hints {
				s.Hints[TaskID{n + 1, i + 1}] = 1
				assert.NoError(t, s.Save())
			}
		})
	}
	all.Wait()
	assert.Len(t, load(t, root).Hints, writers*hints)
}
