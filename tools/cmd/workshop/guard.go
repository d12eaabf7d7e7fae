package main

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// guardName is the hidden subcommand that a program which must not outlive the
// workshop runs under.
const guardName = "__guard"

// guardGrace is how long a guarded program may take to leave after SIGTERM.
const guardGrace = 10 * time.Second

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
	if err := child.Start(); err != nil {
		return 0, err
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
	return child.ProcessState.ExitCode(), nil
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
