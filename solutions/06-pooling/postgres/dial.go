package postgres

import (
	"context"
	"net"
	"time"
)

// grace is how long the server has to say that it cancelled a statement.
const grace = time.Second

// dialer opens connections that give up on a server that says nothing. When a
// context ends, lib/pq asks the server to cancel the statement, and waits for its
// answer. A server that is frozen, or unplugged, never gives one.
type dialer struct {
	silence time.Duration
}

// DialContext is what lib/pq calls.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: d.silence}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &impatient{conn, d.silence}, nil
}

// Dial and DialTimeout make it a pq.Dialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// impatient is a connection on which each read ends within silence.
type impatient struct {
	net.Conn
	silence time.Duration
}

func (c *impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}
