package verify

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPromisesAreLinesForTheContract(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "some_test.go"), []byte(`package main_test

import (
	"testing"

	"example.com/boxoffice/tools/lab"
	promised "example.com/boxoffice/tools/lab/contract"
)

func TestA(t *testing.T)     { promised.A(t) }
func TestB(t *testing.T)     { promised.Other(t) }
func TestMore(t *testing.T)  { lab.Task(t, 1); promised.A(t) }
func TestArgs(t *testing.T)  { promised.A(t, 3) }
func TestOwn(t *testing.T)   { lab.Start(t) }
func TestLocal(t *testing.T) { helper(t) }
func helper(t *testing.T)    { promised.A(t) }
`), 0o600))
	found, err := promises(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"TestA": "A", "TestB": "Other"}, found)

	later := map[string]string{"TestA": "A", "TestB": "B", "TestC": "C"}
	require.Equal(t, map[string]string{"TestA": "A"}, madeAgain(found, later))
	require.Equal(t, "^(TestA|TestB)$", exactly(found))
	require.Empty(t, exactly(nil))
}
