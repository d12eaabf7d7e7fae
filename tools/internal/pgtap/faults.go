package pgtap

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"time"

	"example.com/boxoffice/tools/internal/fault"
)

// Refuse answers new connections with a FATAL error, until it is stopped. A server that has no
// connection left says 53300, one that still starts says 57P03. Those that are open stay.
func (t *Tap) Refuse(code, text string) *fault.Refusal {
	everybody := func(startup) bool { return true }
	return t.refusals.Refuse(everybody, errorResponse("FATAL", code, text))
}

// refuse answers a client that has said who it is, and reports whether it is refused.
func (t *Tap) refuse(client *fault.Conn, first startup) bool {
	fatal, refused := t.refusals.For(first)
	if refused {
		t.countRefused()
		client.Write(fatal)
	}
	return refused
}

func (t *Tap) countRefused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Refused++
}

// linger waits for as long as the faults of the moment demand of a message from the client.
func (s *session) linger(m *stream, roundTrip bool) error {
	link := s.tap.link
	if link.Stalled() {
		if err := s.watchful(m, link.AwaitResume); err != nil {
			return err
		}
	}
	if !roundTrip || !link.Delayed() {
		return nil
	}
	return s.watchful(m, link.AwaitDelay)
}

// lingerReply does the same for a message from the server.
func (s *session) lingerReply(m *stream) error {
	link := s.tap.link
	if !link.Stalled() {
		return nil
	}
	return s.pause(m, link.AwaitResume)
}

// lingerCancel does the same for a cancel request. It fails when the tap is closed first.
func (t *Tap) lingerCancel() error {
	if err := t.link.AwaitResume(t.link.Context()); err != nil {
		return err
	}
	return t.link.AwaitDelay(t.link.Context())
}

// watchful pauses like pause, and fails when the client has hung up meanwhile: whatever was sent by
// one that is gone when the pause is over stays here.
func (s *session) watchful(m *stream, wait func(context.Context) error) error {
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		s.watch(m)
	}()
	err := s.pause(m, wait)
	s.client.SetReadDeadline(time.Unix(1, 0))
	<-looked
	s.client.SetReadDeadline(time.Time{})
	if err == nil && s.left(m) {
		s.client.Close()
		return net.ErrClosed
	}
	return err
}

// watch reads ahead until the read deadline, and closes the session when the client hangs up. It can't
// see past what fills the buffer.
func (s *session) watch(m *stream) {
	for {
		_, err := m.r.Peek(m.r.Buffered() + 1)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, bufio.ErrBufferFull):
			return
		default:
			s.client.Close()
			return
		}
	}
}

// left reports whether the client has hung up by now, be it behind messages that are still to be read.
func (s *session) left(m *stream) bool {
	for {
		data, gone := s.client.Look()
		if gone || !data || m.r.Buffered() == m.r.Size() {
			return gone
		}
		m.r.Peek(m.r.Buffered() + 1) // it is there
	}
}

// pause waits as wait does. It fails when the session ends first.
func (s *session) pause(m *stream, wait func(context.Context) error) error {
	if err := m.w.Flush(); err != nil {
		return err
	}
	return wait(s.client.Context())
}
