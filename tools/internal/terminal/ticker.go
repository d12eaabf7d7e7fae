package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Ticker shows that something goes on: on a terminal one line that moves, elsewhere a
// line for each thing said. It writes to stderr, so that stdout holds results alone.
type Ticker struct {
	Out    io.Writer // stderr
	moving bool
	width  func() int

	mu             sync.Mutex
	doing, detail  string
	passed, failed int
	began          time.Time
	waited         time.Time // when a wait was last told elsewhere
	quit           chan struct{}
	done           sync.WaitGroup
}

// NewTicker makes a ticker that isn't started. width is asked for the columns of the terminal.
func NewTicker(out io.Writer, moving bool, width func() int) *Ticker {
	return &Ticker{Out: out, moving: moving, width: width}
}

// Moves reports whether there is a line that moves.
func (t *Ticker) Moves() bool { return t.moving }

// Start begins to move.
func (t *Ticker) Start(doing string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doing, t.detail, t.passed, t.failed, t.began = doing, "", 0, 0, time.Now()
	t.waited = t.began
	if !t.moving || t.quit != nil {
		return
	}
	t.quit = make(chan struct{})
	t.done.Go(func() { t.move(t.quit) })
}

func (t *Ticker) move(quit <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
			t.draw()
		}
	}
}

func (t *Ticker) draw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%s… %.1f s", t.doing, time.Since(t.began).Seconds())
	if t.passed+t.failed > 0 {
		line += fmt.Sprintf(", %d passed, %d failed", t.passed, t.failed)
	}
	if t.detail != "" {
		line += "  " + t.detail
	}
	fmt.Fprint(t.Out, "\r\x1b[K"+Clip(line, t.width()-1))
}

// Say tells what a slow part is doing.
func (t *Ticker) Say(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = line
	if t.quit == nil {
		fmt.Fprintln(t.Out, line)
	}
}

// waitEvery is how often a wait is told where no line can move.
const waitEvery = 10 * time.Second

// Wait tells what a long wait is for, which is said again and again; "" that it is over.
func (t *Ticker) Wait(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = line
	if t.moving || line == "" || time.Since(t.waited) < waitEvery {
		return
	}
	t.waited = time.Now()
	fmt.Fprintf(t.Out, "%s… %s\n", t.doing, line)
}

// Print writes a line that stays, above the one that moves.
func (t *Ticker) Print(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quit != nil {
		line = "\r\x1b[K" + line
	}
	fmt.Fprintln(t.Out, line)
}

// Count counts a test that ended.
func (t *Ticker) Count(passed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = ""
	if passed {
		t.passed++
	} else {
		t.failed++
	}
}

// Stop wipes the line. The ticker may be started again.
func (t *Ticker) Stop() {
	t.mu.Lock()
	quit := t.quit
	t.quit = nil
	t.mu.Unlock()
	if quit == nil {
		return
	}
	close(quit)
	t.done.Wait()
	fmt.Fprint(t.Out, "\r\x1b[K")
}
