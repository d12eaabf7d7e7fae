// Package fleet runs an API: the one way for the lab, `workshop run` and `measure`. A fleet is a
// list of processes, each in a role: instances, which listen on a port of their own that they keep
// over restarts, and workers; perhaps a balancer before the instances; and an environment for each,
// made from one list: see environment.go. What they stand on comes from internal/backing.
//
// A role is data: a command, what is in its environment beside the others', and how to tell that it
// has started. So what comes later needs no new kind of fleet. A replica or a shard is a service
// more in internal/backing, whose address is in every role's environment. An HTTP upstream, such as
// a payment gateway, and a broker are services likewise. A second service is a second [Program]
// with roles of its own in a second fleet, each of which has the other's address in its Env.
package fleet

import (
	"context"
	"errors"
	"io"
	"sync"

	"example.com/boxoffice/tools/internal/balancer"
)

// Role is what some processes of a fleet have in common.
type Role struct {
	// Command is the subcommand of boxoffice: "serve", "work". "" for a program that needs none.
	Command string
	// Listens says that it serves on ADDR.
	Listens bool
	// Env is its environment, as NAME=value, but for ADDR.
	Env []string
	// Goal is what a process does to have started, for messages: "listen on ADDR".
	Goal string
	// Starting is asked before a process starts, and returns what then tells whether it has. An
	// error says that it never will. Without it, a process has started when it runs.
	Starting func(m *Member) Started
}

// Started reports whether a process has started.
type Started func(ctx context.Context) (bool, error)

// Fleet is an API that runs. Its methods may be called from any goroutine.
type Fleet struct {
	Program Program

	mu       sync.Mutex
	members  []*Member
	balancer *balancer.Balancer
}

// New returns a fleet of that program, without a process so far.
func New(program Program) *Fleet { return &Fleet{Program: program} }

// Add makes a member that is still to be started. Stdout and stderr receive what it says; they may
// be nil, and may be the same. One that listens has a free port of this machine, unless address
// says where.
func (f *Fleet) Add(name string, role Role, address string, stdout, stderr io.Writer) *Member {
	m := &Member{Name: name, Role: role, program: f.Program, stdout: stdout, stderr: stderr, address: address}
	if role.Listens && address == "" {
		m.choosePort()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, m)
	return m
}

// Members are all processes, in the order in which they were added.
func (f *Fleet) Members() []*Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Member(nil), f.members...)
}

// Instances are the members that listen.
func (f *Fleet) Instances() (list []*Member) {
	for _, m := range f.Members() {
		if m.Role.Listens {
			list = append(list, m)
		}
	}
	return list
}

// Start starts members side by side, and returns once each has started. The error is that of the
// first of them that didn't: see [Member.Start].
func (f *Fleet) Start(ctx context.Context, members ...*Member) error {
	errs := make([]error, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { errs[i] = m.Start(ctx) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Balance starts a balancer before the instances, which it checks from now on. Those that are
// added later are to be added to it, too.
func (f *Fleet) Balance(o balancer.Options) (*balancer.Balancer, error) {
	started, err := balancer.Start(o)
	if err != nil {
		return nil, err
	}
	for _, m := range f.Instances() {
		started.Add(m.tellAddress())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.balancer = started
	return started, nil
}

// Front is the balancer before the instances; nil for none.
func (f *Fleet) Front() *balancer.Balancer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.balancer
}

// Stop asks all processes to leave, side by side, and returns once they have. The error tells of
// those that had to be killed.
func (f *Fleet) Stop() error {
	members := f.Members()
	errs := make([]error, len(members))
	var group sync.WaitGroup
	for i, m := range members {
		group.Go(func() { errs[i] = m.Stop() })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Close kills what still runs, and gives the ports back.
func (f *Fleet) Close() {
	var group sync.WaitGroup
	for _, m := range f.Members() {
		group.Go(m.Close)
	}
	group.Wait()
	if front := f.Front(); front != nil {
		front.Close()
	}
}
