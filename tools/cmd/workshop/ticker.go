package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"example.com/boxoffice/tools/internal/runner"
)

// ticker shows that something goes on: on a terminal one line that moves, elsewhere a
// line for each thing said. It writes to stderr, so that stdout holds results alone.
type ticker struct {
	out    io.Writer
	moving bool
	width  func() int

	mu             sync.Mutex
	doing, detail  string
	passed, failed int
	began          time.Time
	quit           chan struct{}
	done           sync.WaitGroup
}

func (e *env) newTicker() *ticker {
	_, moving := terminal(e.stderr)
	return &ticker{
		out: e.stderr, moving: moving && !e.plain && e.getenv("TERM") != "dumb",
		width: func() int { columns, _ := e.Size(); return columns },
	}
}

// start begins to move.
func (t *ticker) start(doing string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doing, t.detail, t.passed, t.failed, t.began = doing, "", 0, 0, time.Now()
	if !t.moving || t.quit != nil {
		return
	}
	t.quit = make(chan struct{})
	t.done.Go(func() { t.move(t.quit) })
}

func (t *ticker) move(quit <-chan struct{}) {
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

func (t *ticker) draw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%s… %.1f s", t.doing, time.Since(t.began).Seconds())
	if t.passed+t.failed > 0 {
		line += fmt.Sprintf(", %d passed, %d failed", t.passed, t.failed)
	}
	if t.detail != "" {
		line += "  " + t.detail
	}
	fmt.Fprint(t.out, "\r\x1b[K"+clip(line, t.width()-1))
}

// say tells what a slow part is doing.
func (t *ticker) say(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = line
	if t.quit == nil {
		fmt.Fprintln(t.out, line)
	}
}

// test counts a test that ended.
func (t *ticker) test(test runner.Test) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detail = ""
	if test.Status == runner.Passed {
		t.passed++
	} else {
		t.failed++
	}
}

// stop wipes the line. The ticker may be started again.
func (t *ticker) stop() {
	t.mu.Lock()
	quit := t.quit
	t.quit = nil
	t.mu.Unlock()
	if quit == nil {
		return
	}
	close(quit)
	t.done.Wait()
	fmt.Fprint(t.out, "\r\x1b[K")
}
