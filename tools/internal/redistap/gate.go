package redistap

import (
	"bufio"
	"context"
	"net"
	"time"

	"example.com/boxoffice/tools/internal/fault"
)

// Hold stops each command that matches before the server sees it. What follows on the same connection
// waits behind; other connections go on. Commands that [Stats] doesn't count pass every gate.
func (t *Tap) Hold(m Match) *fault.Gate { return t.commands.Hold(m) }

// HoldReply lets the server do each command that matches, and stops its answer.
func (t *Tap) HoldReply(m Match) *fault.Gate { return t.replies.Hold(m) }

// hold waits at each of the gates that is for a command, or for the reply to it.
func (s *session) hold(w *bufio.Writer, gates *fault.Gates[Command], q *request) error {
	if gates.None() || q == nil || q.setUp {
		return nil
	}
	for g := range gates.For(q.command) {
		if err := s.pause(w, g.Pass); err != nil {
			return err
		}
	}
	return nil
}

// stalled waits until nothing is stalled any more.
func (s *session) stalled(w *bufio.Writer) error {
	if !s.tap.link.Stalled() {
		return nil
	}
	return s.pause(w, s.tap.link.AwaitResume)
}

// delay waits for as long as a round trip is to take longer.
func (s *session) delay(w *bufio.Writer) error {
	if !s.tap.link.Delayed() {
		return nil
	}
	return s.pause(w, s.tap.link.AwaitDelay)
}

// pause waits as wait does. It fails when the session ends first, or the client has hung up by then.
// What was written before it is on its way meanwhile.
func (s *session) pause(w *bufio.Writer, wait func(context.Context) error) error {
	if w.Flush() != nil {
		return net.ErrClosed
	}
	if err := wait(s.present); err != nil {
		return err
	}
	if s.left() {
		return net.ErrClosed
	}
	return nil
}

// left reports whether the client has hung up by now, be it behind commands that are still to be read. It
// can't see past those for which there is no room.
func (s *session) left() bool {
	for s.present.Err() == nil {
		data, gone := s.client.Look()
		if gone || !data || len(s.queue) == cap(s.queue) {
			return gone
		}
		_ = fault.Sleep(s.present, time.Millisecond) // read is about to take it
	}
	return true
}
