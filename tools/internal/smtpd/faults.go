package smtpd

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Delay lets the server take d for each message: the answer to DATA's content comes that much later.
// Zero ends it.
func (s *Server) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Gate holds messages until it is opened.
type Gate struct {
	server   *Server
	accepted bool
	hits     int // guarded by server.mu
	opening  sync.Once
	opened   chan struct{}
	reached  chan struct{}
}

// Hold stops each message before it is accepted: it has come over the wire, and the sender waits to
// hear what becomes of it. One whose sender has hung up when the gate opens is not accepted; a
// process that was killed has hung up as soon as anybody can see that it has ended.
func (s *Server) Hold() *Gate { return s.hold(false) }

// HoldReply stops each message after it was accepted and recorded, before the sender is told.
func (s *Server) HoldReply() *Gate { return s.hold(true) }

func (s *Server) hold(accepted bool) *Gate {
	g := &Gate{server: s, accepted: accepted, opened: make(chan struct{}), reached: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates = append(slices.Clone(s.gates), g)
	return g
}

// Open lets all messages pass, now and from now on.
func (g *Gate) Open() { g.opening.Do(func() { close(g.opened) }) }

// Reached is closed once a first message waits at the gate.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Hits returns how many messages have come to wait at the gate.
func (g *Gate) Hits() int {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	return g.hits
}

// Refusal makes the server fail messages.
type Refusal struct {
	server *Server
	code   int
	text   string
	to     string // the recipient whom it is about; "" for all
	left   int    // guarded by server.mu; negative: no end
	hits   int    // guarded by server.mu
}

// Refuse answers messages with an error in place of accepting them: temporary for codes from 400 to
// 499, for good from 500 to 599. It applies to the next n messages, to all when n is 0, and until
// Stop.
func (s *Server) Refuse(code int, text string, n int) *Refusal {
	r := &Refusal{server: s, code: code, text: text, left: n}
	return s.refuse(&s.refusals, r)
}

// Drop closes the connection in the middle of a message, in place of an answer; the message is not
// recorded. It applies to the next n messages, to all when n is 0, and until Stop.
func (s *Server) Drop(n int) *Refusal { return s.refuse(&s.drops, &Refusal{server: s, left: n}) }

func (s *Server) refuse(list *[]*Refusal, r *Refusal) *Refusal {
	if r.left == 0 {
		r.left = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, r)
	return r
}

// Stop ends the refusal.
func (r *Refusal) Stop() {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.left = 0
}

// RefuseTo answers with an error when a message is to go to the address, as a server does that doesn't
// know it. All others pass. It applies until Stop; Hits counts how often the address was named.
func (s *Server) RefuseTo(address string, code int, text string) *Refusal {
	return s.refuse(&s.refusedTo, &Refusal{server: s, code: code, text: text, to: address})
}

// refusalFor returns the refusal that applies to a recipient, or nil.
func (s *Server) refusalFor(address string) *Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refusedTo {
		if r.left != 0 && strings.EqualFold(r.to, address) {
			r.hits++
			return r
		}
	}
	return nil
}

// Hits returns how many messages were refused.
func (r *Refusal) Hits() int {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	return r.hits
}

// use returns the first of the list that applies to one more message, or nil.
func (s *Server) use(list *[]*Refusal) *Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range *list {
		if r.left == 0 {
			continue
		}
		r.hits++
		if r.left > 0 {
			r.left--
		}
		return r
	}
	return nil
}

// wait holds a message at the gates for its stage. It reports whether any was shut, and not ok when
// the server is closed first.
func (s *Server) wait(accepted bool) (held, ok bool) {
	s.mu.Lock()
	gates := s.gates
	s.mu.Unlock()
	for _, g := range gates {
		if g.accepted != accepted || g.isOpen() {
			continue
		}
		held = true
		if !s.waitAt(g) {
			return held, false
		}
	}
	return held, true
}

func (g *Gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

func (s *Server) waitAt(g *Gate) bool {
	s.mu.Lock()
	if g.hits++; g.hits == 1 {
		close(g.reached)
	}
	s.mu.Unlock()
	select {
	case <-g.opened:
		return true
	case <-s.quit:
		return false
	}
}

// dawdle waits out the delay. It reports false when the server is closed first.
func (s *Server) dawdle() bool {
	s.mu.Lock()
	d := s.delay
	s.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.quit:
		return false
	}
}
