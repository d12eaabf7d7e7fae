package fleet

import (
	"context"
	"fmt"
	"time"
)

// RestartDelay is how long a process stays away that has ended, until it is started again.
const RestartDelay = time.Second

// CheckEvery is how often a balancer for people asks each instance whether it is ready: slower
// than in tests, so that they see what happens in between.
const CheckEvery = 500 * time.Millisecond

// Deploy restarts one instance after the other, as a rolling deployment does: each is told to
// leave, and the next one waits until the balancer sees the new one.
func (f *Fleet) Deploy(ctx context.Context) error {
	for n, instance := range f.Instances() {
		_ = instance.Stop() // one that stayed was killed
		select {
		case <-time.After(RestartDelay):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := instance.Start(ctx); err != nil {
			return err
		}
		if err := f.AwaitReady(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// AwaitReady waits until the balancer passes requests to the nth instance, counted from 0. There
// must be a balancer.
func (f *Fleet) AwaitReady(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, BootTimeout, fmt.Errorf("instance %s doesn't answer GET /readyz with 200", f.Instances()[n].Name))
	defer cancel()
	if f.Front().Await(ctx, n, true) != nil {
		return context.Cause(ctx)
	}
	return nil
}
