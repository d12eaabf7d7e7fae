package pgtap

import "io"

// queryCanceled is the SQLSTATE of a statement that was cancelled.
const queryCanceled = "57014"

// relayCancel carries a cancel request to the server, and waits until the server has dealt with it.
// A statement that the tap holds back is not the server's to cancel: the tap does that.
func (t *Tap) relayCancel(request startup) {
	if !t.lingerCancel() || t.cancelHeld(request.key()) {
		return
	}
	server, err := t.connect()
	if err != nil {
		return
	}
	defer t.drop(server)
	if _, err := server.Write(request.raw); err != nil {
		return
	}
	io.Copy(io.Discard, server)
	t.freeReply(request.key())
}

// cancelHeld counts a cancel request and frees the statement that it is for from its gate. It
// reports false when none is held before the server.
func (t *Tap) cancelHeld(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Cancels++
	s := t.keys[key]
	if s == nil {
		return false
	}
	r := s.running()
	if r == nil {
		return false
	}
	r.statement.Cancelled = true
	if s.requestHold == nil || s.requestHold.request != r {
		return false
	}
	r.cancelled = true
	close(s.requestHold.cancelled)
	s.requestHold = nil
	return true
}

// freeReply lets the reply go on that a gate holds.
func (t *Tap) freeReply(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.keys[key]; s != nil && s.replyHold != nil {
		close(s.replyHold.cancelled)
		s.replyHold = nil
	}
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
