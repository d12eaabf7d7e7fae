package companion

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// audience are the pages that look. Each gets the newest state; what it was too slow for
// is skipped.
type audience struct {
	mu    sync.Mutex
	id    int
	text  []byte // of the newest state; nil before the first
	pages map[chan event]bool
}

// event is one state of all.
type event struct {
	id   int
	text []byte
}

func newAudience() *audience { return &audience{pages: map[chan event]bool{}} }

// tell sends a state to all pages, unless it is what they have.
func (a *audience) tell(text []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes.Equal(text, a.text) {
		return
	}
	a.id++
	a.text = text
	for page := range a.pages {
		select { // take away what the page hasn't read yet
		case <-page:
		default:
		}
		page <- event{a.id, text}
	}
}

// join gives the newest state, if there is one, and all that come, until leave is called.
func (a *audience) join() (states <-chan event, leave func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	page := make(chan event, 1)
	if a.text != nil {
		page <- event{a.id, a.text}
	}
	a.pages[page] = true
	return page, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.pages, page)
	}
}

const (
	// heartbeat is how often a silent stream shows that it lives, so that a page that went
	// away is noticed.
	heartbeat = 15 * time.Second
	// retryAfter is when a page tries again whose stream ended.
	retryAfter = time.Second
	// writeWithin is how long a page may take to accept an event.
	writeWithin = 10 * time.Second
)

// stream answers GET /api/events with server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html): the state now, and
// again whenever it changes. It ends with the request or the server.
func (c *Companion) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a stream has no end
	states, leave := c.pages.join()
	defer leave()
	send := func(format string, args ...any) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeWithin))
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && control.Flush() == nil
	}
	ok := send("retry: %d\n\n", retryAfter.Milliseconds())
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for ok {
		select {
		case <-r.Context().Done():
			return
		case e := <-states:
			ok = send("id: %d\nevent: state\ndata: %s\n\n", e.id, e.text)
		case <-beat.C:
			ok = send(": still here\n\n")
		}
	}
}
