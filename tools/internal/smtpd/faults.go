package smtpd

import (
	"strings"
	"sync"

	"example.com/boxoffice/tools/internal/fault"
)

// answer is what a refusal says.
type answer struct {
	code int
	text string
}

func anyMessage(Message) bool { return true }

// Hold stops each message before it is accepted: it has come over the wire, and the sender waits to
// hear what becomes of it. One whose sender has hung up when the gate opens is not accepted.
func (s *Server) Hold() *fault.Gate { return s.gates.Hold(anyMessage) }

// HoldTo stops those alone that go to the address. All others pass.
func (s *Server) HoldTo(address string) *fault.Gate {
	return s.gates.Hold(func(m Message) bool { return m.isTo(address) })
}

// HoldReply stops each message after it was accepted and recorded, before the sender is told.
func (s *Server) HoldReply() *fault.Gate { return s.replyGates.Hold(anyMessage) }

// Refuse answers messages with an error in place of accepting them, until it is stopped: temporary for
// codes from 400 to 499, for good from 500 to 599.
func (s *Server) Refuse(code int, text string) *fault.Refusal {
	return s.refusals.Refuse(anyMessage, answer{code, text})
}

// RefuseNext does so with the next n messages.
func (s *Server) RefuseNext(n, code int, text string) *fault.Refusal {
	return s.refusals.RefuseNext(n, anyMessage, answer{code, text})
}

// RefuseTo answers with an error when a message is to go to the address, as a server does that doesn't
// know it. All others pass. It applies until it is stopped; its hits are how often the address was named.
func (s *Server) RefuseTo(address string, code int, text string) *fault.Refusal {
	isIt := func(to string) bool { return strings.EqualFold(to, address) }
	return s.recipientRefusals.Refuse(isIt, answer{code, text})
}

// CutAt closes the connection of the k-th message from now on, counted from 1: before it is accepted, or
// once it is, in place of the answer.
func (s *Server) CutAt(k int, when fault.When) *fault.Cut[Message] {
	return s.cuts.CutAt(k, when, anyMessage)
}

// HangUpAfter closes each connection once the sender was told that its message is accepted, and waits
// for no goodbye, until stop is called.
func (s *Server) HangUpAfter() (stop func()) {
	s.curt.Add(1)
	return sync.OnceFunc(func() { s.curt.Add(-1) })
}
