package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/guard"
)

// member is one process that `run` keeps running: an instance of the API, or its worker.
type member struct {
	name    string // A, B, … for instances; worker
	command string // the subcommand of boxoffice
	address string // where an instance listens; "" for a worker
	env     []string

	started time.Time
	process *guard.Process
	exited  chan struct{} // closed once it has ended, and all that it said is printed
}

// members are the processes that this run consists of.
func (s *stand) members() []*member {
	var list []*member
	for i := range s.options.instances {
		address := s.options.addr
		if s.options.instances > 1 {
			address = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort()))
		}
		list = append(list, &member{
			name: string(rune('A' + i)), command: "serve", address: address,
			env: append(append(apiEnvironment(), "ADDR="+address), s.wires.Env...),
		})
	}
	if s.worker != "" {
		list = append(list, &member{
			name: "worker", command: s.worker,
			env: append(apiEnvironment(), s.wires.WorkerEnv(s.wires.Worker.Addr())...),
		})
	}
	return list
}

// serve runs the processes until ctx ends, or the only instance does.
func (s *stand) serve(ctx context.Context) error {
	members := s.members()
	if s.options.instances > 1 {
		if err := s.balance(members); err != nil {
			return needsProblem(ctx, err)
		}
	}
	s.introduce()
	ended := make(chan *member)
	over, finish := context.WithCancel(ctx)
	defer finish()
	defer s.stop(members)
	for _, m := range members {
		if err := s.start(over, m, ended); err != nil {
			return needsProblem(ctx, err)
		}
		fmt.Fprintf(s.e.stdout, "  started   %s\n", m)
	}
	if s.balanced != nil {
		fmt.Fprintf(s.e.stdout, "\n  A balancer stands before the instances. It asks each for GET /readyz every %v;\n  what they log of it is left out.\n", checkEvery)
	}
	fmt.Fprintln(s.e.stdout)
	go s.report(over)
	if err := s.watch(over, ended); err != nil {
		return err
	}
	fmt.Fprintf(s.e.stdout, "\nStopping with SIGTERM; what is still there after %v is killed.\n", guard.Grace)
	s.stop(members)
	fmt.Fprintln(s.e.stdout, "Stopped. The database of this run is gone.")
	return nil
}

// String tells which process it is, and where.
func (m *member) String() string {
	what := "instance " + m.name
	if m.address == "" {
		what = m.name
	}
	what += ", pid " + m.process.PID
	if m.address != "" {
		what += ", on http://" + m.address
	}
	return what
}

// start starts a process under a guard. Once it has ended, and while ctx lasts, it is
// sent to ended.
func (s *stand) start(ctx context.Context, m *member, ended chan<- *member) error {
	said := &prefixed{to: s.e.stdout, prefix: s.prefix(m), mute: s.options.instances > 1}
	complained := &prefixed{to: s.e.stderr, prefix: s.prefix(m)}
	process, err := guard.Start([]string{s.binary, m.command}, m.env, said, complained)
	if err != nil {
		return err
	}
	m.process, m.started, m.exited = process, time.Now(), make(chan struct{})
	go func() {
		<-process.Exited()
		said.flush()
		complained.flush()
		close(m.exited)
		select {
		case ended <- m:
		case <-ctx.Done():
		}
	}()
	return nil
}

// prefix is what stands before the lines of a process where several share a terminal.
func (s *stand) prefix(m *member) string {
	if m.address != "" && s.options.instances == 1 {
		return ""
	}
	return m.name + "  "
}

const (
	// restartDelay is how long a process stays away that has ended.
	restartDelay = time.Second
	// shortLife is how soon a process ends that won't do better the next time.
	shortLife = 2 * time.Second
)

// watch waits for ctx to end and starts again what ends before, but for the only
// instance, whose end is the run's.
func (s *stand) watch(ctx context.Context, ended chan *member) error {
	again := make(chan *member)
	running := s.options.instances
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-ended:
			if short := time.Since(m.started) < shortLife; short || s.options.instances == 1 && m.address != "" {
				if m.address != "" {
					running--
				}
				if running == 0 {
					return s.endedProblem(m)
				}
				fmt.Fprintf(s.e.stdout, "  ended     %s (%s), right after its start: read its lines above\n", m, m.process.Ending())
				continue
			}
			fmt.Fprintf(s.e.stdout, "  ended     %s (%s)\n", m, m.process.Ending())
			time.AfterFunc(restartDelay, func() {
				select {
				case again <- m:
				case <-ctx.Done():
				}
			})
		case m := <-again:
			if err := s.start(ctx, m, ended); err != nil {
				return needsProblem(ctx, err)
			}
			fmt.Fprintf(s.e.stdout, "  started   %s\n", m)
		}
	}
}

// endedProblem says that no instance is left.
func (s *stand) endedProblem(m *member) error {
	return &cli.Problem{
		What: fmt.Sprintf("the API ended by itself (%s)", m.process.Ending()),
		Next: fmt.Sprintf("read its last lines above, then: go tool workshop run %02d", s.step.Number),
		Code: cli.ExitRed,
	}
}

// stop ends all processes with SIGTERM, which their guards send, and waits for them.
func (s *stand) stop(members []*member) {
	var group sync.WaitGroup
	for _, m := range members {
		if m.exited == nil {
			continue
		}
		group.Go(func() {
			m.process.Stop()
			<-m.exited
		})
	}
	group.Wait()
}

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

// checkEvery is how often the balancer of `run` checks each instance: slower than in
// tests, so that people see what happens in between.
const checkEvery = 500 * time.Millisecond

// balance starts the balancer before the instances.
func (s *stand) balance(members []*member) error {
	s.balanced = &balanced{}
	started, err := balancer.Start(balancer.Options{
		Addr: s.options.addr, CheckEvery: checkEvery, Observe: s.balanced.note, OnChange: s.tellReadiness,
	})
	if err != nil {
		return err
	}
	s.cleanups = append(s.cleanups, started.Close)
	for _, m := range members {
		if m.address != "" {
			started.Add(m.address)
		}
	}
	return nil
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
