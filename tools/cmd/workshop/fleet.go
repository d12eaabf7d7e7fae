package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/process"
)

// add puts the processes together that this run consists of.
func (s *stand) add() {
	s.fleet, s.outputs = fleet.New(s.program()), map[*fleet.Member][]*prefixed{}
	serve := fleet.Role{Command: "serve", Listens: true, Env: s.backing.Env()}
	for i := range s.options.instances {
		name, address, prefix := string(rune('A'+i)), s.options.addr, ""
		if s.options.instances > 1 {
			address, prefix = "", name+"  "
		}
		s.member(name, serve, address, prefix)
	}
	if s.worker != "" {
		s.member("worker", fleet.Role{Command: s.worker, Env: s.backing.WorkerEnv(s.backing.Worker.Addr())}, "", "worker  ")
	}
}

// member adds a process whose lines have a prefix.
func (s *stand) member(name string, role fleet.Role, address, prefix string) {
	said := &prefixed{to: s.e.stdout, prefix: prefix, mute: s.options.instances > 1}
	complained := &prefixed{to: s.e.stderr, prefix: prefix}
	s.outputs[s.fleet.Add(name, role, address, said, complained)] = []*prefixed{said, complained}
}

// serve runs the processes until ctx ends, or the only instance does.
func (s *stand) serve(ctx context.Context) error {
	s.add()
	s.cleanups = append(s.cleanups, s.fleet.Close)
	if s.options.instances > 1 {
		if err := s.balance(); err != nil {
			return needsProblem(ctx, err)
		}
	}
	s.introduce()
	over, finish := context.WithCancel(ctx)
	defer finish()
	go s.report(over)
	err := s.fleet.Supervise(over, s.teller())
	if err == nil {
		fmt.Fprintf(s.e.stdout, "\nStopping with SIGTERM; what is still there after %v is killed.\n", process.Grace)
	}
	_ = s.fleet.Stop()
	for _, m := range s.fleet.Members() {
		s.flush(m)
	}
	var ended *fleet.EndedError
	switch {
	case errors.As(err, &ended):
		return &cli.Problem{
			What: ended.Error(), Next: fmt.Sprintf("read its last lines above, then: go tool workshop run %02d", s.step.Number), Code: cli.ExitRed,
		}
	case err != nil:
		return needsProblem(ctx, err)
	}
	fmt.Fprintln(s.e.stdout, "Stopped. The database of this run is gone.")
	return nil
}

// teller prints what becomes of the processes. Once all were started, it says what else is there.
func (s *stand) teller() func(*fleet.Member, fleet.Change) {
	missing := len(s.fleet.Members())
	return func(m *fleet.Member, change fleet.Change) {
		if change != fleet.Began {
			s.flush(m)
		}
		switch change {
		case fleet.Began:
			fmt.Fprintf(s.e.stdout, "  started   %s\n", title(m))
			if missing--; missing == 0 {
				s.tellOfBalancer()
			}
		case fleet.Ended:
			fmt.Fprintf(s.e.stdout, "  ended     %s (%s)\n", title(m), m.Process().Ending())
		case fleet.Failed:
			fmt.Fprintf(s.e.stdout, "  ended     %s (%s), right after its start: read its lines above\n", title(m), m.Process().Ending())
		}
	}
}

func (s *stand) tellOfBalancer() {
	if s.balanced != nil {
		fmt.Fprintf(s.e.stdout, "\n  A balancer stands before the instances. It asks each for GET /readyz every %v;\n  what they log of it is left out.\n", fleet.CheckEvery)
	}
	fmt.Fprintln(s.e.stdout)
}

// title tells which process it is, and where.
func title(m *fleet.Member) string {
	if !m.Role.Listens {
		return fmt.Sprintf("%s, pid %d", m.Name, m.Process().PID)
	}
	return fmt.Sprintf("instance %s, pid %d, on http://%s", m.Name, m.Process().PID, m.Address())
}

// flush prints what a process that has ended left in the middle of a line.
func (s *stand) flush(m *fleet.Member) {
	for _, output := range s.outputs[m] {
		output.flush()
	}
}

// longestLine is how long a line is waited for, in bytes.
const longestLine = 64 << 10

// prefixed writes whole lines, each with a prefix.
type prefixed struct {
	to     io.Writer
	prefix string
	mute   bool // leaves out what an instance logs of health checks

	mu   sync.Mutex
	rest []byte
}

// Write implements io.Writer.
func (p *prefixed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, text...)
	end := bytes.LastIndexByte(p.rest, '\n') + 1
	var out bytes.Buffer
	for line := range bytes.Lines(p.rest[:end]) {
		if p.mute && aCheck.Match(line) {
			continue
		}
		out.WriteString(p.prefix)
		out.Write(line)
	}
	p.rest = append([]byte(nil), p.rest[end:]...)
	if len(p.rest) > longestLine { // it may never end
		out.WriteString(p.prefix)
		out.Write(append(p.rest, '\n'))
		p.rest = nil
	}
	if out.Len() == 0 {
		return len(text), nil
	}
	_, err := p.to.Write(out.Bytes())
	return len(text), err
}

// aCheck matches an instance's log line of a health check, in many formats.
var aCheck = regexp.MustCompile(`/readyz\b`)

// flush writes what is left when the process ended in the middle of a line.
func (p *prefixed) flush() {
	p.mu.Lock()
	unfinished := len(p.rest) > 0
	p.mu.Unlock()
	if unfinished {
		_, _ = p.Write([]byte("\n"))
	}
}

// balanced counts what the balancer did.
type balanced struct {
	mu     sync.Mutex
	counts balancedCounts
}

// balancedCounts are the tries of a balancer so far.
type balancedCounts struct {
	tries    [mostInstances]int // by instance
	failures [mostInstances]int // those without an answer
	refused  int                // requests for which no instance was ready
}

// balance starts the balancer before the instances.
func (s *stand) balance() error {
	s.balanced = &balanced{}
	_, err := s.fleet.Balance(balancer.Options{
		Addr: s.options.addr, CheckEvery: fleet.CheckEvery, Observe: s.balanced.note, OnChange: s.tellReadiness,
	})
	return err
}

// tellReadiness says what the balancer has learnt of an instance.
func (s *stand) tellReadiness(n int, ready bool) {
	what := "gets requests"
	if !ready {
		what = "gets no more requests: it isn't ready"
	}
	fmt.Fprintf(s.e.stdout, "  balancer  instance %c %s\n", 'A'+n, what)
}

func (b *balanced) note(r balancer.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.Instance < 0:
		b.counts.refused++
	case r.Status == 0:
		b.counts.failures[r.Instance]++
		fallthrough
	default:
		b.counts.tries[r.Instance]++
	}
}

// now are the counts at this moment; all zero without a balancer.
func (b *balanced) now() balancedCounts {
	if b == nil {
		return balancedCounts{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}

// all is how many things the balancer did.
func (c balancedCounts) all() int {
	n := c.refused
	for _, tries := range c.tries {
		n += tries
	}
	return n
}

// since tells what the balancer did after told: "12 to A, 11 to B (2 got no answer)".
func (c balancedCounts) since(told balancedCounts) string {
	var parts []string
	for i := range c.tries {
		tries, failures := c.tries[i]-told.tries[i], c.failures[i]-told.failures[i]
		if tries == 0 {
			continue
		}
		part := fmt.Sprintf("%d to %c", tries, 'A'+i)
		if failures > 0 {
			part += fmt.Sprintf(" (%d got no answer)", failures)
		}
		parts = append(parts, part)
	}
	if n := c.refused - told.refused; n > 0 {
		parts = append(parts, count(n, "request", "requests")+" refused, since no instance was ready")
	}
	return strings.Join(parts, ", ")
}
