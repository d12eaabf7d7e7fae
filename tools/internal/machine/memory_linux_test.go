package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMemoryIsKnown(t *testing.T) {
	bytes, known := AvailableMemory()
	require.True(t, known)
	assert.Greater(t, bytes, uint64(1<<20))
}

func TestTheLimitOfAContainerCounts(t *testing.T) {
	dir := t.TempDir()
	_, limited := leftInGroup(dir)
	assert.False(t, limited, "there is no such group")
	for name, text := range map[string]string{"memory.max": "1000\n", "memory.current": "900\n", "memory.stat": "anon 500\ninactive_file 300\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	left, limited := leftInGroup(dir)
	assert.True(t, limited)
	assert.Equal(t, uint64(400), left)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "memory.current"), []byte("2000\n"), 0o600))
	left, _ = leftInGroup(dir)
	assert.Zero(t, left)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "memory.max"), []byte("max\n"), 0o600))
	_, limited = leftInGroup(dir)
	assert.False(t, limited)
}
