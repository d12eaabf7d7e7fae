package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/process"
)

// Instance is one process of the API, or of its worker.
type Instance struct {
	// Name is A for the first instance, then B, C, …; W1, W2, … for workers.
	Name string
	// URL is where it is reached, as http://127.0.0.1:PORT. It stays over a restart. A test may
	// put the address of something in between there. A worker has none.
	URL string

	member *fleet.Member
	worker bool
	logs   logBuffer
}

// title is how findings call the process: instance A, worker W1.
func (i *Instance) title() string {
	if i.worker {
		return "worker " + i.Name
	}
	return "instance " + i.Name
}

// newInstance makes an instance that is still to be started.
func (a *App) newInstance(environment []string) *Instance {
	i := &Instance{Name: instanceName(len(a.Instances))}
	role := fleet.Role{Command: "serve", Listens: true, Env: slices.Concat(environment, a.ownFolders()), Goal: "listen on ADDR", Starting: fleet.Accepts}
	i.member = a.fleet.Add(i.Name, role, "", &i.logs, &i.logs)
	a.t.Cleanup(i.member.Close)
	return i
}

// ownFolders are what each machine, or container, has for itself: what a process writes into
// them, no other one finds.
func (a *App) ownFolders() []string {
	folder := a.t.TempDir()
	return []string{"TMPDIR=" + folder, "HOME=" + folder}
}

// instanceName is A, B, C, … as the lessons call the instances.
func instanceName(i int) string { return string(rune('A' + i)) }

// arrives is how a worker is known to have started: it has come to PostgreSQL, by an address of its own.
func arrives(endpoint *pgtap.Endpoint) func(*fleet.Member) fleet.Started {
	return func(*fleet.Member) fleet.Started {
		before := endpoint.Arrivals()
		return func(context.Context) (bool, error) { return endpoint.Arrivals() > before, nil }
	}
}

// start starts the process and waits until it has started.
func (i *Instance) start() error { return i.started(i.member.Start(context.Background())) }

// started notes where the process serves, or says why it doesn't.
func (i *Instance) started(err error) error {
	if i.member.Role.Listens {
		i.URL = "http://" + i.member.Address()
	}
	var down *fleet.StartError
	if !errors.As(err, &down) {
		return err
	}
	goal := strings.Replace(down.Member.Role.Goal, "on ADDR", "on ADDR="+i.member.Address(), 1)
	what := fmt.Sprintf("did not %s within %v", goal, fleet.BootTimeout)
	if down.Ending != "" {
		what = fmt.Sprintf("ended before it could %s (%s)", goal, down.Ending)
	}
	return fmt.Errorf("%s %s; it logged:\n%s", i.title(), what, indent(i.tail(logTail), "| "))
}

// Stop asks the instance to leave with SIGTERM and waits until it has. It
// returns the exit code: 0 for a clean exit, -1 when a signal ended it, and an
// error when it is still there after 15 seconds; it is then killed.
func (i *Instance) Stop() (int, error) {
	if err := i.member.Stop(); err != nil {
		return -1, fmt.Errorf("%s was still running %v after SIGTERM", i.title(), process.Grace)
	}
	return i.member.Process().ExitCode(), nil
}

// Signal sends a signal and doesn't wait.
func (i *Instance) Signal(signal os.Signal) { i.member.Process().Signal(signal) }

// Kill ends the instance with SIGKILL, as a crash or the kernel's out-of-memory
// killer does, and waits until it is gone.
func (i *Instance) Kill() { i.member.Kill() }

// Restart starts the instance again on the same address, or the worker again; it
// kills it first if it still runs.
func (i *Instance) Restart() error { return i.started(i.member.Restart(context.Background())) }

// Exited is closed once the process has ended.
func (i *Instance) Exited() <-chan struct{} { return i.member.Process().Exited() }

// Running reports whether the process is still there.
func (i *Instance) Running() bool { return i.member.Process().Running() }

// Memory returns the resident set size of the process in bytes.
func (i *Instance) Memory() (int64, error) { return i.member.Process().Memory() }

// host is where others reach the instance, as HOST:PORT: what URL says, since a test may have put
// something in between.
func (i *Instance) host() string { return strings.TrimPrefix(i.URL, "http://") }

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

// indent puts a prefix before each line.
func indent(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(prefix + line)
	}
	return b.String()
}
