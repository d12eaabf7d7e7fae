package fault

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// delay is how much longer a round trip takes.
type delay struct{ d atomic.Int64 }

func (d *delay) set(to time.Duration) { d.d.Store(int64(to)) }

func (d *delay) on() bool { return d.d.Load() > 0 }

func (d *delay) wait(ctx context.Context) error {
	if !d.on() {
		return context.Cause(ctx)
	}
	return Sleep(ctx, time.Duration(d.d.Load()))
}

// Sleep waits for so long. When ctx ends before, it returns its cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stall stops everything for as long as anybody wants it to.
type stall struct {
	over atomic.Pointer[chan struct{}] // closed when it ends; nil: nothing is stalled

	mu    sync.Mutex
	times int // that it was begun and not resumed
}

func (s *stall) begin() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times++; s.times == 1 {
		over := make(chan struct{})
		s.over.Store(&over)
	}
	return sync.OnceFunc(s.end)
}

func (s *stall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times--; s.times == 0 {
		close(*s.over.Swap(nil))
	}
}

func (s *stall) on() bool { return s.over.Load() != nil }

func (s *stall) wait(ctx context.Context) error {
	for over := s.over.Load(); over != nil; over = s.over.Load() {
		select {
		case <-*over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return context.Cause(ctx)
}
