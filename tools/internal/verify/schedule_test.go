package verify

import (
	"slices"
	"sync"
	"testing"
)

func TestQueueStartsTheLongFirst(t *testing.T) {
	t.Parallel()
	q := newQueue(1, nil)
	var order []string
	note := func(name string) func() { return func() { order = append(order, name) } }
	q.add(task{1, 5, note("five")}, task{1, 0, note("at once")}, task{1, 90, func() {
		order = append(order, "ninety")
		q.add(task{1, 41, note("added")})
	}}, task{7, 40, note("heavier than the places")})
	q.drain()
	if want := []string{"at once", "ninety", "added", "heavier than the places", "five"}; !slices.Equal(order, want) {
		t.Errorf("ran %q, want %q", order, want)
	}
}

func TestQueueKeepsToItsPlaces(t *testing.T) {
	t.Parallel()
	q := newQueue(5, nil)
	var mu sync.Mutex
	now, most, ran := 0, 0, 0
	work := func(weight int) func() {
		return func() {
			mu.Lock()
			now, ran = now+weight, ran+1
			most = max(most, now)
			mu.Unlock()
			mu.Lock()
			now -= weight
			mu.Unlock()
		}
	}
	for i := range 200 {
		q.add(task{1 + i%2, i % 7, work(1 + i%2)})
	}
	q.drain()
	if ran != 200 || most > 5 {
		t.Errorf("ran %d of 200, %d places of 5 at once", ran, most)
	}
}

// While the processors are idle, tasks start beyond the places; while they are busy, places
// that were lent are taken back.
func TestIdleProcessorsLendPlaces(t *testing.T) {
	t.Parallel()
	q := newQueue(2, nil)
	started, release := make(chan string, 9), make(chan bool)
	waits := func(name string) task {
		return task{1, 1, func() { started <- name; <-release }}
	}
	q.add(waits("a"), waits("b"), waits("c"), waits("d"))
	drained := make(chan bool)
	go func() { q.drain(); close(drained) }()
	<-started
	<-started
	q.adjust(0.2)
	q.mu.Lock()
	if q.lent != 0 {
		t.Errorf("lent %d places of processors that have enough to do", q.lent)
	}
	q.mu.Unlock()
	q.adjust(0.4)
	<-started
	q.adjust(0)
	q.mu.Lock()
	if q.lent != 0 || q.free != -1 {
		t.Errorf("%d lent, %d free: the place that was lent should have been taken back, once its task is over", q.lent, q.free)
	}
	q.mu.Unlock()
	q.adjust(0.9)
	<-started
	q.mu.Lock()
	if q.lent != 2 {
		t.Errorf("%d lent by idle processors, want two at once", q.lent)
	}
	q.mu.Unlock()
	for range 100 {
		q.adjust(0.9)
	}
	q.mu.Lock()
	if q.lent != 2 {
		t.Errorf("%d lent with nothing waiting, want two", q.lent)
	}
	q.mu.Unlock()
	close(release)
	<-drained
}

func TestPartsAreEven(t *testing.T) {
	for _, c := range [][3]int{{1, 32, 1}, {32, 32, 32}, {33, 32, 17}, {65, 32, 22}, {59, 32, 30}} {
		if got := evenly(c[0], c[1]); got != c[2] {
			t.Errorf("%d things, at most %d in a part: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}
