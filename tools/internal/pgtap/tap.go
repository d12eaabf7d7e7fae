// Package pgtap measures and disturbs what an API says to PostgreSQL.
//
// A [Tap] is a proxy on the loopback interface. The API connects to it instead of the server, and
// every byte passes on untouched while the tap reads along: which connections are opened, which
// statements run on them, how many rows come back. Any driver will do, since only the wire protocol
// counts (https://www.postgresql.org/docs/current/protocol.html).
//
// The tap can also hold a statement at a [Gate], cut a connection at a chosen statement, delay,
// stall and refuse. Gates make tests about timing exact: nothing moves until the test says so.
package pgtap

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

// Options says how a [Tap] treats its clients.
type Options struct {
	// Password is what the tap asks of each client itself, before it goes on to a server that
	// trusts it. When empty, the tap asks for nothing and the server's own authentication passes
	// through, SCRAM included.
	Password string
}

// Tap is a proxy in front of a PostgreSQL server that counts what passes. All of its methods may be
// called from any goroutine.
type Tap struct {
	dial     func() (net.Conn, error)
	password string
	main     *Door
	done     sync.WaitGroup

	quit   chan struct{}
	delay  atomic.Int64            // nanoseconds
	stall  atomic.Pointer[barrier] // nil: nothing is stalled
	refuse atomic.Bool
	fatal  atomic.Pointer[[]byte]  // what new connections are answered with; nil: nothing
	gates  atomic.Pointer[[]*Gate] // changed under mu

	mu       sync.Mutex // guards all below, and the marked fields of sessions
	closed   bool
	doors    []*Door
	sockets  map[net.Conn]struct{}
	sessions map[*session]struct{}
	keys     map[string]*session // by process id and secret, as a cancel request names them
	counts   Stats
	log      []*Statement
	cuts     []*Cut
}

// New starts a tap on a free port of the loopback interface. It calls dial for each connection to
// the server. Close it when done.
func New(dial func() (net.Conn, error), opt Options) (*Tap, error) {
	t := &Tap{
		dial:     dial,
		password: opt.Password,
		quit:     make(chan struct{}),
		sockets:  map[net.Conn]struct{}{},
		sessions: map[*session]struct{}{},
		keys:     map[string]*session{},
	}
	main, err := t.OpenDoor()
	if err != nil {
		return nil, err
	}
	t.main = main
	return t, nil
}

// Addr returns the address that the tap listens on, as host:port.
func (t *Tap) Addr() string { return t.main.Addr() }

// URL returns the connection string by which user reaches database through the tap. It carries the
// tap's password, if there is one.
func (t *Tap) URL(user, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(user),
		Host:     t.Addr(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	if t.password != "" {
		u.User = url.UserPassword(user, t.password)
	}
	return u.String()
}

// Close closes every connection and returns once nothing of the tap runs any more. What was
// measured stays readable.
func (t *Tap) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	close(t.quit)
	var err error
	for _, d := range t.doors {
		err = errors.Join(err, d.listener.Close())
	}
	for socket := range t.sockets {
		socket.Close()
	}
	for s := range t.sessions {
		s.close()
	}
	t.mu.Unlock()
	t.done.Wait()
	return err
}

func (t *Tap) accept(d *Door) {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		if t.refuse.Load() {
			t.turnAway(client)
			d.arrivals.Add(1)
			continue
		}
		t.done.Go(func() { t.serve(client, d) })
	}
}

// serve carries one connection from its first byte to its last.
func (t *Tap) serve(client net.Conn, d *Door) {
	if !t.adopt(client) {
		return
	}
	defer t.drop(client)
	first, err := readStartup(client)
	if err != nil {
		return
	}
	if first.code == cancelRequest {
		t.relayCancel(client, first)
		return
	}
	if t.refuseWith(client) {
		d.arrivals.Add(1)
		return
	}
	s := t.open(client)
	d.arrivals.Add(1)
	defer t.finish(s)
	s.run(first)
}

// adopt has Close close the socket. It reports false, and closes the socket, when that is past.
func (t *Tap) adopt(socket net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		socket.Close()
		return false
	}
	t.sockets[socket] = struct{}{}
	return true
}

func (t *Tap) drop(socket net.Conn) {
	socket.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, socket)
}

// connect dials the server.
func (t *Tap) connect() (net.Conn, error) {
	server, err := t.dial()
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if !t.adopt(server) {
		return nil, net.ErrClosed
	}
	return server, nil
}
