// Package guard runs programs that must not outlive the workshop, such as an API
// under measurement. Each runs under a process of its own, which ends it when the
// workshop is gone, however that ended. Without it, SIGKILL of the workshop would leave
// an API behind that holds its port.
package guard

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// name is the first argument of a program that is to be a guard.
const name = "__guard"

// Grace is how long a guarded program may take to leave after SIGTERM: it may
// drain for some seconds and then finish what it is busy with.
const Grace = 15 * time.Second

// pidFile is the environment variable with the number of the file that a guard writes
// its program's process id to.
const pidFile = "WORKSHOP_GUARD_PID"

// Signalled is what a shell, and a guard, adds to the number of the signal that ended a
// program.
const Signalled = 128

// RunIfGuard makes a guard of this process if it was started as one, and then doesn't
// return. Each program that calls Start calls it first in main.
func RunIfGuard() {
	if len(os.Args) < 3 || os.Args[1] != name {
		return
	}
	code, err := guard(os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "workshop: can't run %s: %v\n", os.Args[2], err)
		code = 1
	}
	os.Exit(code)
}

func guard(args []string) (int, error) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP) // the workshop decides when it ends
	child := exec.Command(args[0], args[1:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	report, err := pidReport()
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
		return Signalled + int(status.Signal()), nil
	}
	return child.ProcessState.ExitCode(), nil
}

// pidReport is the file to write the process id to; nil when nobody asked. The program
// doesn't inherit it.
func pidReport() (*os.File, error) {
	text, ok := os.LookupEnv(pidFile)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(pidFile)
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", pidFile, err)
	}
	syscall.CloseOnExec(number)
	return os.NewFile(uintptr(number), pidFile), nil
}

// endGroup asks a process group to leave, and kills what is still there after
// Grace.
func endGroup(pid int, exited <-chan struct{}) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(Grace):
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-exited
}

// Process is a program under a guard.
type Process struct {
	// PID is the program's own, not its guard's.
	PID string

	guard  *exec.Cmd
	hold   io.Closer // the guard's stdin
	exited chan struct{}
}

// Start runs a program with its arguments and an environment of its own. What it says
// goes to stdout and stderr, which may be nil.
func Start(program []string, environment []string, stdout, stderr io.Writer) (*Process, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reading.Close() }()
	p := &Process{exited: make(chan struct{})}
	p.guard = exec.Command(executable, append([]string{name}, program...)...)
	p.guard.Env = append(environment[:len(environment):len(environment)], pidFile+"=3")
	p.guard.ExtraFiles = []*os.File{writing}
	p.guard.Stdout, p.guard.Stderr = stdout, stderr
	// A group of its own: whoever kills the workshop's whole group leaves the guard
	// to end the program.
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.hold, err = p.guard.StdinPipe()
	if err == nil {
		err = p.guard.Start()
	}
	_ = writing.Close()
	if err != nil {
		return nil, err
	}
	pid, _ := bufio.NewReader(reading).ReadString('\n')
	p.PID = strings.TrimSpace(pid)
	go func() {
		_ = p.guard.Wait()
		close(p.exited)
	}()
	return p, nil
}

// Exited is closed once the program has ended and all that it said is written.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Stop ends the program with SIGTERM, with SIGKILL after Grace, and waits for its end.
func (p *Process) Stop() {
	_ = p.hold.Close()
	<-p.exited
}

// Ending tells how the program ended. It may be called once Exited is closed.
func (p *Process) Ending() string {
	if code := p.guard.ProcessState.ExitCode(); code > Signalled {
		return "signal: " + syscall.Signal(code-Signalled).String()
	}
	return p.guard.ProcessState.String()
}

// Used is the CPU time that the program and its guard took. It may be called once Exited
// is closed.
func (p *Process) Used() time.Duration {
	return p.guard.ProcessState.UserTime() + p.guard.ProcessState.SystemTime()
}

// MostMemory is the largest resident set of the program, in bytes; 0 where the system
// doesn't tell. It may be called once Exited is closed.
func (p *Process) MostMemory() int64 {
	usage, ok := p.guard.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(usage.Maxrss) * maxrssUnit
}
