// Package pgtap measures and disturbs what an API says to PostgreSQL.
//
// A [Tap] is a proxy on the loopback interface. The API connects to it instead of the server, and
// every byte passes on untouched while the tap reads along: which connections are opened, which
// statements run on them, how many rows come back. Any driver will do, since only the wire protocol
// counts (https://www.postgresql.org/docs/current/protocol.html).
//
// The tap can also hold a statement or its reply at a gate, cut a connection at a chosen statement, refuse
// connections, delay and stall all, and be down: see package fault for what these words mean. Gates make
// tests about timing exact: nothing moves until the test says so.
package pgtap

import (
	"fmt"
	"net"
	"net/url"
	"sync"

	"example.com/boxoffice/tools/internal/fault"
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
	fault.Faults
	link     *fault.Link
	dial     func() (net.Conn, error)
	password string
	main     *Endpoint

	requestGates fault.Gates[Statement] // before the server
	replyGates   fault.Gates[answer]    // after so many rows
	endGates     fault.Gates[answer]    // once the server has done all
	refusals     fault.Refusals[startup, []byte]
	cuts         fault.Cuts[Statement]

	mu       sync.Mutex // guards all below, and the marked fields of sessions
	sessions map[*session]struct{}
	keys     map[string]*session // by process id and secret, as a cancel request names them
	counts   Stats
	log      []*Statement
}

// New starts a tap on a free port of the loopback interface. It calls dial for each connection to
// the server. Close it when done.
func New(dial func() (net.Conn, error), opt Options) (*Tap, error) {
	link := fault.NewLink()
	t := &Tap{
		Faults:   link.Faults(),
		link:     link,
		dial:     dial,
		password: opt.Password,
		sessions: map[*session]struct{}{},
		keys:     map[string]*session{},
	}
	main, err := t.OpenEndpoint()
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
func (t *Tap) Close() error { return t.link.Close() }

// serve carries one connection from its first byte to its last.
func (t *Tap) serve(client *fault.Conn, e *Endpoint) {
	first, err := readStartup(client)
	if err != nil {
		return
	}
	if first.code == cancelRequest {
		t.relayCancel(client, first)
		return
	}
	if t.refuse(client, first) {
		e.arrivals.Add(1)
		return
	}
	s := t.open(client)
	e.arrivals.Add(1)
	defer t.finish(s)
	s.run(first)
}

// connect dials the server.
func (t *Tap) connect() (net.Conn, error) {
	server, err := t.dial()
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	return server, nil
}
