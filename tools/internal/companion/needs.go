package companion

import (
	"context"
	"sync"
)

// needs are what tests need, such as PostgreSQL: started once, at the first run, and not
// given up when a newer save ends that run. A start that failed is tried again by the
// next run.
type needs struct {
	ctx   context.Context // of the companion
	start func(ctx context.Context, say func(string)) (stop func(), err error)

	mu      sync.Mutex
	say     func(string) // of the run that waits
	started chan struct{}
	release func()
	err     error
}

func newNeeds(ctx context.Context, start func(context.Context, func(string)) (func(), error)) *needs {
	return &needs{ctx: ctx, start: start}
}

// wait starts them, unless they run or start already, and returns once they run.
func (n *needs) wait(ctx context.Context, say func(string)) error {
	n.mu.Lock()
	n.say = say
	if n.started == nil {
		n.started = make(chan struct{})
		go n.begin(n.started)
	}
	started := n.started
	n.mu.Unlock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-started:
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		n.started = nil
	}
	return n.err
}

func (n *needs) begin(started chan struct{}) {
	release, err := n.start(n.ctx, n.tell)
	n.mu.Lock()
	n.release, n.err = release, err
	n.mu.Unlock()
	close(started)
}

// tell passes on what the start does to the run that waits for it.
func (n *needs) tell(line string) {
	n.mu.Lock()
	say := n.say
	n.mu.Unlock()
	if say != nil {
		say(line)
	}
}

// stop waits for a start that goes on and lets go of what it started.
func (n *needs) stop() {
	n.mu.Lock()
	started := n.started
	n.mu.Unlock()
	if started == nil {
		return
	}
	<-started
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.release != nil {
		n.release()
	}
}
