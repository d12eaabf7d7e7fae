package pgtap

import (
	"errors"
	"slices"
)

// When says on which side of a statement a [Cut] falls.
type When int

const (
	// Before cuts before the server sees the statement: nothing has happened.
	Before When = iota
	// After cuts once the server has done the statement, and committed what there was to commit, in
	// place of its answer: the API can't know. It falls at the end of the round trip.
	After
)

func (w When) String() string {
	if w == Before {
		return "before"
	}
	return "after"
}

var errCut = errors.New("connection cut")

// Cut closes a connection at one statement.
type Cut struct {
	tap       *Tap
	k         int
	when      When
	match     Match
	seen      int // guarded by tap.mu
	fallen    chan struct{}
	statement Statement // set before fallen is closed
}

// CutAt closes the connection of the k-th statement that matches from now on, counted from 1, before
// or after the server has done it.
//
// Mind that database/sql repeats a statement by itself, on another connection, when the driver says
// that the old one was bad.
func (t *Tap) CutAt(k int, when When, m Match) *Cut {
	c := &Cut{tap: t, k: k, when: when, match: m, fallen: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cuts = append(slices.Clone(t.cuts), c)
	return c
}

// Reached is closed once the connection is cut.
func (c *Cut) Reached() <-chan struct{} { return c.fallen }

// Statement returns the statement at which the connection was cut, or false if that has not come.
func (c *Cut) Statement() (Statement, bool) {
	select {
	case <-c.fallen:
		return c.statement, true
	default:
		return Statement{}, false
	}
}

// Stop calls the cut off if its statement has not come.
func (c *Cut) Stop() {
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	c.tap.cuts = slices.DeleteFunc(slices.Clone(c.tap.cuts), func(other *Cut) bool { return other == c })
}

// claims counts a statement that matches, and reports whether it is the one to cut at. The caller
// holds tap.mu.
func (c *Cut) claims() bool {
	c.seen++
	return c.seen == c.k
}

func (c *Cut) fall(st Statement) {
	c.statement = st
	close(c.fallen)
}

// cutRequest cuts the connection before a statement, or arranges for it to be cut after.
func (s *session) cutRequest(r *request, st Statement) error {
	for _, c := range s.tap.pendingCuts() {
		if !c.match(st) || !s.claim(c, r) {
			continue
		}
		if c.when == Before {
			s.close()
			c.fall(st)
			return errCut
		}
	}
	return nil
}

func (t *Tap) pendingCuts() []*Cut {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cuts
}

func (s *session) claim(c *Cut, r *request) bool {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	if !c.claims() {
		return false
	}
	if c.when == After {
		r.cut = c
	}
	return true
}

// CutAll closes all connections of the API's and returns how many there were. New ones are welcome.
func (t *Tap) CutAll() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.sessions {
		s.close()
	}
	return len(t.sessions)
}
