// Package smtpd is the mail server of the lab: it accepts every mail, records it, and can be slow,
// refuse, or break off when a test wants to know what the API then does.
//
// It speaks the SMTP that senders use (RFC 5321, without extensions), on the loopback interface.
package smtpd

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Server is a running mail server. All of its methods may be called from any goroutine.
type Server struct {
	listener net.Listener
	done     sync.WaitGroup
	quit     chan struct{}

	mu       sync.Mutex
	closed   bool
	sockets  map[net.Conn]struct{}
	sessions int
	messages []Message
	changed  chan struct{} // closed and made anew with each message
	faults   faults
}

// Start starts a server on a free port of the loopback interface. Close it when done.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for mail: %w", err)
	}
	s := &Server{
		listener: listener,
		quit:     make(chan struct{}),
		sockets:  map[net.Conn]struct{}{},
		changed:  make(chan struct{}),
	}
	s.done.Go(s.accept)
	return s, nil
}

// Addr returns the address that the server listens on, as host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Messages returns the mails that were accepted, the oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Count returns how many mails were accepted.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// Sessions returns how many connections senders opened.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// WaitFor returns once n mails were accepted in all. The error is that of ctx.
func (s *Server) WaitFor(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		have, changed := len(s.messages), s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d mails, %d came: %w", n, have, context.Cause(ctx))
		}
	}
}

// Close ends every session and returns once nothing of the server runs any more. What was recorded
// stays readable.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.quit)
	err := s.listener.Close()
	for socket := range s.sockets {
		socket.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
	return err
}

func (s *Server) accept() {
	for {
		socket, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.adopt(socket) {
			s.done.Go(func() {
				defer s.drop(socket)
				newSession(s, socket).run()
			})
		}
	}
}

func (s *Server) adopt(socket net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		socket.Close()
		return false
	}
	s.sockets[socket] = struct{}{}
	s.sessions++
	return true
}

func (s *Server) drop(socket net.Conn) {
	socket.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, socket)
}

func (s *Server) record(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.At = time.Now()
	s.messages = append(s.messages, m)
	close(s.changed)
	s.changed = make(chan struct{})
}
