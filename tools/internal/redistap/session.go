package redistap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"example.com/boxoffice/tools/internal/resp"
)

// session is one connection of the API's, with its counterpart at the server.
type session struct {
	tap     *Tap
	id      int
	client  net.Conn
	server  atomic.Pointer[net.Conn]
	closing sync.Once
	closed  chan struct{}
	left    chan struct{} // closed when the client has hung up

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

// close ends the session from any goroutine.
func (s *session) close() {
	s.closing.Do(func() {
		close(s.closed)
		_ = s.client.Close()
		if server := s.server.Load(); server != nil {
			_ = (*server).Close()
		}
	})
}

// run carries the connection's bytes both ways until either side closes.
func (s *session) run() {
	server, err := s.tap.dial(s.tap.ctx)
	if err != nil {
		fmt.Fprintf(s.client, "-ERR the tap on Redis's wire can't connect to the server: %v\r\n", err)
		return
	}
	s.server.Store(&server)
	defer func() { _ = server.Close() }()
	if s.isClosed() {
		return
	}
	var both sync.WaitGroup
	queue := make(chan *request, queueSize)
	both.Go(func() { s.read(queue) })
	both.Go(func() { s.relay(server) })
	s.forward(server, queue)
	both.Wait()
}

func (s *session) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// read reads commands until the client hangs up.
func (s *session) read(queue chan<- *request) {
	defer close(queue)
	defer close(s.left)
	r := bufio.NewReaderSize(s.client, bufferSize)
	for first := true; ; {
		args, raw, err := resp.ReadCommand(r)
		if err != nil {
			if errors.Is(err, resp.ErrProtocol) {
				fmt.Fprintf(s.client, "-ERR Protocol error: %v\r\n", err)
				s.close()
			}
			return
		}
		q := &request{raw: raw, first: first, last: r.Buffered() == 0}
		s.record(q, args)
		first = q.last
		select {
		case queue <- q:
		case <-s.closed:
			return
		}
	}
}

// forward passes commands on to the server. When the client hangs up, what it had sent still
// arrives, as it would without a tap, unless it waits for something just then.
func (s *session) forward(server net.Conn, queue <-chan *request) {
	w := bufio.NewWriterSize(server, bufferSize)
	for q := range queue {
		if err := s.pass(w, q); err != nil {
			s.close()
			for range queue { // so that read ends
			}
			return
		}
	}
	defer s.close()
	if half, ok := server.(interface{ CloseWrite() error }); ok && w.Flush() == nil && half.CloseWrite() == nil {
		select {
		case <-s.closed: // the server has done all, and closed
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
	if err := s.hold(w, q, false); err != nil {
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
	defer s.close()
	r := bufio.NewReaderSize(server, bufferSize)
	w := bufio.NewWriterSize(s.client, bufferSize)
	for {
		kind, err := r.Peek(1)
		if err != nil {
			return
		}
		if s.stalled(w) != nil || s.hold(w, s.answered(kind[0]), true) != nil {
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

// wait waits until the channel is closed. It fails when the session ends first, or the client hangs
// up. What was written before it is on its way meanwhile.
func (s *session) wait(w *bufio.Writer, over <-chan struct{}) error {
	if w.Flush() != nil {
		return net.ErrClosed
	}
	select {
	case <-over:
		return nil
	case <-s.left:
	case <-s.closed:
	}
	return net.ErrClosed
}
