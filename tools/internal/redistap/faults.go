package redistap

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"time"
)

// Delay makes each round trip take d longer: Redis is in another building. Zero ends it.
func (t *Tap) Delay(d time.Duration) { t.delay.Store(int64(d)) }

// Refuse resets new connections, and cuts those that are open, until it is called with false: Redis
// is not there.
func (t *Tap) Refuse(refuse bool) {
	t.refuse.Store(refuse)
	if refuse {
		t.CutAll()
	}
}

// CutAll closes all connections of the API's and returns how many there were. New ones are welcome.
func (t *Tap) CutAll() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	cut := 0
	for s := range t.sessions {
		if !s.isClosed() {
			cut++
		}
		s.close()
	}
	return cut
}

// Stall freezes everything that passes until release is called: Redis answers no more, and doesn't
// hang up either. Connections are still accepted.
func (t *Tap) Stall() (release func()) {
	over := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stalls = append(slices.Clone(t.stalls), over)
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.stalls = slices.DeleteFunc(slices.Clone(t.stalls), func(other chan struct{}) bool { return other == over })
		close(over)
	})
}

// turnAway resets a connection, as a port does that nobody listens on.
func (t *Tap) turnAway(client net.Conn) {
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = client.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Refused++
}

// stalled waits until nothing stalls any more.
func (s *session) stalled(w *bufio.Writer) error {
	for {
		s.tap.mu.Lock()
		stalls := s.tap.stalls
		s.tap.mu.Unlock()
		if len(stalls) == 0 {
			return nil
		}
		if err := s.wait(w, stalls[0]); err != nil {
			return err
		}
	}
}

func (s *session) delay(w *bufio.Writer) error {
	d := time.Duration(s.tap.delay.Load())
	if d <= 0 {
		return nil
	}
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	return s.wait(w, over)
}
