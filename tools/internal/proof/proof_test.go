package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T) *Memory {
	t.Helper()
	m, err := OpenDir(filepath.Join(t.TempDir(), "verified"))
	require.NoError(t, err)
	return m
}

func TestProofIsRecalledByItsKey(t *testing.T) {
	t.Parallel()
	m := open(t)
	assert.Nil(t, m.Recall("k1", "vet"))
	require.NoError(t, m.Keep("k1", "vet", "a note"))
	p := m.Recall("k1", "vet")
	require.NotNil(t, p)
	assert.Equal(t, "a note", p.Note)
	assert.Nil(t, m.Recall("k2", "vet"))
	assert.Empty(t, m.ThrownAway())
}

func TestDamagedProofIsThrownAway(t *testing.T) {
	t.Parallel()
	damage := map[string]func(text string) string{
		"cut off":        func(text string) string { return text[:len(text)/2] },
		"empty":          func(string) string { return "" },
		"noise":          func(string) string { return "\x00\x01" },
		"another":        func(text string) string { return strings.Replace(text, "vet", "size", 1) },
		"a changed word": func(text string) string { return strings.Replace(text, "a note", "b note", 1) },
	}
	for name, by := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := open(t)
			require.NoError(t, m.Keep("k1", "vet", "a note"))
			path := m.path("k1")
			src, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte(by(string(src))), 0o644))
			assert.Nil(t, m.Recall("k1", "vet"))
			assert.Equal(t, []string{"vet"}, m.ThrownAway())
			assert.NoFileExists(t, path)
		})
	}
}

func TestProofUnderAnothersKeyIsThrownAway(t *testing.T) {
	t.Parallel()
	m := open(t)
	require.NoError(t, m.Keep("k1", "vet", ""))
	require.NoError(t, os.Rename(m.path("k1"), m.path("k2")))
	assert.Nil(t, m.Recall("k2", "vet"))
	assert.Equal(t, []string{"vet"}, m.ThrownAway())
}

func TestMemoryIsBoundInSizeAndAge(t *testing.T) {
	t.Parallel()
	m := open(t)
	now := time.Now()
	at := func(name string, age time.Duration) {
		require.NoError(t, os.Chtimes(filepath.Join(m.dir, name), now.Add(-age), now.Add(-age)))
	}
	for i := range 5 {
		key := fmt.Sprint("k", i)
		require.NoError(t, m.Keep(key, "vet", ""))
		at(key+suffix, time.Duration(i)*time.Hour)
	}
	require.NoError(t, m.Keep("old", "vet", ""))
	at("old"+suffix, keep+time.Hour)
	for name, age := range map[string]time.Duration{"new-dead": 2 * stale, "new-alive": 0} {
		require.NoError(t, os.WriteFile(filepath.Join(m.dir, name), nil, 0o644))
		at(name, age)
	}
	require.NotNil(t, m.Recall("k4", "vet"), "the oldest, which is now the last asked for")
	require.NoError(t, m.tidy(now, 3))
	var left []string
	entries, err := os.ReadDir(m.dir)
	require.NoError(t, err)
	for _, e := range entries {
		left = append(left, strings.TrimSuffix(e.Name(), suffix))
	}
	assert.ElementsMatch(t, []string{"k0", "k1", "k4", "new-alive"}, left)
}

func TestManyKeepTheSameProof(t *testing.T) {
	t.Parallel()
	m := open(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			other := &Memory{dir: m.dir}
			for range 50 {
				assert.NoError(t, other.Keep("k", "vet", "a note"))
				assert.NotNil(t, other.Recall("k", "vet"))
				assert.Empty(t, other.ThrownAway())
			}
		})
	}
	all.Wait()
	entries, err := os.ReadDir(m.dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestKeyFollowsContentNotTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.go")
	files := new(Files)
	key := func() string {
		in := NewInputs(files)
		in.Value("go", "1.26")
		in.File("a.go", path)
		return in.Key()
	}
	absent := key()
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o644))
	one := key()
	require.NoError(t, os.WriteFile(path, []byte("two, longer"), 0o644))
	two := key()
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o644))
	require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
	assert.Equal(t, one, key())
	assert.NotEqual(t, absent, one)
	assert.NotEqual(t, one, two)
}
