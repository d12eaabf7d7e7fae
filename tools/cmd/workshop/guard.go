package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// guardName is the hidden subcommand that a program which must not outlive the
// workshop runs under.
const guardName = "__guard"

// guardGrace is how long a guarded program may take to leave after SIGTERM: it may
// drain for some seconds and then finish what it is busy with.
const guardGrace = 15 * time.Second

// guardPID is the environment variable with the number of the file that a guard writes
// its program's process id to.
const guardPID = "WORKSHOP_GUARD_PID"

// signalled is what a shell, and a guard, adds to the number of the signal that ended a
// program.
const signalled = 128

// newGuardCmd runs a program and ends it when stdin reaches its end, which it
// does when the workshop is gone, however that ended. Without it, SIGKILL of
// the workshop would leave an API behind that holds its port.
func newGuardCmd() *cobra.Command {
	return &cobra.Command{
		Use:                guardName + " PROGRAM [ARGUMENT…]",
		Hidden:             true,
		Args:               cobra.MinimumNArgs(1),
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := guard(args)
			if err != nil {
				return err
			}
			os.Exit(code) // the guard answers with the program's own exit code
			return nil
		},
	}
}

func guard(args []string) (int, error) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP) // the workshop decides when it ends
	child := exec.Command(args[0], args[1:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	report, err := guardReport()
	if err != nil {
		return 0, err
	}
	if err := child.Start(); err != nil {
		return 0, err
	}
	if report != nil {
		_, _ = fmt.Fprintln(report, child.Process.Pid)
		_ = report.Close()
	}
	exited := make(chan struct{})
	go func() {
		_ = child.Wait()
		close(exited)
	}()
	abandoned := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(abandoned)
	}()
	select {
	case <-exited:
	case <-abandoned:
		endGroup(child.Process.Pid, exited)
	}
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return signalled + int(status.Signal()), nil
	}
	return child.ProcessState.ExitCode(), nil
}

// guardReport is the file to write the process id to; nil when nobody asked. The program
// doesn't inherit it.
func guardReport() (*os.File, error) {
	text, ok := os.LookupEnv(guardPID)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(guardPID)
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", guardPID, err)
	}
	syscall.CloseOnExec(number)
	return os.NewFile(uintptr(number), guardPID), nil
}

// endGroup asks a process group to leave, and kills what is still there after
// guardGrace.
func endGroup(pid int, exited <-chan struct{}) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(guardGrace):
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-exited
}
