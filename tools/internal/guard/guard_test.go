package guard

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	RunIfGuard()
	os.Exit(m.Run())
}

// run starts a shell script under a guard. What it writes comes as lines.
func run(t *testing.T, script string) (p *Process, lines *bufio.Scanner) {
	t.Helper()
	out, in := io.Pipe()
	p, err := Start([]string{"sh", "-c", script}, os.Environ(), in, os.Stderr)
	require.NoError(t, err)
	t.Cleanup(p.Stop)
	go func() {
		<-p.Exited()
		_ = in.Close()
	}()
	return p, bufio.NewScanner(out)
}

func TestGuardEndsItsProgramWhenTheWorkshopIsGone(t *testing.T) {
	p, lines := run(t, "echo up; exec sleep 60")
	require.True(t, lines.Scan())
	pid, err := strconv.Atoi(p.PID)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	_ = p.hold.Close() // as the system does when the workshop is killed
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 10*time.Second, 5*time.Millisecond,
		"the program must end with the workshop")
}

func TestGuardAnswersWithTheProgramsExitCode(t *testing.T) {
	p, lines := run(t, "echo up; exit 7")
	require.True(t, lines.Scan())
	require.Equal(t, "up", lines.Text())
	<-p.Exited()
	require.Equal(t, "exit status 7", p.Ending())
}

func TestGuardTellsTheProcessIDOfItsProgram(t *testing.T) {
	p, lines := run(t, "echo $$; kill -9 $$")
	require.True(t, lines.Scan())
	require.Equal(t, lines.Text(), p.PID)
	<-p.Exited()
	require.Equal(t, "signal: killed", p.Ending())
}

func TestGuardSumsUpWhatItsProgramUsed(t *testing.T) {
	p, _ := run(t, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
	<-p.Exited()
	require.Greater(t, p.Used(), 20*time.Millisecond)
	require.Greater(t, p.MostMemory(), int64(500_000), "a shell takes half a megabyte at least")
}
