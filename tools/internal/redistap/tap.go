// Package redistap measures and disturbs what an API says to Redis.
//
// A [Tap] is a proxy on the loopback interface. The API connects to it instead of the server, and
// every byte passes on untouched while the tap reads along: which connections are opened, which
// commands run on them. Any client will do, since only the wire protocol counts
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
//
// The tap can also hold a command or its reply at a gate, delay and stall all, cut connections and be
// down: see package fault for what these words mean.
package redistap

import (
	"context"
	"fmt"
	"net"
	"sync"

	"example.com/boxoffice/tools/internal/fault"
)

// Tap is a proxy in front of a Redis that counts what passes. All of its methods may be called from
// any goroutine.
type Tap struct {
	fault.Faults
	link     *fault.Link
	listener *fault.Listener
	dial     func(context.Context) (net.Conn, error)
	commands fault.Gates[Command] // before the server
	replies  fault.Gates[Command]

	mu     sync.Mutex // guards all below, and the marked fields of sessions
	counts Stats
	log    []Command
}

// New starts a tap on a free port of the loopback interface. It calls dial for each connection to
// the server. Close it when done.
func New(dial func(ctx context.Context) (net.Conn, error)) (*Tap, error) {
	link := fault.NewLink()
	listener, err := link.Listen()
	if err != nil {
		return nil, fmt.Errorf("await the API's connections to Redis: %w", err)
	}
	t := &Tap{Faults: link.Faults(), link: link, listener: listener, dial: dial}
	listener.Serve(t.serve)
	return t, nil
}

// Addr returns the address that the tap listens on, as host:port.
func (t *Tap) Addr() string { return t.listener.Addr().String() }

// Close closes every connection and returns once nothing of the tap runs any more. What was
// measured stays readable.
func (t *Tap) Close() error { return t.link.Close() }

// serve carries one connection from its first byte to its last.
func (t *Tap) serve(client *fault.Conn) {
	s := t.open(client)
	defer t.finish(s)
	s.run()
}

// open counts a connection.
func (t *Tap) open(client *fault.Conn) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Connections++
	t.counts.Open++
	return newSession(t, t.counts.Connections, client)
}

func (t *Tap) finish(s *session) {
	s.client.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Open--
}
