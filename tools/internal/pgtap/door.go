package pgtap

import (
	"fmt"
	"net"
	"sync/atomic"
)

// Door is an address of a [Tap]. A tap may have several, so that whoever waits for one of its clients
// can tell it from the others. What comes through any door is counted alike.
type Door struct {
	listener net.Listener
	arrivals atomic.Int64
}

// OpenDoor makes one more address. It is closed with the tap.
func (t *Tap) OpenDoor() (*Door, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for connections to PostgreSQL: %w", err)
	}
	d := &Door{listener: listener}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		listener.Close()
		return nil, net.ErrClosed
	}
	t.doors = append(t.doors, d)
	t.done.Go(func() { t.accept(d) })
	return d, nil
}

// Addr returns the address, as host:port.
func (d *Door) Addr() string { return d.listener.Addr().String() }

// Arrivals returns how many connections came through the door, those that were refused included. They
// are in the counts of the tap already. Cancel requests are none.
func (d *Door) Arrivals() int { return int(d.arrivals.Load()) }
