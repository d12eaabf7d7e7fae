package main

import (
	"context"
	"math"

	"example.com/boxoffice/steps/10-scale-out/boxoffice"
)

// faulty is a store with a bug, for tests and drills: it panics when somebody asks for the
// event with the highest id that there can be.
type faulty struct{ boxoffice.Store }

// Event panics, or does what it should.
func (f faulty) Event(ctx context.Context, id int64) (boxoffice.Event, error) {
	if id == math.MaxInt64 {
		panic("secret detail of a bug in the store")
	}
	return f.Store.Event(ctx, id)
}
