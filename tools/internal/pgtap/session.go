package pgtap

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// session is one connection of the API's, with its counterpart at the server.
type session struct {
	tap     *Tap
	id      int
	client  net.Conn
	server  atomic.Pointer[net.Conn]
	closing sync.Once
	closed  chan struct{}

	// For the goroutine of replies alone: a cut that is due, so the client hears no more.
	cut          *Cut
	cutStatement Statement

	// Guarded by tap.mu.
	key           string // as in tap.keys
	ready         bool   // the handshake is over
	inTransaction bool
	pipeline
	requestHold *hold
	replyHold   *hold
}

// open counts a connection whose handshake has begun.
func (t *Tap) open(client net.Conn) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Connections++
	t.counts.Open++
	t.counts.MostOpen = max(t.counts.MostOpen, t.counts.Open)
	s := &session{
		tap:    t,
		id:     t.counts.Connections,
		client: client,
		closed: make(chan struct{}),
		pipeline: pipeline{
			prepared: map[string]*prepared{},
			portals:  map[string]*portal{},
		},
	}
	t.sessions[s] = struct{}{}
	return s
}

func (t *Tap) finish(s *session) {
	s.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Open--
	delete(t.sessions, s)
	if t.keys[s.key] == s {
		delete(t.keys, s.key)
	}
}

// close ends the session from any goroutine.
func (s *session) close() {
	s.closing.Do(func() {
		close(s.closed)
		s.client.Close()
		if server := s.server.Load(); server != nil {
			(*server).Close()
		}
	})
}

// run carries the session's messages both ways until either side closes.
func (s *session) run(first startup) {
	requests := newStream(s.client, io.Discard)
	server, err := s.shakeHands(requests, first)
	if err != nil {
		return
	}
	defer s.tap.drop(server)
	var replies sync.WaitGroup
	replies.Go(func() {
		defer s.close()
		s.replies(newStream(server, s.client))
	})
	requests.w.Reset(server)
	s.requests(requests)
	s.close()
	replies.Wait()
}

// shakeHands connects to the server and passes the client's first message on.
func (s *session) shakeHands(m *stream, first startup) (net.Conn, error) {
	t := s.tap
	if err := s.linger(m, true); err != nil {
		return nil, err
	}
	if t.password != "" {
		if err := t.authenticate(s.client, first.user()); err != nil {
			return nil, err
		}
	}
	server, err := t.connect()
	if err != nil {
		s.client.Write(errorResponse("FATAL", "08006", "the tap on PostgreSQL's wire could not "+err.Error()))
		return nil, err
	}
	s.server.Store(&server)
	if _, err := server.Write(first.raw); err != nil || s.isClosed() {
		t.drop(server)
		return nil, net.ErrClosed
	}
	return server, nil
}

func (s *session) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}
