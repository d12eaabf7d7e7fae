package fault

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
)

// Conn is a connection of a client's.
type Conn struct {
	*net.TCPConn
	link *Link
	ctx  context.Context
	end  context.CancelCauseFunc
	tied []net.Conn // guarded by link.mu
}

// Context ends when the connection is closed on this side, by whomever, with [net.ErrClosed] for a
// cause. It doesn't tell that the client has hung up: see [Conn.Gone].
func (c *Conn) Context() context.Context { return c.ctx }

// Closed reports whether the connection is closed on this side.
func (c *Conn) Closed() bool { return c.ctx.Err() != nil }

// Tie has another connection closed together with this one, at once: what a proxy would still send to
// its server goes nowhere once the client is cut off. It fails, and closes the other, when the client
// is cut off already.
func (c *Conn) Tie(other net.Conn) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.Closed() {
		other.Close()
		return net.ErrClosed
	}
	c.tied = append(c.tied, other)
	return nil
}

// Close closes the connection and those tied to it.
func (c *Conn) Close() error {
	c.link.mu.Lock()
	c.end(net.ErrClosed)
	tied := slices.Clone(c.tied)
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	err := c.TCPConn.Close()
	for _, other := range tied {
		other.Close()
	}
	return err
}

// Gone reports whether the client has hung up, and nothing of its is left to be read. It never waits
// and reads nothing. A client that has hung up behind bytes still to be read is not gone: read them, and
// ask again.
//
// What a process that has ended wrote, and that it has hung up, is known to the kernel before anybody
// can see that the process is gone.
func (c *Conn) Gone() bool {
	_, gone := c.Look()
	return gone
}

// Look tells apart, for those who read ahead, whether bytes of the client's wait to be read and whether
// it is [Conn.Gone].
func (c *Conn) Look() (data, gone bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, true
	}
	err = raw.Control(func(fd uintptr) { // not Read, which would wait for one that another goroutine is in
		var next [1]byte
		n, _, err := syscall.Recvfrom(int(fd), next[:], syscall.MSG_PEEK)
		data = err == nil && n > 0
		gone = !data && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return data, gone || err != nil
}
