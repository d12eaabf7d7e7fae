package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// held is the environment variable that makes TestHolder start programs and say which.
const held = "PROCESS_TEST_HOLDER"

func TestHolder(t *testing.T) {
	folder := os.Getenv(held)
	if folder == "" {
		t.Skip("it is a part of TestOrphansAreKilled")
	}
	var pids []string
	for _, script := range []string{
		"exec sleep 300",
		"trap '' TERM HUP INT; while :; do sleep 1; done", // doesn't listen
		"sleep 300 & exec sleep 300",                      // has a child of its own
		"exec sleep 301",                                  // is stopped below
		"exit 0",                                          // has ended before
	} {
		p, err := Start(Program{Path: "/bin/sh", Args: []string{"-c", script}, Env: os.Environ(), Folder: folder})
		require.NoError(t, err)
		pids = append(pids, strconv.Itoa(p.PID))
		switch script {
		case "exec sleep 301":
			p.Signal(syscall.SIGSTOP)
		case "exit 0":
			<-p.Exited()
			require.NoError(t, os.Mkdir(folder, 0o700))
		}
	}
	fmt.Println("started", strings.Join(pids, " "))
	time.Sleep(5 * time.Minute)
}

// TestOrphansAreKilled kills a process by SIGKILL, as nobody can prepare for.
func TestOrphansAreKilled(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a folder")
	holder := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	holder.Env = append(os.Environ(), held+"="+folder)
	holder.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	t.Cleanup(func() { _ = holder.Process.Kill() })
	var pids []int
	for lines := bufio.NewScanner(said); len(pids) == 0 && lines.Scan(); {
		list, ok := strings.CutPrefix(lines.Text(), "started ")
		if !ok {
			continue
		}
		for _, text := range strings.Fields(list) {
			pid, err := strconv.Atoi(text)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	require.Len(t, pids, 5)
	for _, pid := range pids[:4] {
		require.False(t, gone(pid))
	}
	require.DirExists(t, folder)
	// The whole group, as a shell or CI does: the keeper isn't in it.
	require.NoError(t, syscall.Kill(-holder.Process.Pid, syscall.SIGKILL))
	_ = holder.Wait()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return gone(pid) }, patience, 5*time.Millisecond, "process %d is still there", pid)
	}
	require.Eventually(t, func() bool { _, err := os.Stat(folder); return err != nil }, patience, 5*time.Millisecond)
}

func TestAKeeperThatWasKilledIsReplaced(t *testing.T) {
	var k keeping
	require.NoError(t, k.ensure())
	first := k.pipe
	require.NoError(t, k.ensure())
	require.Same(t, first, k.pipe, "one keeper is enough")
	_ = first.Close()
	<-k.ended
	require.NoError(t, k.ensure())
	require.NotSame(t, first, k.pipe)
	_ = k.pipe.Close()
	<-k.ended
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(Program{Path: "/bin/true"})
		if err != nil {
			b.Fatal(err)
		}
		<-p.Exited()
	}
}

// BenchmarkBare is what BenchmarkStart is compared with: the program alone, bound to nothing.
func BenchmarkBare(b *testing.B) {
	for b.Loop() {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}
