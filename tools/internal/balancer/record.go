package balancer

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Record is one try to have a request answered.
type Record struct {
	Method string
	Path   string
	// Instance is the upstream's number, from 0, in the order in which they were added;
	// -1 when there was none to try.
	Instance int
	// Attempt is 1 for the first try of a request, 2 for the next.
	Attempt int
	// Status is what the instance answered; 0 when no answer's head came.
	Status int
	// Err says why no answer came, or how its body broke off.
	Err string
	// At is when the try began.
	At time.Time
}

// String tells of the try: "POST /orders, try 1, instance A: 201".
func (r Record) String() string {
	instance := "no instance"
	if r.Instance >= 0 {
		instance = "instance " + string(rune('A'+r.Instance))
	}
	what := r.Err
	if r.Status != 0 {
		what = strings.TrimSuffix(fmt.Sprintf("%d, %s", r.Status, r.Err), ", ")
	}
	return fmt.Sprintf("%s %s, try %d, %s: %s", r.Method, r.Path, r.Attempt, instance, what)
}

// records is the list of tries, in the order in which they were decided.
type records struct {
	observe func(Record) // told instead of the list, when there is one

	mu   sync.Mutex
	list []Record
}

// add adds a record and returns its place.
func (r *records) add(record Record) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.observe != nil {
		r.observe(record)
		return -1
	}
	r.list = append(r.list, record)
	return len(r.list) - 1
}

// breakOff says in the record at that place how the answer's body broke off.
func (r *records) breakOff(place int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if place < 0 {
		return
	}
	r.list[place].Err = "the body broke off: " + err.Error()
}

func (r *records) all() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Record(nil), r.list...)
}
