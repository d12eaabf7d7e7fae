package lab

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// LogLine is one line that an instance wrote to its standard output or error.
type LogLine struct {
	// At is when the lab received it.
	At time.Time
	// Text is the line as it was written.
	Text string
	// Fields are its members when the line is a JSON object, else nil.
	Fields map[string]any
}

// Logs returns what the instance has logged so far, over all its restarts.
func (i *Instance) Logs() []LogLine { return i.logs.all() }

// tail returns the last n log lines.
func (i *Instance) tail(n int) string {
	lines := i.logs.all()
	var b strings.Builder
	for _, line := range lines[max(0, len(lines)-n):] {
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// logBuffer splits what a process writes into lines.
type logBuffer struct {
	mu    sync.Mutex
	lines []LogLine
	rest  []byte // the beginning of a line whose end is still to come
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.lines = append(l.lines, parseLogLine(line))
		l.rest = rest
	}
}

func (l *logBuffer) all() []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := append([]LogLine(nil), l.lines...)
	if len(l.rest) > 0 {
		lines = append(lines, parseLogLine(l.rest))
	}
	return lines
}

func parseLogLine(line []byte) LogLine {
	parsed := LogLine{At: time.Now(), Text: string(line)}
	if len(line) > 0 && line[0] == '{' {
		_ = json.Unmarshal(line, &parsed.Fields)
	}
	return parsed
}
