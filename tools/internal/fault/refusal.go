package fault

import (
	"slices"
	"sync"
	"time"
)

// Refusal answers requests with no.
type Refusal struct {
	mu   sync.Mutex // guards all below
	left int        // how many more it answers; negative: no end
	hits []time.Time
}

// Hits returns how many were refused.
func (r *Refusal) Hits() int { return len(r.Times()) }

// Times returns when each was refused, the first one first.
func (r *Refusal) Times() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.hits)
}

// Stop ends the refusal.
func (r *Refusal) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = 0
}

// claim reports whether the refusal applies to one more, and counts it.
func (r *Refusal) claim() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.hits = append(r.hits, time.Now())
	if r.left > 0 {
		r.left--
	}
	return true
}

// Refusals are those at one place of a protocol, for what is described by a T, with an A to answer. The
// zero value has none. All methods may be called from any goroutine.
type Refusals[T, A any] struct {
	mu  sync.Mutex
	all []answer[T, A]
}

// answer is a refusal with what it is for and what it says.
type answer[T, A any] struct {
	*Refusal
	match func(T) bool
	with  A
}

// Refuse answers all that match, until the refusal is stopped.
func (rs *Refusals[T, A]) Refuse(match func(T) bool, with A) *Refusal { return rs.add(-1, match, with) }

// RefuseNext answers the next n that match.
func (rs *Refusals[T, A]) RefuseNext(n int, match func(T) bool, with A) *Refusal {
	return rs.add(max(n, 0), match, with)
}

func (rs *Refusals[T, A]) add(n int, match func(T) bool, with A) *Refusal {
	r := &Refusal{left: n}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.all = append(rs.all, answer[T, A]{r, match, with})
	return r
}

// For returns what to answer to v, and whether it is refused: by the first that matches.
func (rs *Refusals[T, A]) For(v T) (with A, refused bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.all {
		if r.match(v) && r.claim() {
			return r.with, true
		}
	}
	return with, false
}
