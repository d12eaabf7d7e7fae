// Package smtpd is a mail server that keeps what it is sent, for tests to look at, and fails on
// demand. It speaks the part of SMTP that clients need to hand over a message
// (https://www.rfc-editor.org/rfc/rfc5321), without TLS, log-in or delivery.
package smtpd

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Server is a mail server on a free port of the loopback interface. All of its methods may be called
// from any goroutine.
type Server struct {
	listener net.Listener
	done     sync.WaitGroup

	mu       sync.Mutex // guards all below
	closed   bool
	quit     chan struct{}
	conns    map[net.Conn]struct{}
	sessions int
	messages []Message
	arrived  chan struct{} // closed and made anew with each message

	delay     time.Duration
	gates     []*Gate
	refusals  []*Refusal
	refusedTo []*Refusal
	drops     []*Refusal
}

// Start returns a server that is listening. Close it when done.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the API's mail: %w", err)
	}
	s := &Server{
		listener: listener,
		quit:     make(chan struct{}),
		conns:    map[net.Conn]struct{}{},
		arrived:  make(chan struct{}),
	}
	s.done.Go(s.accept)
	return s, nil
}

// Addr returns the server's address, as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Sessions returns how many connections were made so far.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// Messages returns the messages that were accepted, in their order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Inbox returns what the owner of an address sees: a mailbox shows a message once, however often it was
// delivered, and knows it by its Message-ID (as Cyrus does, and Gmail). Messages without one are all
// there.
func (s *Server) Inbox(address string) []Message {
	var inbox []Message
	seen := map[string]bool{}
	for _, m := range s.Messages() {
		if !m.isTo(address) || seen[m.MessageID] {
			continue
		}
		seen[m.MessageID] = m.MessageID != ""
		inbox = append(inbox, m)
	}
	return inbox
}

// Count returns how many messages were accepted.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// WaitFor returns once n messages were accepted in all. When ctx ends first, the error says how many
// there are.
func (s *Server) WaitFor(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		count, arrived := len(s.messages), s.arrived
		s.mu.Unlock()
		if count >= n {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d messages, of which %d came: %w", n, count, ctx.Err())
		}
	}
}

// Close closes every connection and returns once nothing of the server runs any more. The messages
// stay readable.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.quit)
	err := s.listener.Close()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.adopt(conn) {
			s.done.Go(func() {
				defer s.drop(conn)
				newSession(s, conn).serve()
			})
		}
	}
}

func (s *Server) adopt(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return false
	}
	s.sessions++
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) drop(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}
