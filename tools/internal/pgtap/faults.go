package pgtap

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/peer"
)

// Delay makes each round trip take d longer, new connections and cancel requests included: the
// database is in another building. Zero ends it.
func (t *Tap) Delay(d time.Duration) { t.delay.Store(int64(d)) }

// Refuse resets new connections until it is called with false. Those that are open stay.
func (t *Tap) Refuse(refuse bool) { t.refuse.Store(refuse) }

// RefuseWith answers new connections with a FATAL error, until it is called with an empty code. A
// server that has no connection left says 53300, one that still starts says 57P03. Those that are
// open stay.
func (t *Tap) RefuseWith(code, text string) {
	if code == "" {
		t.fatal.Store(nil)
		return
	}
	fatal := errorResponse("FATAL", code, text)
	t.fatal.Store(&fatal)
}

// refuseWith answers a client that has said who it is, and reports whether it is refused.
func (t *Tap) refuseWith(client net.Conn) bool {
	fatal := t.fatal.Load()
	if fatal == nil {
		return false
	}
	t.countRefused()
	client.Write(*fatal)
	return true
}

// turnAway resets a connection, as a port does that nobody listens on.
func (t *Tap) turnAway(client net.Conn) {
	if tcp, ok := client.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	client.Close()
	t.countRefused()
}

func (t *Tap) countRefused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Refused++
}

// barrier stops everything until it is lifted.
type barrier struct {
	lifting sync.Once
	lifted  chan struct{}
	behind  *barrier
}

// Stall freezes everything that passes, cancel requests included, until release is called: the
// database answers no more, and doesn't hang up either. Connections are still accepted.
func (t *Tap) Stall() (release func()) {
	b := &barrier{lifted: make(chan struct{}), behind: t.stall.Load()}
	for !t.stall.CompareAndSwap(b.behind, b) {
		b.behind = t.stall.Load()
	}
	return func() {
		t.stall.CompareAndSwap(b, b.behind)
		b.lifting.Do(func() { close(b.lifted) })
	}
}

// linger waits for as long as the faults of the moment demand of a message from the client.
func (s *session) linger(m *stream, roundTrip bool) error {
	for b := s.tap.stall.Load(); b != nil; b = b.behind {
		if err := s.watchful(m, b.lifted, nil); err != nil {
			return err
		}
	}
	d := time.Duration(s.tap.delay.Load())
	if !roundTrip || d <= 0 {
		return nil
	}
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	return s.watchful(m, over, nil)
}

// lingerReply does the same for a message from the server.
func (s *session) lingerReply(m *stream) error {
	for b := s.tap.stall.Load(); b != nil; b = b.behind {
		if err := s.pause(m, b.lifted, nil); err != nil {
			return err
		}
	}
	return nil
}

// lingerCancel does the same for a cancel request. It reports false when the tap is closed first.
func (t *Tap) lingerCancel() bool {
	for b := t.stall.Load(); b != nil; b = b.behind {
		select {
		case <-b.lifted:
		case <-t.quit:
			return false
		}
	}
	return t.sleep(time.Duration(t.delay.Load()))
}

// sleep reports false when the tap is closed before d is over.
func (t *Tap) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.quit:
		return false
	}
}

// watchful pauses like pause, and fails when the client has hung up meanwhile: whatever was sent by
// one that is gone when the pause is over stays here.
func (s *session) watchful(m *stream, over, cancelled <-chan struct{}) error {
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		s.watch(m)
	}()
	err := s.pause(m, over, cancelled)
	s.client.SetReadDeadline(time.Unix(1, 0))
	<-looked
	s.client.SetReadDeadline(time.Time{})
	if err == nil && s.left(m) {
		s.close()
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
			s.close()
			return
		}
	}
}

// left reports whether the client has hung up by now, be it behind messages that are still to be read.
func (s *session) left(m *stream) bool {
	for {
		data, gone := peer.Look(s.client)
		if gone || !data || m.r.Buffered() == m.r.Size() {
			return gone
		}
		m.r.Peek(m.r.Buffered() + 1) // it is there
	}
}

// pause waits until one of the channels is closed. It fails when the session ends first.
func (s *session) pause(m *stream, over, cancelled <-chan struct{}) error {
	if err := m.w.Flush(); err != nil {
		return err
	}
	select {
	case <-over:
		return nil
	case <-cancelled:
		return nil
	case <-s.closed:
		return net.ErrClosed
	}
}
