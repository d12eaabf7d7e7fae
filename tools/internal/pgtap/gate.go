package pgtap

import (
	"slices"
	"sync"
)

// Gate holds statements until it is opened: the way to stop time where a test needs it. A statement
// that waits at a gate is sent, counted and running, as far as anyone can tell.
//
// A cancel request frees the statement it is for, as it would if PostgreSQL were busy with it: held
// before the server, it fails with 57014 and never runs; held in its reply, it goes on to whatever
// end the server gave it.
//
// A client that hangs up while its statement is held before the server takes it along: what was held
// of a client that is gone when the gate opens never reaches the server, and PostgreSQL rolls its
// transaction back. A process that was killed is gone as soon as anybody can see that it has ended.
type Gate struct {
	tap     *Tap
	match   Match
	rows    int // that pass before a reply is held; or beforeServer, or atEnd
	hits    int // guarded by tap.mu
	opening sync.Once
	opened  chan struct{}
	reached chan struct{}
}

const (
	beforeServer = -1 // the statement itself is held
	atEnd        = -2 // the word that it is done is held
)

// Hold stops each statement that matches before the server sees it.
func (t *Tap) Hold(m Match) *Gate { return t.addGate(m, beforeServer) }

// HoldRows stops the reply to each statement that matches once n rows have passed: the next row, or
// the word that there is none, waits. A reply of fewer rows passes.
func (t *Tap) HoldRows(n int, m Match) *Gate { return t.addGate(m, max(n, 0)) }

// HoldReply stops the end of the reply to each statement that matches: its rows have passed, and the
// word that it is done waits. The server has done all of the round trip by then, and committed what
// there was to commit. An error that comes before the statement runs, since it can't be parsed or its
// parameters don't fit, passes.
func (t *Tap) HoldReply(m Match) *Gate { return t.addGate(m, atEnd) }

func (t *Tap) addGate(m Match, rows int) *Gate {
	g := &Gate{tap: t, match: m, rows: rows, opened: make(chan struct{}), reached: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setGates(append(slices.Clone(t.shut()), g))
	return g
}

// shut returns the gates that are not open. The slice never changes.
func (t *Tap) shut() []*Gate {
	if gates := t.gates.Load(); gates != nil {
		return *gates
	}
	return nil
}

// setGates replaces the gates. The caller holds t.mu.
func (t *Tap) setGates(gates []*Gate) { t.gates.Store(&gates) }

// Open lets everything pass, now and from now on.
func (g *Gate) Open() {
	g.opening.Do(func() {
		g.tap.mu.Lock()
		defer g.tap.mu.Unlock()
		others := slices.DeleteFunc(slices.Clone(g.tap.shut()), func(other *Gate) bool { return other == g })
		g.tap.setGates(others)
		close(g.opened)
	})
}

// Reached is closed once a first statement waits at the gate.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Hits returns how many statements have come to wait at the gate.
func (g *Gate) Hits() int {
	g.tap.mu.Lock()
	defer g.tap.mu.Unlock()
	return g.hits
}

// hit counts a statement that comes to wait. The caller holds tap.mu.
func (g *Gate) hit() {
	if g.hits++; g.hits == 1 {
		close(g.reached)
	}
}

// hold is what waits at a gate.
type hold struct {
	request   *request // nil for a reply
	cancelled chan struct{}
}

// holdRequest waits at each gate that is for a statement about to be sent to the server, until it is
// opened or the statement cancelled.
func (s *session) holdRequest(m *stream, r *request, st Statement) error {
	for _, g := range s.tap.shut() {
		if g.rows != beforeServer || s.wasCancelled(r) || !g.match(st) {
			continue
		}
		h := s.stopAt(g, &s.requestHold, r)
		if err := s.watchful(m, g.opened, h.cancelled); err != nil {
			return err
		}
		s.goOn(&s.requestHold)
	}
	return nil
}

// holdReply waits at each gate that is for the reply that comes next.
func (s *session) holdReply(m *stream, kind byte) error {
	gates := s.tap.shut()
	if len(gates) == 0 || !answers(kind) {
		return nil
	}
	st, ok := s.answered()
	for _, g := range gates {
		if !ok || !g.waitsFor(kind, st.Rows) || !g.match(st) {
			continue
		}
		if g.rows == atEnd {
			if err := m.awaitEnd(); err != nil {
				return err
			}
		}
		h := s.stopAt(g, &s.replyHold, nil)
		if err := s.pause(m, g.opened, h.cancelled); err != nil {
			return err
		}
		s.goOn(&s.replyHold)
	}
	return nil
}

// waitsFor reports whether the gate holds a reply that comes after so many rows.
func (g *Gate) waitsFor(kind byte, rows int) bool {
	if g.rows != atEnd {
		return g.rows == rows
	}
	return kind == msgCommandComplete || kind == msgEmptyQueryResponse || kind == msgErrorResponse
}

// answers reports whether a reply is a row or a statement's end.
func answers(kind byte) bool {
	switch kind {
	case msgDataRow, msgCopyData, msgCommandComplete, msgEmptyQueryResponse, msgPortalSuspended, msgErrorResponse:
		return true
	}
	return false
}

// answered returns the statement that the server is answering.
func (s *session) answered() (Statement, bool) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	if r := s.head(); r != nil && r.statement != nil {
		return *r.statement, true
	}
	return Statement{}, false
}

func (s *session) stopAt(g *Gate, place **hold, r *request) *hold {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	g.hit()
	*place = &hold{request: r, cancelled: make(chan struct{})}
	return *place
}

func (s *session) goOn(place **hold) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	*place = nil
}
