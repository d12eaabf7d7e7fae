package fault

import (
	"slices"
	"sync"
	"sync/atomic"
)

// When says on which side of a request a [Cut] falls.
type When int

const (
	// Before cuts before the server sees the request: nothing has happened.
	Before When = iota
	// After cuts once the server has done what was asked, in the place of its answer: the client can't
	// know.
	After
)

func (w When) String() string {
	if w == Before {
		return "before"
	}
	return "after"
}

// Cut ends a connection at one request, which is described by a T.
type Cut[T any] struct {
	// When says on which side of the request it falls.
	When When

	k       int
	match   func(T) bool
	seen    int // guarded by the Cuts that made it
	forget  func(*Cut[T])
	reached chan struct{}
	at      T // set before reached is closed
}

// Reached is closed once the connection is cut.
func (c *Cut[T]) Reached() <-chan struct{} { return c.reached }

// At returns the request at which the connection was cut, or false if that has not come.
func (c *Cut[T]) At() (at T, fallen bool) {
	select {
	case <-c.reached:
		return c.at, true
	default:
		return at, false
	}
}

// Stop calls the cut off if its request has not come.
func (c *Cut[T]) Stop() { c.forget(c) }

// Fall notes that the connection was cut, at a request that was due. It falls once.
func (c *Cut[T]) Fall(at T) {
	c.at = at
	close(c.reached)
}

// Cuts are those that have not fallen. The zero value has none. All methods may be called from any
// goroutine.
type Cuts[T any] struct {
	mu      sync.Mutex                // for changes, and what cuts have seen
	pending atomic.Pointer[[]*Cut[T]] // what it points to never changes
}

// CutAt has the connection of the k-th request that matches from now on cut, counted from 1.
func (cs *Cuts[T]) CutAt(k int, when When, match func(T) bool) *Cut[T] {
	c := &Cut[T]{When: when, k: k, match: match, forget: cs.remove, reached: make(chan struct{})}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.set(append(slices.Clone(cs.all()), c))
	return c
}

// Due counts a request, and returns the cut that is due at it, or nil. The caller cuts the connection,
// on the side that the cut says, and has it [Cut.Fall].
func (cs *Cuts[T]) Due(v T) *Cut[T] {
	for _, c := range cs.all() {
		if c.match(v) && cs.claim(c) {
			return c
		}
	}
	return nil
}

// claim counts a request for a cut, and reports whether it is the one to cut at.
func (cs *Cuts[T]) claim(c *Cut[T]) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !slices.Contains(cs.all(), c) { // stopped meanwhile
		return false
	}
	if c.seen++; c.seen < c.k {
		return false
	}
	cs.drop(c)
	return true
}

func (cs *Cuts[T]) all() []*Cut[T] {
	if pending := cs.pending.Load(); pending != nil {
		return *pending
	}
	return nil
}

// set replaces the cuts. The caller holds cs.mu, as for drop.
func (cs *Cuts[T]) set(pending []*Cut[T]) { cs.pending.Store(&pending) }

func (cs *Cuts[T]) drop(c *Cut[T]) {
	cs.set(slices.DeleteFunc(slices.Clone(cs.all()), func(other *Cut[T]) bool { return other == c }))
}

func (cs *Cuts[T]) remove(c *Cut[T]) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.drop(c)
}
