// Package redistap measures and disturbs what an API says to Redis.
//
// A [Tap] is a proxy on the loopback interface. The API connects to it instead of the server, and
// every byte passes on untouched while the tap reads along: which connections are opened, which
// commands run on them. Any client will do, since only the wire protocol counts
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
//
// The tap can also hold a command or its reply at a [Gate], delay, stall, refuse and cut.
package redistap

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Tap is a proxy in front of a Redis that counts what passes. All of its methods may be called from
// any goroutine.
type Tap struct {
	dial     func(context.Context) (net.Conn, error)
	listener net.Listener
	running  sync.WaitGroup
	ctx      context.Context // ends with the tap
	end      context.CancelFunc

	delay  atomic.Int64 // nanoseconds
	refuse atomic.Bool

	mu       sync.Mutex // guards all below, and the marked fields of sessions and gates
	sessions map[*session]struct{}
	counts   Stats
	log      []Command
	gates    []*Gate         // that are shut
	stalls   []chan struct{} // that nobody has released
}

// New starts a tap on a free port of the loopback interface. It calls dial for each connection to
// the server. Close it when done.
func New(dial func(ctx context.Context) (net.Conn, error)) (*Tap, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the API's connections to Redis: %w", err)
	}
	t := &Tap{dial: dial, listener: listener, sessions: map[*session]struct{}{}}
	t.ctx, t.end = context.WithCancel(context.Background())
	t.running.Go(t.accept)
	return t, nil
}

// Addr returns the address that the tap listens on, as host:port.
func (t *Tap) Addr() string { return t.listener.Addr().String() }

// Close closes every connection and returns once nothing of the tap runs any more. What was
// measured stays readable.
func (t *Tap) Close() error {
	t.end()
	err := t.listener.Close()
	t.CutAll()
	t.running.Wait()
	return err
}

func (t *Tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		if t.refuse.Load() {
			t.turnAway(client)
			continue
		}
		s := t.open(client)
		t.running.Go(func() {
			defer t.finish(s)
			s.run()
		})
	}
}

// open counts a connection. One that came just before the tap closed or refused is closed at once.
func (t *Tap) open(client net.Conn) *session {
	s := &session{tap: t, client: client, closed: make(chan struct{}), left: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Connections++
	t.counts.Open++
	s.id = t.counts.Connections
	t.sessions[s] = struct{}{}
	if t.ctx.Err() != nil || t.refuse.Load() {
		s.close()
	}
	return s
}

func (t *Tap) finish(s *session) {
	s.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Open--
	delete(t.sessions, s)
}
