package learner

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/runner"
)

// attempts are runs that a test decides about.
type attempts chan context.Context

func (a attempts) test(ctx context.Context, _ runner.Options, _ func(runner.Test)) (*runner.Result, error) {
	a <- ctx
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func take[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func TestNewestRunEndsTheOneBefore(t *testing.T) {
	a := make(attempts)
	r := NewRuns(a.test)
	var began []string
	r.Began = func(o runner.Options) { began = append(began, o.Step.Name) }
	for _, name := range []string{"first", "second", "third"} {
		r.Start(t.Context(), runner.Options{Step: &course.Step{Name: name}})
	}
	assert.Equal(t, []string{"first"}, began, "one at a time")
	take(t, a)
	end := take(t, r.Ended())
	require.ErrorIs(t, end.Err, ErrNewer)
	assert.False(t, r.Finish(end), "a newer run has begun")
	assert.Equal(t, []string{"first", "third"}, began)
	third := take(t, a)
	r.Stop()
	assert.Error(t, third.Err())
	assert.False(t, r.Going())
}

func TestPanicOfARunReachesWhoFinishesIt(t *testing.T) {
	r := NewRuns(func(context.Context, runner.Options, func(runner.Test)) (*runner.Result, error) { panic("on purpose") })
	r.Start(t.Context(), runner.Options{})
	end := take(t, r.Ended())
	assert.PanicsWithValue(t, "on purpose", func() { r.Finish(end) })
	assert.False(t, r.Going())
}

func TestWhatARunHasToSayComesAtOnce(t *testing.T) {
	r := NewRuns(func(ctx context.Context, o runner.Options, onTest func(runner.Test)) (*runner.Result, error) {
		o.Progress("go: downloading")
		o.Waiting("linking the test program")
		onTest(runner.Test{Name: "TestAdd"})
		<-ctx.Done()
		onTest(runner.Test{Name: "TestLate"}) // nobody is to hear of it
		return nil, context.Cause(ctx)
	})
	r.Start(t.Context(), runner.Options{})
	assert.Equal(t, Saying{Text: "go: downloading"}, take(t, r.Said()))
	assert.Equal(t, Saying{Text: "linking the test program", Waiting: true}, take(t, r.Said()))
	assert.Equal(t, "TestAdd", take(t, r.Heard()).Name)
	assert.False(t, r.Replaced())
	r.Start(t.Context(), runner.Options{})
	assert.True(t, r.Replaced())
	end := take(t, r.Ended())
	assert.ErrorIs(t, end.Err, ErrNewer)
	r.Finish(end)
	r.Stop()
}
