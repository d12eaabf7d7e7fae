package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// bootTimeout is how long the API may take until it accepts connections.
	bootTimeout = 30 * time.Second
	// exitTimeout is how long the API may take to leave after SIGTERM before the
	// lab kills it at the end of a test.
	exitTimeout = 15 * time.Second
	// portTries is how many ports the lab tries when another program takes the
	// one it had found free.
	portTries = 5
)

// Instance is one process of the API.
type Instance struct {
	// Name is A for the first instance, then B, C, …
	Name string
	// URL is where it serves, as http://127.0.0.1:PORT. It stays over a restart.
	URL string

	environment []string
	release     func() // gives the port back; nil before there is one
	logs        logBuffer

	mu      sync.Mutex
	address string
	process *process
}

// process is one life of an instance.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	exited  chan struct{}
	err     error // how it exited; valid once exited is closed
}

func newInstance(name string, environment []string) *Instance {
	return &Instance{Name: name, environment: environment}
}

// start starts the process on a free port and waits until it accepts
// connections.
func (i *Instance) start() error {
	var err error
	for range portTries {
		address, release := ports.free()
		if err = i.startOn(address); !errors.Is(err, errPortTaken) {
			i.release = release
			return err
		}
		release()
	}
	return err
}

var errPortTaken = errors.New("the port was taken by another program in the meantime")

func (i *Instance) startOn(address string) error {
	running, err := i.launch(address)
	if err != nil {
		return fmt.Errorf("start instance %s: %w", i.Name, err)
	}
	i.mu.Lock()
	i.process, i.address, i.URL = running, address, "http://"+address
	i.mu.Unlock()
	return i.awaitReady(running, address)
}

func (i *Instance) launch(address string) (*process, error) {
	command := exec.Command(os.Args[0])
	command.Env = append(childEnvironment(), asAPI+"=serve", "ADDR="+address)
	command.Env = append(command.Env, i.environment...)
	command.Stdout, command.Stderr = &i.logs, &i.logs
	// A group of its own: Ctrl-C in the terminal is for the tests, not for it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, stdin: stdin, exited: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// awaitReady waits until address accepts connections, or tells why it never will.
func (i *Instance) awaitReady(p *process, address string) error {
	deadline := time.Now().Add(bootTimeout)
	for time.Now().Before(deadline) {
		select {
		case <-p.exited:
			return i.exitedEarly(p)
		case <-time.After(2 * time.Millisecond):
		}
		if accepts(address) {
			return nil
		}
	}
	i.Kill()
	return fmt.Errorf("instance %s did not listen on ADDR=%s within %v; it logged:\n%s",
		i.Name, address, bootTimeout, indent(i.tail(logTail), "| "))
}

func accepts(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

func (i *Instance) exitedEarly(p *process) error {
	tail := i.tail(logTail)
	if strings.Contains(tail, "address already in use") {
		return errPortTaken
	}
	return fmt.Errorf("instance %s ended before it listened on ADDR (%s); it logged:\n%s",
		i.Name, exitText(p.err), indent(tail, "| "))
}

func exitText(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// Stop asks the instance to leave with SIGTERM and waits until it has. It
// returns the exit code: 0 for a clean exit, -1 when a signal ended it, and an
// error when it is still there after 15 seconds; it is then killed.
func (i *Instance) Stop() (int, error) {
	p := i.current()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return p.command.ProcessState.ExitCode(), nil
	case <-time.After(exitTimeout):
		i.Kill()
		return -1, fmt.Errorf("instance %s was still running %v after SIGTERM", i.Name, exitTimeout)
	}
}

// Signal sends a signal and doesn't wait.
func (i *Instance) Signal(signal os.Signal) {
	_ = i.current().command.Process.Signal(signal)
}

// Kill ends the instance with SIGKILL, as a crash or the kernel's out-of-memory
// killer does, and waits until it is gone.
func (i *Instance) Kill() {
	p := i.current()
	if p == nil {
		return
	}
	_ = p.command.Process.Kill()
	<-p.exited
	_ = p.stdin.Close()
}

// end kills the instance for good.
func (i *Instance) end() {
	i.Kill()
	if i.release != nil {
		i.release()
	}
}

// Restart starts the instance again on the same address; it kills it first if
// it still runs.
func (i *Instance) Restart() error {
	i.Kill()
	i.mu.Lock()
	address := i.address
	i.mu.Unlock()
	return i.startOn(address)
}

// Exited is closed once the process has ended.
func (i *Instance) Exited() <-chan struct{} { return i.current().exited }

// Running reports whether the process is still there.
func (i *Instance) Running() bool {
	select {
	case <-i.Exited():
		return false
	default:
		return true
	}
}

// closesWithin reports whether the channel is closed, now or within that time.
func closesWithin(c <-chan struct{}, patience time.Duration) bool {
	select {
	case <-c:
		return true
	default:
	}
	select {
	case <-c:
		return true
	case <-time.After(patience):
		return false
	}
}

// Memory returns the resident set size of the process in bytes.
func (i *Instance) Memory() (int64, error) {
	return residentBytes(i.current().command.Process.Pid)
}

func (i *Instance) current() *process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.process
}

// childEnvironment is what every child gets: nothing of the shell that could
// change what is measured, such as a DATABASE_URL of another project.
func childEnvironment() []string {
	environment := []string{"GIN_MODE=release", "GORACE=atexit_sleep_ms=0", "LOG_LEVEL=info"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

func indent(text, prefix string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		b.WriteString(prefix + line)
	}
	return b.String()
}
