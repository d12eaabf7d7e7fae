package pgtap

import (
	"fmt"
	"sync/atomic"

	"example.com/boxoffice/tools/internal/fault"
)

// Endpoint is an address of a [Tap]. A tap may have several, so that whoever waits for one of its
// clients can tell it from the others. What comes to any of them is counted alike.
type Endpoint struct {
	listener *fault.Listener
	arrivals atomic.Int64
}

// OpenEndpoint makes one more address. It is closed with the tap.
func (t *Tap) OpenEndpoint() (*Endpoint, error) {
	listener, err := t.link.Listen()
	if err != nil {
		return nil, fmt.Errorf("await connections to PostgreSQL: %w", err)
	}
	e := &Endpoint{listener: listener}
	listener.Serve(func(client *fault.Conn) { t.serve(client, e) })
	return e, nil
}

// Addr returns the address, as host:port.
func (e *Endpoint) Addr() string { return e.listener.Addr().String() }

// Arrivals returns how many connections came to the address, those that were turned away included.
// They are in the counts of the tap already. Cancel requests are none.
func (e *Endpoint) Arrivals() int { return int(e.arrivals.Load()) + e.listener.TurnedAway() }
