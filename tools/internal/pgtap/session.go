package pgtap

import (
	"io"
	"net"
	"sync"

	"example.com/boxoffice/tools/internal/fault"
)

// session is one connection of the API's, with its counterpart at the server.
type session struct {
	tap    *Tap
	id     int
	client *fault.Conn

	// For the goroutine of replies alone: a cut that is due, so the client hears no more.
	cut          *fault.Cut[Statement]
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
func (t *Tap) open(client *fault.Conn) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Connections++
	t.counts.Open++
	t.counts.MostOpen = max(t.counts.MostOpen, t.counts.Open)
	s := &session{
		tap:    t,
		id:     t.counts.Connections,
		client: client,
		pipeline: pipeline{
			prepared: map[string]*prepared{},
			portals:  map[string]*portal{},
		},
	}
	t.sessions[s] = struct{}{}
	return s
}

func (t *Tap) finish(s *session) {
	s.client.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Open--
	delete(t.sessions, s)
	if t.keys[s.key] == s {
		delete(t.keys, s.key)
	}
}

// run carries the session's messages both ways until either side closes.
func (s *session) run(first startup) {
	requests := newStream(s.client, io.Discard)
	server, err := s.shakeHands(requests, first)
	if err != nil {
		return
	}
	defer server.Close()
	var replies sync.WaitGroup
	replies.Go(func() {
		defer s.client.Close()
		s.replies(newStream(server, s.client))
	})
	requests.w.Reset(server)
	s.requests(requests)
	s.client.Close()
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
	if err := s.client.Tie(server); err != nil {
		return nil, err
	}
	if _, err := server.Write(first.raw); err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}
