package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/process"
)

const (
	// BootTimeout is how long a process may take to start.
	BootTimeout = 30 * time.Second
	// portTries is how many ports are tried when another program takes the one that was free.
	portTries = 5
	// pollStart is how often it is asked whether a process has started.
	pollStart = 2 * time.Millisecond
)

// Member is one process of a fleet, over all its restarts.
type Member struct {
	// Name is such as "A", "W1".
	Name string
	Role Role

	program        Program
	stdout, stderr io.Writer

	mu      sync.Mutex
	address string             // HOST:PORT; "" for one that doesn't listen
	release func()             // gives the port back; nil for one that the caller chose
	known   bool               // a balancer has the address
	life    *life              // the last one; nil before the first
	lives   []*process.Process // all of them
}

// life is one run of a member.
type life struct {
	process *process.Process
	said    *process.Tail
	began   time.Time
}

// StartError says that a process didn't start.
type StartError struct {
	Member *Member
	// Ending is how it ended; "" for one that was still there when its time was over.
	Ending string
	// Said is the last that it said.
	Said string
	// Err is what [Started] said, if that is why.
	Err error
}

func (e *StartError) Error() string {
	what := fmt.Sprintf("did not %s within %v", e.Member.Role.Goal, BootTimeout)
	switch {
	case e.Err != nil:
		what = e.Err.Error()
	case e.Ending != "":
		what = fmt.Sprintf("ended before it could %s (%s)", e.Member.Role.Goal, e.Ending)
	}
	return fmt.Sprintf("%s %s; it said:\n%s", e.Member.Name, what, e.Said)
}

func (e *StartError) Unwrap() error { return e.Err }

// portTaken reports whether another program has taken the port.
func (e *StartError) portTaken() bool {
	return e.Ending != "" && strings.Contains(e.Said, "address already in use")
}

// Address is where it listens, as HOST:PORT. It stays over a restart.
func (m *Member) Address() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.address
}

// tellAddress is Address for somebody who will rely on it.
func (m *Member) tellAddress() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = true
	return m.address
}

// mayMove reports whether nobody knows its address yet.
func (m *Member) mayMove() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life == nil && m.release != nil && !m.known
}

func (m *Member) choosePort() {
	address, release := FreeAddress()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.release != nil {
		m.release()
	}
	m.address, m.release = address, release
}

// Launch starts the process and doesn't wait for it to have started.
func (m *Member) Launch() error {
	env, said := m.Role.Env, &process.Tail{}
	if address := m.Address(); m.Role.Listens {
		env = slices.Concat(env, []string{"ADDR=" + address})
	}
	stdout, stderr := both(m.stdout, m.stderr, said)
	began := time.Now()
	started, err := process.Start(m.program.as(m.Role.Command, env, stdout, stderr))
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life = &life{process: started, said: said, began: began}
	m.lives = append(m.lives, started)
	return nil
}

// both adds a tail to writers. Where those are one, the order of what is said stays.
func both(stdout, stderr io.Writer, said *process.Tail) (io.Writer, io.Writer) {
	tee := func(w io.Writer) io.Writer {
		if w == nil {
			return said
		}
		return io.MultiWriter(w, said)
	}
	if stdout == stderr {
		one := tee(stdout)
		return one, one
	}
	return tee(stdout), tee(stderr)
}

// Start starts the process, and returns once it has started. An instance whose port another
// program takes in the meantime gets another one, unless it has had it in a life before. The error
// is a *StartError, unless ctx ended or there is no such program.
func (m *Member) Start(ctx context.Context) error {
	tries := 1
	if m.mayMove() {
		tries = portTries
	}
	var err error
	for n := range tries {
		if n > 0 {
			m.choosePort()
		}
		err = m.startOnce(ctx)
		if down := new(StartError); !errors.As(err, &down) || !down.portTaken() {
			return err
		}
	}
	return err
}

func (m *Member) startOnce(ctx context.Context) error {
	started := func(context.Context) (bool, error) { return true, nil }
	if m.Role.Starting != nil {
		started = m.Role.Starting(m)
	}
	if err := m.Launch(); err != nil {
		return err
	}
	err := m.await(ctx, started)
	if err != nil {
		m.Kill()
	}
	return err
}

// await waits until the process has started, or tells why it never will.
func (m *Member) await(ctx context.Context, started Started) error {
	waiting, cancel := context.WithTimeout(ctx, BootTimeout)
	defer cancel()
	now := m.current()
	for {
		ok, err := started(waiting)
		switch {
		case err != nil:
			return &StartError{Member: m, Said: m.Tail(), Err: err}
		case ok:
			return nil
		}
		select {
		case <-now.process.Exited():
			return &StartError{Member: m, Ending: now.process.Ending(), Said: m.Tail()}
		case <-waiting.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return &StartError{Member: m, Said: m.Tail()}
		case <-time.After(pollStart):
		}
	}
}

// Accepts is a Role's Starting for what listens on ADDR: it has started when it accepts
// connections. No request is sent.
func Accepts(m *Member) Started {
	return func(ctx context.Context) (bool, error) {
		dialer := net.Dialer{Timeout: time.Second}
		connection, err := dialer.DialContext(ctx, "tcp", m.Address())
		if err != nil {
			return false, nil
		}
		return true, connection.Close()
	}
}

func (m *Member) current() *life {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life
}

// Process is the last that was started; nil before the first.
func (m *Member) Process() *process.Process {
	if now := m.current(); now != nil {
		return now.process
	}
	return nil
}

// Lived is how long ago the last process was started.
func (m *Member) Lived() time.Duration { return time.Since(m.current().began) }

// Tail is the last that the last process said.
func (m *Member) Tail() string {
	if now := m.current(); now != nil {
		return now.said.Lines(tailLines)
	}
	return ""
}

// tailLines is how many lines of an API that doesn't come up are shown.
const tailLines = 40

// Stop asks the process to leave with SIGTERM: see [process.Process.Stop]. It does nothing to one
// that has ended.
func (m *Member) Stop() error {
	if p := m.Process(); p != nil {
		return p.Stop()
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (m *Member) Kill() {
	if p := m.Process(); p != nil {
		p.Kill()
	}
}

// Restart starts the process again, on the same address. It kills it first if it still runs.
func (m *Member) Restart(ctx context.Context) error {
	m.Kill()
	return m.Start(ctx)
}

// Close kills the process for good, and gives its port back.
func (m *Member) Close() {
	m.Kill()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.release != nil {
		m.release()
		m.release = nil
	}
}

// Used is the CPU time that all processes of this member took that have ended.
func (m *Member) Used() (sum time.Duration) {
	for _, p := range m.past() {
		sum += p.Used()
	}
	return sum
}

// MostMemory is the largest resident set of those processes, in bytes.
func (m *Member) MostMemory() (most int64) {
	for _, p := range m.past() {
		most = max(most, p.MostMemory())
	}
	return most
}

func (m *Member) past() (list []*process.Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.lives {
		if !p.Running() {
			list = append(list, p)
		}
	}
	return list
}
