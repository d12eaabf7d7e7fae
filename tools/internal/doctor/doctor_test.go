package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func TestDoctorFindsAFolderThatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, Writable(filepath.Join(file, "below")))
	require.NoError(t, Writable(filepath.Join(t.TempDir(), "new", "folder")))
}

func TestOnlyALearnersBrokenCodeIsNoIllness(t *testing.T) {
	require.True(t, compiledElsewhere("FAIL\texample.com/boxoffice/steps/01-baseline [build failed]\nok  \texample.com/boxoffice/solutions/01-baseline\n"))
	require.False(t, compiledElsewhere("FAIL\texample.com/boxoffice/solutions/01-baseline [build failed]\n"))
	require.False(t, compiledElsewhere("go: no such module\n"))
}

func TestOfflineWorkCompilesEveryStepAndNamesWhatDoesNot(t *testing.T) {
	c := coursetest.New(t)
	d := &Doctor{Course: c, Say: func(string) {}}
	compiled := 0
	tool := Tool{Path: "example.com/tool", What: "the tool", Compile: func(context.Context) error { compiled++; return nil }}
	require.NoError(t, d.OfflineWork([]Tool{tool}).Run(t.Context()).Err)
	require.Equal(t, 1, compiled)

	tool.Compile = func(context.Context) error { return errors.New("no goldmark here") }
	require.ErrorContains(t, d.OfflineWork([]Tool{tool}).Run(t.Context()).Err, "can't compile the tool: no goldmark here")

	broken := filepath.Join(c.Steps[0].SolutionDir, "broken.go")
	require.NoError(t, os.WriteFile(broken, []byte("package main\n\nvar x int = \"no\"\n"), 0o600))
	require.ErrorContains(t, d.OfflineWork(nil).Run(t.Context()).Err, "broken.go")
}

func TestFoldersAndDiskAndPortsAreLookedAt(t *testing.T) {
	c := coursetest.New(t)
	d := &Doctor{Course: c, Say: func(string) {}}
	require.Equal(t, Diagnosis{Detail: c.Root}, d.checkFolder(t.Context()))
	require.Contains(t, d.checkDisk(t.Context()).Detail, "GB free at ")
	require.Contains(t, d.checkPorts(t.Context()).Detail, "loopback works")
	require.NoError(t, d.checkWatching(t.Context()).Err)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	d.Course = &course.Course{Root: file, Steps: c.Steps}
	found := d.checkFolder(t.Context())
	require.ErrorContains(t, found.Err, "can't write to")
	require.Contains(t, found.Next, "ls -ld "+file)
}

func TestComplaintsAreShortAndNameNoPackageThatIsFine(t *testing.T) {
	require.Equal(t, "# broken\nbroken.go:3: no", Complaints("ok  \tfine\n# broken\nbroken.go:3: no\n?   \tnone\n"))
}
