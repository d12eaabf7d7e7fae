package pgtap

import (
	"errors"

	"example.com/boxoffice/tools/internal/fault"
)

var errCut = errors.New("connection cut")

// CutAt closes the connection of the k-th statement that matches from now on, counted from 1: before the
// server sees it, or after, once the server has done it and committed what there was to commit. After
// falls at the end of the round trip.
//
// Mind that database/sql repeats a statement by itself, on another connection, when the driver says
// that the old one was bad.
func (t *Tap) CutAt(k int, when fault.When, m Match) *fault.Cut[Statement] {
	return t.cuts.CutAt(k, when, m)
}

// cutRequest cuts the connection before a statement, or arranges for it to be cut after.
func (s *session) cutRequest(r *request, st Statement) error {
	c := s.tap.cuts.Due(st)
	if c == nil {
		return nil
	}
	if c.When == fault.Before {
		s.client.Close()
		c.Fall(st)
		return errCut
	}
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	r.cut = c
	return nil
}
