package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guarded is the environment variable that makes TestGuardItself run a guard.
const guarded = "WORKSHOP_TEST_GUARD"

func TestGuardItself(t *testing.T) {
	program := os.Getenv(guarded)
	if program == "" {
		t.Skip("it is a part of the tests below")
	}
	code, err := guard([]string{"sh", "-c", program})
	if err != nil {
		fmt.Println(err)
	}
	os.Exit(code)
}

func startGuard(t *testing.T, program string) (command *exec.Cmd, stdin func(), lines *bufio.Scanner) {
	t.Helper()
	return startGuardWith(t, program, nil)
}

// startGuardWith starts a guard that writes the process id of its program to a file.
func startGuardWith(t *testing.T, program string, pid *os.File) (command *exec.Cmd, stdin func(), lines *bufio.Scanner) {
	t.Helper()
	command = exec.Command(os.Args[0], "-test.run=^TestGuardItself$")
	command.Env = append(os.Environ(), guarded+"="+program)
	if pid != nil {
		command.ExtraFiles, command.Env = []*os.File{pid}, append(command.Env, guardPID+"=3")
	}
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command, func() { _ = in.Close() }, bufio.NewScanner(out)
}

func TestGuardEndsItsProgramWhenTheWorkshopIsGone(t *testing.T) {
	_, closeStdin, lines := startGuard(t, "echo $$; exec sleep 60")
	require.True(t, lines.Scan())
	var pid int
	_, err := fmt.Sscan(lines.Text(), &pid)
	require.NoError(t, err)
	closeStdin()
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 10*time.Second, 5*time.Millisecond,
		"the program must end with the workshop")
}

func TestGuardAnswersWithTheProgramsExitCode(t *testing.T) {
	command, _, lines := startGuard(t, "echo up; exit 7")
	require.True(t, lines.Scan())
	require.Equal(t, "up", strings.TrimSpace(lines.Text()))
	require.Error(t, command.Wait())
	require.Equal(t, 7, command.ProcessState.ExitCode())
}
