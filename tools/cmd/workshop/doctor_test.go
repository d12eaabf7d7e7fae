package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
)

func TestDoctorGoesOnAfterAnIllnessAndSaysWhatToRun(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{e: &env{stdout: &out, stderr: &out}, checks: []checkup{
		{"one", func(context.Context) finding { return finding{err: errors.New("broken"), next: "mend it"} }},
		{"two", func(context.Context) finding { return finding{detail: "slow", note: "but it works"} }},
		{"three", func(context.Context) finding { return finding{detail: "fine"} }},
	}}
	err := d.examine(t.Context())
	require.Equal(t, cli.ExitMachine, cli.ExitCode(err))
	require.ErrorContains(t, err, "1 check failed")
	for _, line := range []string{"FAIL  one            broken", "next: mend it", "note  two            slow", "ok    three          fine"} {
		require.Contains(t, out.String(), line)
	}
}

func TestDoctorIsSatisfiedWithNotes(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{e: &env{stdout: &out, stderr: &out}, checks: []checkup{
		{"two", func(context.Context) finding { return finding{detail: "slow", note: "but it works"} }},
	}}
	require.NoError(t, d.examine(t.Context()))
	require.Contains(t, out.String(), "This machine is ready")
}

func TestDoctorFindsAFolderThatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, writable(filepath.Join(file, "below")))
	require.NoError(t, writable(filepath.Join(t.TempDir(), "new", "folder")))
}

func TestOnlyALearnersBrokenCodeIsNoIllness(t *testing.T) {
	require.True(t, compiledElsewhere("FAIL\texample.com/boxoffice/steps/01-baseline [build failed]\nok  \texample.com/boxoffice/solutions/01-baseline\n"))
	require.False(t, compiledElsewhere("FAIL\texample.com/boxoffice/solutions/01-baseline [build failed]\n"))
	require.False(t, compiledElsewhere("go: no such module\n"))
}

func TestDoctorCompilesEveryStepAndNamesWhatDoesNot(t *testing.T) {
	desk := newDesk(t)
	c := desk.course
	e := desk.newEnv()
	d := &doctor{e: e, course: c}
	require.NoError(t, d.warm(t.Context()).err)

	compiles := e.compileTool
	e.compileTool = func(context.Context, string, string) (string, error) { return "", errors.New("no goldmark here") }
	require.ErrorContains(t, d.warm(t.Context()).err, "can't compile the site's tools: no goldmark here")
	e.compileTool = compiles

	broken := filepath.Join(c.Steps[0].SolutionDir, "broken.go")
	require.NoError(t, os.WriteFile(broken, []byte("package main\n\nvar x int = \"no\"\n"), 0o600))
	require.ErrorContains(t, d.warm(t.Context()).err, "broken.go")
}
