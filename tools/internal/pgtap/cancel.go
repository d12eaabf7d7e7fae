package pgtap

import (
	"context"
	"io"
	"time"

	"example.com/boxoffice/tools/internal/fault"
)

// queryCanceled is the SQLSTATE of a statement that was cancelled.
const queryCanceled = "57014"

// relayCancel carries a cancel request to the server. A statement that the tap holds back is not the
// server's to cancel: the tap does that.
//
// PostgreSQL forgets a cancel that comes before it has begun the statement, and the client's two
// connections race. So that no test depends on who wins, the tap repeats a cancel for as long as the
// statement that it was for goes on.
func (t *Tap) relayCancel(client *fault.Conn, request startup) {
	if t.lingerCancel() != nil {
		return
	}
	st, held := t.cancelHeld(request.key())
	if held {
		return
	}
	t.sendCancel(request)
	t.freeReply(request.key())
	client.Close()
	for pause := 20 * time.Millisecond; t.goesOn(request.key(), st); pause = min(2*pause, time.Second) {
		if fault.Sleep(t.link.Context(), pause) != nil {
			return
		}
		if t.goesOn(request.key(), st) {
			t.sendCancel(request)
		}
	}
}

// sendCancel returns once the server has dealt with the request.
func (t *Tap) sendCancel(request startup) {
	server, err := t.connect()
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(t.link.Context(), func() { server.Close() })()
	if _, err := server.Write(request.raw); err != nil {
		return
	}
	io.Copy(io.Discard, server)
}

// cancelHeld counts a cancel request and returns the statement that it is for, or nil. If that is
// held before the server, it is freed from its gate.
func (t *Tap) cancelHeld(key string) (st *Statement, held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Cancels++
	s := t.keys[key]
	if s == nil {
		return nil, false
	}
	r := s.running()
	if r == nil {
		return nil, false
	}
	r.statement.Cancelled = true
	if s.requestHold == nil || s.requestHold.request != r {
		return r.statement, false
	}
	r.cancelled = true
	s.requestHold.free()
	s.requestHold = nil
	return r.statement, true
}

// freeReply lets the reply go on that a gate holds.
func (t *Tap) freeReply(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.keys[key]; s != nil && s.replyHold != nil {
		s.replyHold.free()
		s.replyHold = nil
	}
}

// goesOn reports whether the statement is what the connection waits for.
func (t *Tap) goesOn(key string, st *Statement) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.keys[key]
	if s == nil || st == nil {
		return false
	}
	r := s.running()
	return r != nil && r.statement == st
}

func (s *session) wasCancelled(r *request) bool {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	return r.cancelled
}

// futile returns a message that fails in the place of one that was cancelled, so that the server's
// transaction fails with it. The tap puts the right error into the answer.
func futile(kind byte) []byte {
	const name = "cancelled"
	body := append([]byte(name), 0)
	if kind == msgExecute {
		body = append(body, 0, 0, 0, 0)
	}
	return message(kind, body...)
}
