package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
)

// Link is the way from clients to one server: the addresses that they connect to, and the connections
// that they have. All of its methods may be called from any goroutine.
type Link struct {
	delay   delay
	stall   stall
	running sync.WaitGroup
	ctx     context.Context
	end     context.CancelCauseFunc

	mu        sync.Mutex // guards all below
	listeners []*Listener
	conns     map[*Conn]struct{}
	downs     int // times that it was taken down and not up again
}

// NewLink returns a link that nobody can connect to yet: see [Link.Listen]. Close it when done.
func NewLink() *Link {
	k := &Link{conns: map[*Conn]struct{}{}}
	k.ctx, k.end = context.WithCancelCause(context.Background())
	return k
}

// Faults returns what a test can do to the link.
func (k *Link) Faults() Faults { return Faults{k} }

// Context ends when the link is closed.
func (k *Link) Context() context.Context { return k.ctx }

// Stalled reports whether nothing may pass.
func (k *Link) Stalled() bool { return k.stall.on() }

// AwaitResume waits until nothing is stalled. When ctx ends before, it returns its cause.
func (k *Link) AwaitResume(ctx context.Context) error { return k.stall.wait(ctx) }

// Delayed reports whether round trips are to take longer.
func (k *Link) Delayed() bool { return k.delay.on() }

// AwaitDelay waits for as long as a round trip is to take longer. When ctx ends before, it returns its
// cause.
func (k *Link) AwaitDelay(ctx context.Context) error { return k.delay.wait(ctx) }

// Close closes every address and every connection, and returns once nothing of them runs any more. What
// waits is dropped.
func (k *Link) Close() error {
	k.mu.Lock()
	k.end(net.ErrClosed)
	listeners := k.listeners
	k.mu.Unlock()
	var failures []error
	for _, l := range listeners {
		failures = append(failures, l.Close())
	}
	k.cutAll()
	k.running.Wait()
	return errors.Join(failures...)
}

func (k *Link) down() (up func()) {
	k.mu.Lock()
	k.downs++
	k.mu.Unlock()
	k.cutAll()
	return sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.downs--
	})
}

func (k *Link) cutAll() int {
	k.mu.Lock()
	open := slices.Collect(maps.Keys(k.conns))
	k.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
	return len(open)
}

// Listener is an address of a [Link], on a free port of the loopback interface. A link may have
// several, so that one client can be told from others. It is a [net.Listener] for servers that accept
// connections themselves, as net/http's does.
type Listener struct {
	net.Listener
	link       *Link
	closing    func() error
	turnedAway int // guarded by link.mu
}

// Listen makes an address. It is closed with the link.
func (k *Link) Listen() (*Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() != nil {
		listener.Close()
		return nil, net.ErrClosed
	}
	l := &Listener{Listener: listener, link: k, closing: sync.OnceValue(listener.Close)}
	k.listeners = append(k.listeners, l)
	return l, nil
}

// Serve calls handle for each connection, in a goroutine of its own, until the link is closed. It
// returns at once. When handle returns, the connection is closed.
func (l *Listener) Serve(handle func(*Conn)) {
	l.link.running.Go(func() {
		for {
			conn, err := l.accept()
			if err != nil {
				return
			}
			l.link.running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
}

// Accept returns the next connection, a [*Conn]. Those that come while the server is down are reset.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.accept()
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func (l *Listener) accept() (*Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(conn.(*net.TCPConn)); c != nil {
			return c, nil
		}
	}
}

// admit takes a connection up, or turns it away and returns nil.
func (l *Listener) admit(conn *net.TCPConn) *Conn {
	k := l.link
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.downs > 0 || k.ctx.Err() != nil {
		conn.SetLinger(0) // a reset, as from a port that nobody listens on
		conn.Close()
		l.turnedAway++
		return nil
	}
	c := &Conn{TCPConn: conn, link: k}
	c.ctx, c.end = context.WithCancelCause(k.ctx)
	k.conns[c] = struct{}{}
	return c
}

// Close closes the address. Connections that came through it stay.
func (l *Listener) Close() error { return l.closing() }

// TurnedAway returns how many connections came while the server was down.
func (l *Listener) TurnedAway() int {
	l.link.mu.Lock()
	defer l.link.mu.Unlock()
	return l.turnedAway
}

// TurnedAway returns how many connections came while the server was down, through any address.
func (k *Link) TurnedAway() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, l := range k.listeners {
		n += l.turnedAway
	}
	return n
}
