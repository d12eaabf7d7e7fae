// Package process runs programs that must not outlive the workshop: instances of the API,
// its workers, Redis, nginx. What kills them when this process is gone is in orphan.go.
//
// Each program leads a process group of its own, so Ctrl-C in the terminal is for the workshop
// alone, which then ends them in its order.
package process

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Grace is how long a program may take to leave after SIGTERM: it may drain for some seconds
// and then finish what it is busy with.
const Grace = 15 * time.Second

// afterwards is how long something that a program started may hold its output open once the
// program itself has ended.
const afterwards = 5 * time.Second

// Program is what is to run.
type Program struct {
	Path string
	Args []string
	// Env is all of its environment, as NAME=value.
	Env []string
	// Dir is where it runs; this process's own folder when empty.
	Dir string
	// Stdout and Stderr receive what it says; they may be nil, and may be the same.
	Stdout, Stderr io.Writer
	// Folder is the program's own, and removed once it has ended; none when empty.
	Folder string
	// User is whom it runs as; this process's user when nil.
	User *syscall.Credential
	// OrphanSignal ends it when this process is gone; SIGKILL when 0.
	OrphanSignal syscall.Signal
}

func (p Program) orphanSignal() syscall.Signal { return cmp.Or(p.OrphanSignal, syscall.SIGKILL) }

// Process is a program that was started.
type Process struct {
	// PID is its process id, and that of its group.
	PID int

	command *exec.Cmd
	folder  string
	exited  chan struct{}

	mu   sync.Mutex
	peak int64 // what peakMemory said last
}

// Start starts a program. It ends with this process at the latest.
func Start(p Program) (*Process, error) {
	path, err := exec.LookPath(p.Path)
	if err != nil {
		return nil, fmt.Errorf("start a program: %w", err)
	}
	announced := []string{"-c", announceScript, path, fmt.Sprint(int(p.orphanSignal())), p.Folder, path}
	command := exec.Command("/bin/sh", append(announced, p.Args...)...)
	command.Dir, command.Env = p.Dir, p.Env
	if command.Env == nil {
		command.Env = []string{} // nil would be this process's
	}
	command.Stdout, command.Stderr = p.Stdout, p.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.User}
	command.WaitDelay = afterwards
	if err := keeper.start(command, p); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Path, err)
	}
	started := &Process{PID: command.Process.Pid, command: command, folder: p.Folder, exited: make(chan struct{})}
	go started.wait()
	return started, nil
}

// wait sees the program to its end.
func (p *Process) wait() {
	defer close(p.exited)
	_ = p.command.Wait()
	_ = syscall.Kill(-p.PID, syscall.SIGKILL) // what it started and left behind
	keeper.forget(p.PID)
	if p.folder != "" {
		_ = os.RemoveAll(p.folder)
	}
}

// Run runs a program to its end, or until ctx ends, and returns all that it said. The error is an
// *ExitError when the program itself failed.
func Run(ctx context.Context, p Program) (said string, err error) {
	var output bytes.Buffer
	p.Stdout, p.Stderr = &output, &output
	started, err := Start(p)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, started.Kill)
	defer stop()
	<-started.Exited()
	switch {
	case ctx.Err() != nil:
		return output.String(), context.Cause(ctx)
	case started.ExitCode() != 0:
		return output.String(), &ExitError{started.Ending()}
	}
	return output.String(), nil
}

// ExitError says that a program failed.
type ExitError struct {
	// Ending is such as "exit status 1".
	Ending string
}

func (e *ExitError) Error() string { return e.Ending }

// Exited is closed once the program has ended, all that it said is written, and its folder is
// gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running reports whether the program is still there.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Signal sends the program a signal and doesn't wait.
func (p *Process) Signal(signal os.Signal) { _ = p.command.Process.Signal(signal) }

// ErrStayed says that a program was still there when Grace was over.
var ErrStayed = errors.New("it was still running " + Grace.String() + " after SIGTERM")

// Stop asks the program to leave with SIGTERM, kills it after Grace, and returns once it has
// ended. The error is ErrStayed when it had to be killed.
func (p *Process) Stop() error {
	p.notePeak()
	p.Signal(syscall.SIGTERM)
	patience := time.NewTimer(Grace)
	defer patience.Stop()
	select {
	case <-p.exited:
		return nil
	case <-patience.C:
		p.Kill()
		return ErrStayed
	}
}

// Kill ends the program and all of its group with SIGKILL, as a crash or the kernel's
// out-of-memory killer does, and returns once it has ended.
func (p *Process) Kill() {
	p.notePeak()
	p.Signal(syscall.SIGKILL) // knows whether the number is still the program's
	<-p.exited
}

// ExitCode is what the program answered: 0 for a clean exit, -1 when a signal ended it. It may be
// called once Exited is closed.
func (p *Process) ExitCode() int { return p.command.ProcessState.ExitCode() }

// Ending tells how the program ended: "exit status 1", "signal: killed". It may be called once
// Exited is closed.
func (p *Process) Ending() string {
	text := p.command.ProcessState.String()
	return strings.TrimSuffix(text, " (core dumped)")
}
