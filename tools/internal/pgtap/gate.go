package pgtap

import (
	"context"
	"net"

	"example.com/boxoffice/tools/internal/fault"
)

// A cancel request frees the statement it is for from any gate, as it would if PostgreSQL were busy with
// it: held before the server, it fails with 57014 and never runs; held in its reply, it goes on to
// whatever end the server gave it.

// Hold stops each statement that matches before the server sees it. Of a client that hangs up meanwhile,
// PostgreSQL rolls the transaction back.
func (t *Tap) Hold(m Match) *fault.Gate { return t.requestGates.Hold(m) }

// HoldRows stops the reply to each statement that matches once n rows have passed: the next row, or
// the word that there is none, waits. A reply of fewer rows passes.
func (t *Tap) HoldRows(n int, m Match) *fault.Gate {
	n = max(n, 0)
	return t.replyGates.Hold(func(a answer) bool { return a.statement.Rows == n && m(a.statement) })
}

// HoldReply stops the end of the reply to each statement that matches: its rows have passed, and the
// word that it is done waits. The server has done all of the round trip by then, and committed what
// there was to commit. An error that comes before the statement runs, since it can't be parsed or its
// parameters don't fit, passes.
func (t *Tap) HoldReply(m Match) *fault.Gate {
	return t.endGates.Hold(func(a answer) bool { return a.ends() && m(a.statement) })
}

// answer is a message of the server's about a statement: a row, or the statement's end.
type answer struct {
	kind      byte
	statement Statement
}

func (a answer) ends() bool {
	return a.kind == msgCommandComplete || a.kind == msgEmptyQueryResponse || a.kind == msgErrorResponse
}

// hold is what waits at a gate.
type hold struct {
	request *request           // nil for a reply
	free    context.CancelFunc // for a cancel request
}

// holdRequest waits at each gate that is for a statement about to be sent to the server, until it is
// opened or the statement cancelled.
func (s *session) holdRequest(m *stream, r *request, st Statement) error {
	for g := range s.tap.requestGates.For(st) {
		if s.wasCancelled(r) {
			return nil
		}
		pass := s.stopAt(g, &s.requestHold, r)
		if err := s.watchful(m, pass); err != nil {
			return err
		}
		s.goOn(&s.requestHold)
	}
	return nil
}

// holdReply waits at each gate that is for the reply that comes next.
func (s *session) holdReply(m *stream, kind byte) error {
	t := s.tap
	if t.replyGates.None() && t.endGates.None() || !answers(kind) {
		return nil
	}
	st, ok := s.answered()
	if !ok {
		return nil
	}
	a := answer{kind, st}
	for g := range t.replyGates.For(a) {
		if err := s.holdReplyAt(g, m); err != nil {
			return err
		}
	}
	for g := range t.endGates.For(a) {
		if err := m.awaitEnd(); err != nil {
			return err
		}
		if err := s.holdReplyAt(g, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) holdReplyAt(g *fault.Gate, m *stream) error {
	if err := s.pause(m, s.stopAt(g, &s.replyHold, nil)); err != nil {
		return err
	}
	s.goOn(&s.replyHold)
	return nil
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

// stopAt returns what waits at a gate until it is opened, a cancel request frees what it holds, or the
// session ends. A cancel that comes once the gate has counted a hit finds it.
func (s *session) stopAt(g *fault.Gate, place **hold, r *request) func(context.Context) error {
	ctx, free := context.WithCancel(s.client.Context())
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	*place = &hold{request: r, free: free}
	return func(session context.Context) error {
		defer free()
		if g.Pass(ctx) != nil && session.Err() != nil {
			return net.ErrClosed
		}
		return nil
	}
}

func (s *session) goOn(place **hold) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	*place = nil
}
