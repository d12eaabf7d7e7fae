package redis

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// own is a Redis that nobody else has: a server of its own, or a stand-in. Databases of one
// server would still share channels, scripts and FLUSHALL.
type own struct {
	redis *Source

	mu      sync.Mutex
	network string // "" before the first connection
	address string
	stop    func()
	closed  bool
}

// dial connects, and starts the server when it is the first to.
func (o *own) dial(ctx context.Context) (net.Conn, error) {
	network, address, err := o.start()
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

func (o *own) start() (network, address string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return "", "", net.ErrClosed
	case o.network != "":
		return o.network, o.address, nil
	}
	if found, reason := o.redis.program(); reason == "" {
		socket, stop, err := found.start()
		if err == nil {
			o.network, o.address, o.stop = "unix", socket, stop
			return o.network, o.address, nil
		}
		o.redis.giveUp(err)
	}
	address, stop, err := startStandIn()
	if err != nil {
		return "", "", err
	}
	o.network, o.address, o.stop = "tcp", address, stop
	return o.network, o.address, nil
}

func (o *own) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop != nil && !o.closed {
		o.stop()
	}
	o.closed = true
	return nil
}

// standInTick is how exactly the stand-in's keys expire.
const standInTick = 5 * time.Millisecond

// startStandIn starts a miniredis. It has no clock of its own: keys expire as its time is moved on.
func startStandIn() (address string, stop func(), err error) {
	server, err := miniredis.Run()
	if err != nil {
		return "", nil, err
	}
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		ticker := time.NewTicker(standInTick)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			now := time.Now()
			server.FastForward(now.Sub(last))
			last = now
		}
	})
	return server.Addr(), func() {
		close(done)
		ticking.Wait()
		server.Close()
	}, nil
}
