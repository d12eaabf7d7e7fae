// Package smtpd is a mail server that keeps what it is sent, for tests to look at, and fails on
// demand, in the words of package fault: its requests are messages. It speaks the part of SMTP that
// clients need to hand over a message (https://www.rfc-editor.org/rfc/rfc5321), without log-in or
// delivery. It is as strict as the strictest of real servers: see [flaw].
package smtpd

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"example.com/boxoffice/tools/internal/fault"
)

// Server is a mail server on a free port of the loopback interface. All of its methods may be called
// from any goroutine.
type Server struct {
	fault.Faults
	link     *fault.Link
	listener *fault.Listener

	gates             fault.Gates[Message] // before they are accepted
	replyGates        fault.Gates[Message]
	refusals          fault.Refusals[Message, answer]
	recipientRefusals fault.Refusals[string, answer]
	cuts              fault.Cuts[Message]
	curt              atomic.Int32 // above 0: it hangs up after each message

	mu         sync.Mutex // guards all below
	sessions   int
	messages   []Message
	arrived    chan struct{} // closed and made anew with each message
	complaints []string
	tls        *tls.Config // nil: it isn't offered
	handshakes int
}

// Start returns a server that is listening. Close it when done.
func Start() (*Server, error) {
	link := fault.NewLink()
	listener, err := link.Listen()
	if err != nil {
		return nil, fmt.Errorf("await the API's mail: %w", err)
	}
	s := &Server{Faults: link.Faults(), link: link, listener: listener, arrived: make(chan struct{})}
	listener.Serve(s.serve)
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
// delivered, and knows it by its Message-ID (as Cyrus does, and Gmail).
func (s *Server) Inbox(address string) []Message {
	var inbox []Message
	seen := map[string]bool{}
	for _, m := range s.Messages() {
		if !m.isTo(address) || seen[m.MessageID] {
			continue
		}
		seen[m.MessageID] = true
		inbox = append(inbox, m)
	}
	return inbox
}

// Complaints are what was said of messages that were not taken since they are not as a message has to
// be, in their order. What a test has refused isn't among them.
func (s *Server) Complaints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.complaints)
}

func (s *Server) complain(no answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complaints = append(s.complaints, fmt.Sprintf("%d %s", no.code, no.text))
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
func (s *Server) Close() error { return s.link.Close() }

func (s *Server) serve(conn *fault.Conn) {
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	newSession(s, conn).serve()
}

func (s *Server) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}
