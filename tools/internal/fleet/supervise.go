package fleet

import (
	"context"
	"fmt"
	"time"
)

// shortLife is how soon a process ends that won't do better the next time.
const shortLife = 2 * time.Second

// Change is something that [Fleet.Supervise] has seen or done.
type Change int

// The changes.
const (
	Began  Change = iota // a process runs, again or for the first time
	Ended                // it has ended, and will be started again
	Failed               // it ended right after its start, and won't
)

// EndedError says that no instance is left.
type EndedError struct{ Member *Member }

func (e *EndedError) Error() string {
	return fmt.Sprintf("the API ended by itself (%s)", e.Member.Process().Ending())
}

// Supervise launches all members and starts again what ends, as an orchestrator does, until ctx
// ends. It then returns nil, and leaves the processes to Stop. A process that ends right after its
// start stays away, and so does an instance that is the only one; when none is left, the error is
// an *EndedError. Tell is called for each change, from one goroutine.
func (f *Fleet) Supervise(ctx context.Context, tell func(*Member, Change)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	members, instances := f.Members(), len(f.Instances())
	ended, again := make(chan *Member), make(chan *Member)
	launch := func(m *Member) error {
		if err := m.Launch(); err != nil {
			return err
		}
		tell(m, Began)
		go pass(ctx, m.Process().Exited(), m, ended)
		return nil
	}
	for _, m := range members {
		if err := launch(m); err != nil {
			return err
		}
	}
	for running := instances; ; {
		select {
		case <-ctx.Done():
			return nil
		case m := <-again:
			if err := launch(m); err != nil {
				return err
			}
		case m := <-ended:
			only := m.Role.Listens && instances == 1
			if m.Lived() >= shortLife && !only {
				tell(m, Ended)
				time.AfterFunc(RestartDelay, func() { pass(ctx, closed, m, again) })
				continue
			}
			if m.Role.Listens {
				running--
			}
			if running == 0 {
				return &EndedError{m}
			}
			tell(m, Failed)
		}
	}
}

// closed is a channel that nobody waits for.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// pass sends m once something has happened, unless ctx ends.
func pass(ctx context.Context, happened <-chan struct{}, m *Member, to chan<- *Member) {
	select {
	case <-happened:
	case <-ctx.Done():
		return
	}
	select {
	case to <- m:
	case <-ctx.Done():
	}
}
