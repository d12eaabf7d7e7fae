package redistap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/fault"
	"example.com/boxoffice/tools/internal/resp"
)

// session is one connection of the API's, with its counterpart at the server.
type session struct {
	tap     *Tap
	id      int
	client  *fault.Conn
	queue   chan *request   // that were read and not passed on
	present context.Context // ends when the client has hung up, and with the connection
	leave   context.CancelFunc

	// Guarded by tap.mu.
	waiting    []*request // that the server has got and not answered
	unanswered int        // commands of the client's that wait anywhere on the way
	subscribed bool       // the server speaks unasked: replies belong to no command any more
}

// request is one command on its way.
type request struct {
	command Command
	raw     []byte
	setUp   bool
	first   bool // of those that the client sent together
	last    bool
}

const (
	bufferSize = 64 << 10 // a pipeline of that size is read as one
	queueSize  = 1024     // commands that are read while one is held

	// farewell is how long the server may take to close when its client has hung up.
	farewell = time.Second
)

func newSession(t *Tap, id int, client *fault.Conn) *session {
	s := &session{tap: t, id: id, client: client, queue: make(chan *request, queueSize)}
	s.present, s.leave = context.WithCancel(client.Context())
	return s
}

// run carries the connection's bytes both ways until either side closes.
func (s *session) run() {
	server, err := s.tap.dial(s.client.Context())
	if err != nil {
		fmt.Fprintf(s.client, "-ERR the tap on Redis's wire can't connect to the server: %v\r\n", err)
		return
	}
	defer func() { _ = server.Close() }()
	if s.client.Tie(server) != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(s.read)
	both.Go(func() { s.relay(server) })
	s.forward(server)
	both.Wait()
}

// read reads commands until the client hangs up.
func (s *session) read() {
	defer close(s.queue)
	defer s.leave()
	r := bufio.NewReaderSize(s.client, bufferSize)
	for first := true; ; {
		args, raw, err := resp.ReadCommand(r)
		if err != nil {
			if errors.Is(err, resp.ErrProtocol) {
				fmt.Fprintf(s.client, "-ERR Protocol error: %v\r\n", err)
				s.client.Close()
			}
			return
		}
		q := &request{raw: raw, first: first, last: r.Buffered() == 0}
		s.record(q, args)
		first = q.last
		select {
		case s.queue <- q:
		case <-s.client.Context().Done():
			return
		}
	}
}

// forward passes commands on to the server. When the client hangs up, what it had sent still
// arrives, as it would without a tap, unless it waits for something just then.
func (s *session) forward(server net.Conn) {
	w := bufio.NewWriterSize(server, bufferSize)
	for q := range s.queue {
		if err := s.pass(w, q); err != nil {
			s.client.Close()
			for range s.queue { // so that read ends
			}
			return
		}
	}
	defer s.client.Close()
	if half, ok := server.(interface{ CloseWrite() error }); ok && w.Flush() == nil && half.CloseWrite() == nil {
		select {
		case <-s.client.Context().Done(): // the server has done all, and closed
		case <-time.After(farewell):
		}
	}
}

func (s *session) pass(w *bufio.Writer, q *request) error {
	if q.first {
		if err := s.delay(w); err != nil {
			return err
		}
	}
	if err := s.stalled(w); err != nil {
		return err
	}
	if err := s.hold(w, &s.tap.commands, q); err != nil {
		return err
	}
	s.expect(q)
	_, err := w.Write(q.raw)
	if err == nil && q.last {
		err = w.Flush()
	}
	return err
}

// relay passes replies back until the server closes. What a client that has hung up would have got
// is thrown away.
func (s *session) relay(server net.Conn) {
	defer s.client.Close()
	r := bufio.NewReaderSize(server, bufferSize)
	w := bufio.NewWriterSize(s.client, bufferSize)
	for {
		kind, err := r.Peek(1)
		if err != nil {
			return
		}
		if s.stalled(w) != nil || s.hold(w, &s.tap.replies, s.answered(kind[0])) != nil {
			return
		}
		s.settle(kind[0])
		if resp.CopyReply(w, r) != nil {
			return
		}
		if r.Buffered() == 0 && w.Flush() != nil {
			w.Reset(io.Discard)
		}
	}
}
