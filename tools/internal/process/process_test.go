package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything here may take that takes moments.
const patience = 20 * time.Second

// shell starts a shell script. What it writes comes as lines.
func shell(t *testing.T, script string) (p *Process, lines *bufio.Scanner) {
	t.Helper()
	out, in := io.Pipe()
	p, err := Start(Program{Path: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(), Stdout: in, Stderr: os.Stderr})
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	go func() {
		<-p.Exited()
		_ = in.Close()
	}()
	return p, bufio.NewScanner(out)
}

func TestEndingTellsHowAProgramEnded(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"exit 0":     "exit status 0",
		"exit 7":     "exit status 7",
		"kill -9 $$": "signal: killed",
	} {
		p, _ := shell(t, script)
		<-p.Exited()
		require.Equal(t, want, p.Ending())
		require.False(t, p.Running())
	}
}

func TestPIDIsTheProgramsOwn(t *testing.T) {
	t.Parallel()
	p, lines := shell(t, "echo $$; exec sleep 60")
	require.True(t, lines.Scan())
	require.Equal(t, lines.Text(), strconv.Itoa(p.PID))
	require.True(t, p.Running())
}

func TestAProgramSeesItsOwnEnvironmentAlone(t *testing.T) {
	t.Setenv("PROCESS_TEST_SECRET", "of the parent")
	said, err := Run(t.Context(), Program{Path: "/bin/sh", Args: []string{"-c", `echo "$GIVEN,$PROCESS_TEST_SECRET"`}, Env: []string{"GIVEN=yes", "PATH=" + os.Getenv("PATH")}})
	require.NoError(t, err)
	require.Equal(t, "yes,\n", said)
	said, err = Run(t.Context(), Program{Path: "/bin/sh", Args: []string{"-c", `echo "[$PROCESS_TEST_SECRET]"; echo held >&3`}})
	require.Error(t, err, "a program that holds the keeper's pipe would never be an orphan")
	require.Contains(t, said, "[]\n")
}

func TestStopAsksFirst(t *testing.T) {
	t.Parallel()
	p, lines := shell(t, `trap 'echo leaving; exit 3' TERM; echo up; while :; do sleep 0.01; done`)
	require.True(t, lines.Scan())
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop() }()
	require.True(t, lines.Scan())
	require.Equal(t, "leaving", lines.Text())
	require.NoError(t, <-stopped)
	require.Equal(t, 3, p.ExitCode())
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	t.Parallel()
	p, lines := shell(t, "sleep 60 >/dev/null 2>&1 & echo $!; exit 0")
	require.True(t, lines.Scan())
	left, err := strconv.Atoi(lines.Text())
	require.NoError(t, err)
	<-p.Exited()
	require.Eventually(t, func() bool { return gone(left) }, patience, 5*time.Millisecond)
}

func TestAFolderGoesWithItsProgram(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a folder of its own")
	require.NoError(t, os.Mkdir(folder, 0o700))
	p, err := Start(Program{Path: "/bin/sh", Args: []string{"-c", "exec sleep 60"}, Env: os.Environ(), Folder: folder})
	require.NoError(t, err)
	require.DirExists(t, folder)
	p.Kill()
	require.NoDirExists(t, folder)
}

func TestRunSaysWhatTheProgramSaid(t *testing.T) {
	t.Parallel()
	said, err := Run(t.Context(), Program{Path: "/bin/sh", Args: []string{"-c", "echo one; echo two >&2; exit 4"}})
	require.Equal(t, "one\ntwo\n", said)
	var failed *ExitError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "exit status 4", failed.Ending)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Run(ctx, Program{Path: "/bin/sh", Args: []string{"-c", "exec sleep 60"}, Env: os.Environ()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Start(Program{Path: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestUsageIsTheProgramsOwn(t *testing.T) {
	t.Parallel()
	p, lines := shell(t, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 60")
	large := make([]byte, 128<<20) // this process's own peak must not become the program's
	for i := range large {
		large[i] = 1
	}
	require.True(t, lines.Scan())
	q, more := shell(t, "echo up; exec sleep 60")
	require.True(t, more.Scan())
	runtime.KeepAlive(large)
	memory, err := q.Memory()
	require.NoError(t, err)
	require.Greater(t, memory, int64(100_000))
	p.Kill()
	q.Kill()
	require.Greater(t, p.Used(), 20*time.Millisecond)
	require.Greater(t, q.MostMemory(), int64(100_000))
	if runtime.GOOS == "linux" {
		require.Less(t, q.MostMemory(), int64(64<<20))
	}
}

func TestATailKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	var tail Tail
	require.Empty(t, tail.Lines(3))
	for n := range 2000 {
		_, _ = fmt.Fprintln(&tail, n)
	}
	require.Equal(t, "1998\n1999", tail.Lines(2))
}

func gone(pid int) bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }

// zombie tells whether a process has ended, and nobody has asked how: in a container without an
// init, orphans stay so.
func zombie(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "Z")
}
