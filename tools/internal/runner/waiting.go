package runner

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// patience is how long something may take before it is told: what is quicker needs no word.
	patience = 2 * time.Second
	// testPatience is how long a test may take before it is named.
	testPatience = 5 * time.Second
	// tellEvery is how often what is waited for is told.
	tellEvery = time.Second
)

// waits tells what a run waits for.
type waits struct {
	group atomic.Int64 // the process group that works for the run
	since atomic.Int64 // when it began, in nanoseconds
	quit  chan struct{}
	done  chan struct{}
}

// tellWaits tells each second what a run waits for, and "" once it goes on, until end is called.
func tellWaits(tell func(string), c *collector) *waits {
	w := &waits{quit: make(chan struct{}), done: make(chan struct{})}
	if tell == nil {
		close(w.done)
		return w
	}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for waited := false; ; {
			select {
			case <-w.quit:
				return
			case now := <-tick.C:
				line := w.line(c, now)
				if line != "" || waited {
					tell(line)
				}
				waited = line != ""
			}
		}
	}()
	return w
}

// seldom is how often a wait is told in output that stays.
const seldom = 10 * time.Second

// Seldom passes on what a wait is for, now and then alone: for output that stays.
func Seldom(say func(line string)) func(line string) {
	said := time.Now()
	return func(line string) {
		if line != "" && time.Since(said) >= seldom {
			say(line)
			said = time.Now()
		}
	}
}

// forGroup notes that a process group has begun to work.
func (w *waits) forGroup(pid int) {
	w.group.Store(int64(pid))
	w.since.Store(time.Now().UnixNano())
}

// end returns once nothing is told any more.
func (w *waits) end() {
	close(w.quit)
	<-w.done
}

// line is what is waited for at a moment; "" while that needs no word.
func (w *waits) line(c *collector, now time.Time) string {
	if name, since, setup, said := c.longestRunning(); name != "" {
		// What matters most comes first: the terminal may be narrow.
		seconds := int(now.Sub(since).Seconds())
		switch {
		case now.Sub(since) < testPatience:
			return setup
		case setup != "":
			return fmt.Sprintf("%d s %s, for %s", seconds, setup, name)
		case said >= muchSaid:
			return fmt.Sprintf("%d s and %s lines in %s", seconds, thousands(said), name)
		}
		return fmt.Sprintf("%d s in %s", seconds, name)
	}
	if now.Sub(time.Unix(0, w.since.Load())) < patience {
		return ""
	}
	return buildLine(commandsOf(int(w.group.Load())))
}

// muchSaid is how many lines a test prints that probably won't stop.
const muchSaid = 10_000

// longestRunning is the top-level test that has been running for longest, "" when none runs, what the
// lab still does for it, and how many lines it has printed.
func (c *collector) longestRunning() (name string, since time.Time, setup string, said int) {
	if c == nil { // go alone, without tests
		return "", time.Time{}, "", 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, r := range c.tests {
		if !r.ended && !r.since.IsZero() && !strings.Contains(at.name, "/") && (name == "" || r.since.Before(since)) {
			name, since, said = at.name, r.since, r.said.count
		}
	}
	return name, since, c.setup, said
}

// buildLine says what go's tools do, given the words of each of their command lines.
func buildLine(commands [][]string) string {
	var compiling []string
	linking := false
	for _, words := range commands {
		switch tool := words[0][strings.LastIndexByte(words[0], '/')+1:]; tool {
		case "link":
			linking = true
		case "compile", "asm", "cgo":
			for i, word := range words[:len(words)-1] {
				if word == "-p" || word == "-importpath" {
					compiling = append(compiling, words[i+1])
				}
			}
		}
	}
	switch {
	case len(compiling) > 0:
		return "compiling " + strings.Join(compiling, ", ")
	case linking:
		return "linking the test program"
	}
	return ""
}
