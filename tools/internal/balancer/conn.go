package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// net/http's Transport repeats requests by itself when a connection that it had kept
// turns out dead. What happens to a request whose instance dies is what this course
// measures, so connections are kept here, and nothing is repeated unasked.

// pool keeps connections to upstreams that may be used again.
type pool struct {
	size     int           // how many are kept, to all upstreams together; 0: none
	idle     time.Duration // how long one is kept; 0: for ever
	requests int           // how many a connection carries at most; 0: any number

	mu     sync.Mutex
	kept   []*conn // the one used last is the last
	closed bool
}

// conn is a connection to an upstream.
type conn struct {
	net.Conn
	r       *bufio.Reader
	address string
	carried int       // requests that it has carried before
	since   time.Time // when it was kept
	expiry  *time.Timer
}

// take returns a kept connection to the address that is still open, or a new one.
func (p *pool) take(ctx context.Context, address string, timeout time.Duration) (*conn, error) {
	for {
		c := p.takeKept(address)
		if c == nil {
			break
		}
		if c.alive() {
			return c, nil
		}
		_ = c.Close()
	}
	dialer := net.Dialer{Timeout: timeout}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: connection, r: bufio.NewReader(connection), address: address}, nil
}

func (p *pool) takeKept(address string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(p.kept) {
		if c.address == address && (p.idle == 0 || time.Since(c.since) < p.idle) {
			p.kept = slices.Delete(p.kept, i, i+1)
			if c.expiry != nil {
				c.expiry.Stop()
			}
			return c
		}
	}
	return nil
}

// keep keeps a connection for the next request; where there is no room, the one that
// has been idle for longest goes.
func (p *pool) keep(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.carried++
	if p.size == 0 || p.closed || p.requests > 0 && c.carried >= p.requests {
		_ = c.Close()
		return
	}
	if len(p.kept) == p.size {
		_ = p.kept[0].Close()
		p.kept = slices.Delete(p.kept, 0, 1)
	}
	_ = c.SetDeadline(time.Time{})
	c.since = time.Now()
	p.kept = append(p.kept, c)
	if p.idle > 0 {
		c.expiry = time.AfterFunc(p.idle, p.letGo)
	}
}

// letGo closes the connections that have been idle for too long.
func (p *pool) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = slices.DeleteFunc(p.kept, func(c *conn) bool {
		long := time.Since(c.since) >= p.idle
		if long {
			_ = c.Close()
		}
		return long
	})
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.kept {
		_ = c.Close()
	}
	p.kept, p.closed = nil, true
}

// alive looks, without waiting, whether the other side has closed the connection or
// said something unasked.
func (c *conn) alive() bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet && c.r.Buffered() == 0
}

// timeouts bound a try; 0 means no bound.
type timeouts struct {
	connect time.Duration
	send    time.Duration // between two writes
	read    time.Duration // between two reads
}

// reason is why a try brought no answer's head.
type reason int

const (
	broken  reason = iota // refused, reset, or closed too early
	late                  // a timeout
	invalid               // what came was no HTTP
	left                  // the client hung up
)

// tryError says how a try ended without an answer's head.
type tryError struct {
	reason reason
	sent   bool // there was a connection, so the upstream may have seen the request
	old    bool // on a connection that had been kept
	err    error
}

func (e *tryError) Error() string { return e.err.Error() }
func (e *tryError) Unwrap() error { return e.err }

// reply is an answer whose body is still to be read, through Read.
type reply struct {
	*http.Response
	c       *conn
	timeout time.Duration // between two reads
	// done lets go of the connection: it is kept when the body was read to its end and it
	// can be used again, else closed. Read calls it at the end, before the last bytes are
	// passed on; whoever doesn't read so far has to call it. It may be called twice.
	done func(whole bool)
}

// Read reads the body.
func (r *reply) Read(p []byte) (int, error) {
	_ = r.c.SetReadDeadline(deadline(r.timeout))
	n, err := r.Body.Read(p)
	if err == io.EOF {
		r.done(true)
	}
	return n, err
}

func deadline(timeout time.Duration) time.Time {
	if timeout == 0 {
		return time.Time{}
	}
	return time.Now().Add(timeout)
}

// try sends a request to an upstream, as the bytes that send writes, and reads the head
// of the answer. The caller reads the body, then calls done. When ctx ends, so does all
// of it.
func (p *pool) try(ctx context.Context, address, method string, send func(io.Writer) error, t timeouts) (*reply, *tryError) {
	c, err := p.take(ctx, address, t.connect)
	if err != nil {
		why := reasonOf(ctx, err)
		return nil, &tryError{reason: why, err: explain(why, err, t.connect)}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	sent := make(chan bool, 1)
	go func() {
		err := send(writer{c, t.send})
		// The time for the answer runs from here; after a failed write, take what is there.
		if wait := deadline(t.read); err == nil || !isTimeout(err) {
			_ = c.SetReadDeadline(wait)
		} else {
			_ = c.SetReadDeadline(time.Now())
		}
		sent <- err == nil
	}()
	answer, err := readHead(c.r, method)
	if err != nil {
		stop()
		_ = c.Close()
		<-sent
		why := reasonOf(ctx, err)
		return nil, &tryError{reason: why, sent: true, old: c.carried > 0, err: explain(why, err, t.read)}
	}
	var once sync.Once
	done := func(whole bool) {
		once.Do(func() {
			if stop() && whole && !answer.Close && wholeRequest(sent) {
				p.keep(c)
				return
			}
			_ = c.Close()
		})
	}
	return &reply{Response: answer, c: c, timeout: t.read, done: done}, nil
}

// wholeRequest waits until the request is sent. One that was answered early may never be.
func wholeRequest(sent <-chan bool) bool {
	select {
	case whole := <-sent:
		return whole
	case <-time.After(time.Second):
		return false
	}
}

// writer writes within the timeout.
type writer struct {
	c       *conn
	timeout time.Duration
}

func (w writer) Write(p []byte) (int, error) {
	_ = w.c.SetWriteDeadline(deadline(w.timeout))
	return w.c.Write(p)
}

// readHead reads the head of the final answer.
func readHead(r *bufio.Reader, method string) (*http.Response, error) {
	for {
		answer, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil || answer.StatusCode >= 200 {
			return answer, err
		}
	}
}

// reasonOf sorts what went wrong on a connection.
func reasonOf(ctx context.Context, err error) reason {
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return left
	case isTimeout(err):
		return late
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return broken
	}
	return invalid
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// errLeft is what ends the try of a client that has gone.
var errLeft = errors.New("the client hung up")

// explain says what an error means where its own words don't.
func explain(why reason, err error, timeout time.Duration) error {
	switch {
	case why == left:
		return errLeft
	case why == late:
		return fmt.Errorf("no answer within %v", timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the connection was closed before an answer")
	}
	return err
}
