package smtpd

import (
	"sync"
	"sync/atomic"
	"time"
)

// faults is what tests have asked for. Guarded by Server.mu.
type faults struct {
	delay    time.Duration
	gates    []*Gate
	refusals []refusal
	drops    int
}

type refusal struct {
	code int
	text string
	left int // how many more mails it refuses; negative: all
}

// verdict is what becomes of a mail. The zero verdict accepts it.
type verdict struct {
	gone bool // the connection is dropped without a reply
	code int
	text string
}

// Always makes [Server.Refuse] and [Server.Drop] last until [Server.Heal].
const Always = -1

// Delay makes the server wait before it answers each mail; 0 ends that.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.delay = d
}

// Refuse answers the next n mails with an SMTP reply such as 451 (try again) or 550 (never), and
// records none of them. n may be [Always].
func (s *Server) Refuse(n, code int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.refusals = append(s.faults.refusals, refusal{code: code, text: text, left: n})
}

// Drop closes the connection on the next n mails, before they are recorded and without a reply. n may
// be [Always].
func (s *Server) Drop(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.drops = n
}

// Heal ends Delay, Refuse and Drop, and opens all gates.
func (s *Server) Heal() {
	s.mu.Lock()
	gates := s.faults.gates
	s.faults = faults{}
	s.mu.Unlock()
	for _, g := range gates {
		g.Open()
	}
}

// When says at which moment a [Gate] holds a mail.
type When int

const (
	// BeforeAccepting holds a mail that is not recorded yet: a sender killed now has not sent it.
	BeforeAccepting When = iota
	// BeforeReplying holds the answer to a mail that is recorded: a sender killed now has sent it and
	// doesn't know.
	BeforeReplying
)

// Gate holds every mail at the same moment until it is opened.
type Gate struct {
	when    When
	open    chan struct{}
	opening sync.Once
	reached chan struct{}
	first   sync.Once
	hits    atomic.Int64
}

// Hold holds mails at a gate from now on.
func (s *Server) Hold(when When) *Gate {
	g := &Gate{when: when, open: make(chan struct{}), reached: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.gates = append(s.faults.gates, g)
	return g
}

// Open lets all mails pass from now on.
func (g *Gate) Open() { g.opening.Do(func() { close(g.open) }) }

// Reached is closed once a mail waits at the gate, or has.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Hits returns how many mails have come to the gate while it was shut.
func (g *Gate) Hits() int { return int(g.hits.Load()) }

// judge takes a mail through the faults, and records it unless one of them forbids.
func (s *Server) judge(m Message) verdict {
	s.mu.Lock()
	delay := s.faults.delay
	s.mu.Unlock()
	if !s.pause(delay) || !s.passGates(BeforeAccepting) {
		return verdict{gone: true}
	}
	if v := s.nextFault(); v != (verdict{}) {
		return v
	}
	s.record(m)
	if !s.passGates(BeforeReplying) {
		return verdict{gone: true}
	}
	return verdict{}
}

// nextFault takes the drop or the refusal that is due.
func (s *Server) nextFault() verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.drops != 0 {
		if s.faults.drops > 0 {
			s.faults.drops--
		}
		return verdict{gone: true}
	}
	for i := range s.faults.refusals {
		r := &s.faults.refusals[i]
		if r.left == 0 {
			continue
		}
		if r.left > 0 {
			r.left--
		}
		return verdict{code: r.code, text: r.text}
	}
	return verdict{}
}

// pause waits, and reports false when the server is closed meanwhile.
func (s *Server) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.quit:
		return false
	}
}

func (s *Server) passGates(when When) bool {
	s.mu.Lock()
	gates := append([]*Gate(nil), s.faults.gates...)
	s.mu.Unlock()
	for _, g := range gates {
		if g.when == when && !g.pass(s.quit) {
			return false
		}
	}
	return true
}

func (g *Gate) pass(quit <-chan struct{}) bool {
	select {
	case <-g.open:
		return true
	default:
	}
	g.hits.Add(1)
	g.first.Do(func() { close(g.reached) })
	select {
	case <-g.open:
		return true
	case <-quit:
		return false
	}
}
