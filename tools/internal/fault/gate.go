package fault

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
)

// Gate holds requests, or their replies, until it is opened: the way to stop time where a test needs
// it. What waits at a gate is sent and counted, as far as anyone can tell.
//
// A client that hangs up takes along what is held of it before the server: that never gets there. A
// process that was killed has hung up as soon as anybody can see that it has ended.
type Gate struct {
	opening sync.Once
	opened  chan struct{}
	reached chan struct{}
	forget  func(*Gate) // removes it from those that are shut

	mu   sync.Mutex // guards all below
	hits int
	held int
	came chan struct{} // closed and made anew with each hit
}

// Open lets everything pass, now and from now on.
func (g *Gate) Open() {
	g.opening.Do(func() {
		g.forget(g)
		close(g.opened)
	})
}

// Reached is closed once a first one waits at the gate.
func (g *Gate) Reached() <-chan struct{} { return g.reached }

// Hits returns how many have come to wait at the gate.
func (g *Gate) Hits() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hits
}

// Held returns how many wait at the gate now.
func (g *Gate) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// Await returns once n have come to wait at the gate in all. When ctx ends first, the error says how
// many it were.
func (g *Gate) Await(ctx context.Context, n int) error {
	for {
		g.mu.Lock()
		hits, came := g.hits, g.came
		g.mu.Unlock()
		if hits >= n {
			return nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d at the gate, where %d came: %w", n, hits, ctx.Err())
		}
	}
}

// Pass waits at the gate until it is opened. When ctx ends before, it returns its cause: whatever was
// held then goes no further. At an open gate nobody waits.
func (g *Gate) Pass(ctx context.Context) error {
	if g.isOpen() {
		return nil
	}
	g.arrive()
	defer g.leave()
	select {
	case <-g.opened:
	case <-ctx.Done():
	}
	return context.Cause(ctx) // when both have come, nobody is there to go on for
}

func (g *Gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

func (g *Gate) arrive() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held++
	if g.hits++; g.hits == 1 {
		close(g.reached)
	}
	close(g.came)
	g.came = make(chan struct{})
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
}

// Gates are the gates at one place of a protocol, for what is described by a T. The zero value has
// none. All methods may be called from any goroutine.
type Gates[T any] struct {
	mu   sync.Mutex                     // for changes
	shut atomic.Pointer[[]selective[T]] // what it points to never changes
}

// selective is a gate with what it is for.
type selective[T any] struct {
	*Gate
	match func(T) bool
}

// Hold adds a gate for what matches.
func (gs *Gates[T]) Hold(match func(T) bool) *Gate {
	g := &Gate{
		opened:  make(chan struct{}),
		reached: make(chan struct{}),
		came:    make(chan struct{}),
		forget:  gs.remove,
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.set(append(slices.Clone(gs.all()), selective[T]{g, match}))
	return g
}

// None reports whether all gates are open.
func (gs *Gates[T]) None() bool { return len(gs.all()) == 0 }

// For returns the gates that are shut for v, in the order they were made. Pass each.
func (gs *Gates[T]) For(v T) iter.Seq[*Gate] {
	return func(yield func(*Gate) bool) {
		for _, g := range gs.all() {
			if g.match(v) && !yield(g.Gate) {
				return
			}
		}
	}
}

// Pass waits at each gate that is shut for v, and reports whether there was any. When ctx ends before
// all are opened, it returns its cause.
func (gs *Gates[T]) Pass(ctx context.Context, v T) (held bool, err error) {
	for g := range gs.For(v) {
		held = true
		if err := g.Pass(ctx); err != nil {
			return held, err
		}
	}
	return held, nil
}

func (gs *Gates[T]) all() []selective[T] {
	if shut := gs.shut.Load(); shut != nil {
		return *shut
	}
	return nil
}

// set replaces the gates. The caller holds gs.mu, or nobody else has gs yet.
func (gs *Gates[T]) set(shut []selective[T]) { gs.shut.Store(&shut) }

func (gs *Gates[T]) remove(g *Gate) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.set(slices.DeleteFunc(slices.Clone(gs.all()), func(other selective[T]) bool { return other.Gate == g }))
}
