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

	"example.com/boxoffice/tools/internal/pgtap"
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

// Instance is one process of the API, or of its worker.
type Instance struct {
	// Name is A for the first instance, then B, C, …; W1, W2, … for workers.
	Name string
	// URL is where it serves, as http://127.0.0.1:PORT. It stays over a restart. A
	// worker has none.
	URL string

	environment []string
	door        *pgtap.Door // of a worker, by which it comes to PostgreSQL; nil for an instance
	release     func()      // gives the port back; nil before there is one
	logs        logBuffer

	mu      sync.Mutex
	address string
	process *process
}

// title is how findings call the process: instance A, worker W1.
func (i *Instance) title() string {
	if i.door != nil {
		return "worker " + i.Name
	}
	return "instance " + i.Name
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

// start starts the process, an instance on a free port, and waits until it has
// started.
func (i *Instance) start() error {
	if i.door != nil {
		return i.startOn("")
	}
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
	started := i.starts(address)
	running, err := i.launch(address)
	if err != nil {
		return fmt.Errorf("start %s: %w", i.title(), err)
	}
	i.mu.Lock()
	i.process, i.address = running, address
	if i.door == nil {
		i.URL = "http://" + address
	}
	i.mu.Unlock()
	return i.awaitStart(running, started)
}

func (i *Instance) launch(address string) (*process, error) {
	command := exec.Command(os.Args[0])
	if i.door != nil {
		command.Env = append(childEnvironment(), asAPI+"="+workerCommand)
	} else {
		command.Env = append(childEnvironment(), asAPI+"=serve", "ADDR="+address)
	}
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

// starts is asked before a launch, and returns what then tells whether the process
// has started: an instance accepts connections, a worker has come to PostgreSQL.
func (i *Instance) starts(address string) (started func() bool) {
	if i.door == nil {
		return func() bool { return accepts(address) }
	}
	before := i.door.Arrivals()
	return func() bool { return i.door.Arrivals() > before }
}

// goal says what a process does to have started.
func (i *Instance) goal() string {
	if i.door != nil {
		return "connect to PostgreSQL (DATABASE_URL)"
	}
	return "listen on ADDR=" + i.address
}

// awaitStart waits until the process has started, or tells why it never will.
func (i *Instance) awaitStart(p *process, started func() bool) error {
	deadline := time.Now().Add(bootTimeout)
	for time.Now().Before(deadline) {
		select {
		case <-p.exited:
			return i.exitedEarly(p)
		case <-time.After(2 * time.Millisecond):
		}
		if started() {
			return nil
		}
	}
	i.Kill()
	return fmt.Errorf("%s did not %s within %v; it logged:\n%s",
		i.title(), i.goal(), bootTimeout, indent(i.tail(logTail), "| "))
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
	return fmt.Errorf("%s ended before it could %s (%s); it logged:\n%s",
		i.title(), i.goal(), exitText(p.err), indent(tail, "| "))
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
		return -1, fmt.Errorf("%s was still running %v after SIGTERM", i.title(), exitTimeout)
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

// Restart starts the instance again on the same address, or the worker again; it
// kills it first if it still runs.
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
	// On a busy machine, a request may take seconds that it doesn't take elsewhere.
	// Tests of deadlines set their own.
	environment := []string{"GIN_MODE=release", "GORACE=atexit_sleep_ms=0", "LOG_LEVEL=info", "REQUEST_TIMEOUT=10s"}
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
