package verify

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// task is something that the round has to do: a job, or building a bundle for several.
type task struct {
	weight int // places that it takes
	long   int // roughly how many seconds it takes: the longer, the sooner it starts
	run    func()
}

// queue starts tasks side by side, as many as fit into its places: those first that are
// over at once, then the long ones, so that nothing long runs on alone at the end. A task
// may add others while it runs.
//
// Most tasks wait for time-outs and for each other more than they compute. So a place more
// is lent while the processors have nothing to do, and taken back while they have too much.
type queue struct {
	mu     sync.Mutex
	change *sync.Cond
	places int // that there always are
	lent   int // beside them
	free   int // less than 0 while a place that was lent is still in use
	taken  int
	tasks  []task
	idle   func() float64 // the part of all processors' time that was idle since it was asked last; nil for none
}

func newQueue(places int, idle func() float64) *queue {
	q := &queue{places: places, free: places, idle: idle}
	q.change = sync.NewCond(&q.mu)
	return q
}

// How places are lent: lookEvery is how often; lendAbove, lendTwoAbove and takeBackBelow are
// parts of all processors' time that was idle since the last look.
const (
	lookEvery     = time.Second
	lendAbove     = 0.30
	lendTwoAbove  = 0.50
	takeBackBelow = 0.10
)

// adjust lends a place or two, or takes one back. At most twice as many are lent as there
// always are.
func (q *queue) adjust(idle float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case idle > lendAbove && len(q.tasks) > 0 && q.tasks[0].weight > q.free && q.lent < 2*q.places:
		more := 1
		if idle > lendTwoAbove {
			more = min(2, 2*q.places-q.lent)
		}
		q.lent += more
		q.free += more
		q.change.Broadcast()
	case idle < takeBackBelow && q.lent > 0:
		q.lent--
		q.free--
	}
}

// lend adjusts the places until the returned function is called.
func (q *queue) lend() (stop func()) {
	done := make(chan struct{})
	if q.idle == nil {
		return func() {}
	}
	q.idle()
	go func() {
		look := time.NewTicker(lookEvery)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				q.adjust(q.idle())
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

func (q *queue) add(tasks ...task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range tasks {
		t.weight = min(max(t.weight, 1), q.places)
		q.tasks = append(q.tasks, t)
	}
	slices.SortStableFunc(q.tasks, func(a, b task) int {
		if (a.long == 0) != (b.long == 0) {
			return cmp.Compare(min(a.long, 1), min(b.long, 1))
		}
		return cmp.Compare(b.long, a.long)
	})
	q.change.Broadcast()
}

// drain runs tasks until none is left.
func (q *queue) drain() {
	defer q.lend()()
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case len(q.tasks) > 0 && q.tasks[0].weight <= q.free:
			next := q.tasks[0]
			q.tasks = q.tasks[1:]
			q.free -= next.weight
			q.taken += next.weight
			go func() {
				next.run()
				q.mu.Lock()
				defer q.mu.Unlock()
				q.free += next.weight
				q.taken -= next.weight
				q.change.Broadcast()
			}()
		case len(q.tasks) == 0 && q.taken == 0:
			return
		default:
			q.change.Wait()
		}
	}
}
