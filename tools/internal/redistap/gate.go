package redistap

import (
	"bufio"
	"slices"
	"sync"
)

// Gate holds commands, or their replies, until it is opened: the way to stop time where a test needs
// it. What follows on the same connection waits behind; other connections go on. Commands that
// [Stats] doesn't count pass every gate.
type Gate struct {
	tap     *Tap
	match   Match
	reply   bool // it holds replies
	hits    int  // guarded by tap.mu
	opening sync.Once
	opened  chan struct{}
	reached chan struct{}
}

// Hold stops each command that matches before the server sees it. When the client hangs up
// meanwhile, the server never does.
func (t *Tap) Hold(m Match) *Gate { return t.addGate(m, false) }

// HoldReply lets the server do each command that matches, and stops its answer.
func (t *Tap) HoldReply(m Match) *Gate { return t.addGate(m, true) }

func (t *Tap) addGate(m Match, reply bool) *Gate {
	g := &Gate{tap: t, match: m, reply: reply, opened: make(chan struct{}), reached: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gates = append(slices.Clone(t.gates), g)
	return g
}

// Open lets everything pass, now and from now on.
func (g *Gate) Open() {
	g.opening.Do(func() {
		g.tap.mu.Lock()
		defer g.tap.mu.Unlock()
		g.tap.gates = slices.DeleteFunc(slices.Clone(g.tap.gates), func(other *Gate) bool { return other == g })
		close(g.opened)
	})
}

// Reached is closed once a first command, or reply, waits at the gate.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Hits returns how many have come to wait at the gate.
func (g *Gate) Hits() int {
	g.tap.mu.Lock()
	defer g.tap.mu.Unlock()
	return g.hits
}

func (g *Gate) hit() {
	g.tap.mu.Lock()
	defer g.tap.mu.Unlock()
	if g.hits++; g.hits == 1 {
		close(g.reached)
	}
}

// shut returns the gates that are not open. The slice never changes.
func (t *Tap) shut() []*Gate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gates
}

// hold waits at each gate that is for a command, or for the reply to it.
func (s *session) hold(w *bufio.Writer, q *request, reply bool) error {
	if q == nil || q.setUp {
		return nil
	}
	for _, g := range s.tap.shut() {
		if g.reply != reply || !g.match(q.command) {
			continue
		}
		g.hit()
		if err := s.wait(w, g.opened); err != nil {
			return err
		}
	}
	return nil
}
