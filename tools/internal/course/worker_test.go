package course

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheWorkerIsTheOneThatTheTestsStart(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`func TestMain(m *testing.M) { lab.Main(m, main, lab.Worker("work")) }`: "work",
		"func TestMain(m *testing.M) { lab.Main(m, main, lab.Worker(`jobs`)) }": "jobs",
		`func TestMain(m *testing.M) { lab.Main(m, main) }`:                     "",
		`// lab.Main(m, main, lab.Worker("work"))`:                              "",
		`var _ = lab.Worker(name)`:                                              "",
		`var _ = lab.Worker("a", "b")`:                                          "",
		`var _ = Worker("work")`:                                                "",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main_test.go"), []byte("package main\n"+source+"\n"), 0o600))
		got, err := Worker(dir)
		require.NoError(t, err)
		require.Equal(t, want, got, source)
	}
	got, err := Worker(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, got, "a module without tests has no worker")
}

func TestAWorkerThatCantBeReadIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main_test.go"), []byte("package main\nfunc TestMain("), 0o600))
	_, err := Worker(dir)
	require.ErrorContains(t, err, "read whether the API has a worker: ")
	require.ErrorContains(t, err, "main_test.go:2:")
}
