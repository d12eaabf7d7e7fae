package process

import (
	"strings"
	"sync"
)

// tailBytes is how much of what a program says a Tail keeps.
const tailBytes = 4096

// Tail keeps the last that a program said. The zero value is empty and ready.
type Tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *Tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	if n := len(t.text) - tailBytes; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(text), nil
}

// Lines are the last n lines at most, without the newline at the end; "" when there are none.
func (t *Tail) Lines(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
