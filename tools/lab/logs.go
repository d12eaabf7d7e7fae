package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
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

// LogsSince returns what the instance has logged after its first n lines:
//
//	n := len(instance.Logs())
//	…
//	lines := instance.LogsSince(n)
func (i *Instance) LogsSince(n int) []LogLine {
	lines := i.logs.all()
	return lines[min(max(n, 0), len(lines)):]
}

// LogsWith returns the lines of all instances and workers, in the order in which they came,
// that are JSON objects whose field has the value. Numbers and truth values
// compare as they are written in JSON; "a.b" names the field b of the object a.
func (a *App) LogsWith(field, value string) []LogLine {
	var found []LogLine
	for _, instance := range a.processes() {
		for _, line := range instance.Logs() {
			if text, ok := line.field(field); ok && text == value {
				found = append(found, line)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b LogLine) int { return a.At.Compare(b.At) })
	return found
}

// field is the value of a field as text.
func (l LogLine) field(path string) (text string, ok bool) {
	value, ok := lookUp(l.Fields, path)
	if !ok {
		return "", false
	}
	if text, isText := value.(string); isText {
		return text, true
	}
	encoded, err := json.Marshal(value)
	return string(encoded), err == nil
}

// lookUp finds a field by its name, or by the path to it through nested objects.
func lookUp(fields map[string]any, path string) (value any, ok bool) {
	if value, ok := fields[path]; ok {
		return value, true
	}
	name, rest, _ := strings.Cut(path, ".")
	inner, isObject := fields[name].(map[string]any)
	if !isObject {
		return nil, false
	}
	return lookUp(inner, rest)
}

// logLineShown is how much of a log line a failed test shows, in bytes: a stack in
// one line of JSON has some thousands.
const logLineShown = 400

// tail returns the last n log lines, the long ones cut.
func (i *Instance) tail(n int) string { return i.logs.tail(n) }

func (l *logBuffer) tail(n int) string {
	lines := l.all()
	var b strings.Builder
	for _, line := range lines[max(0, len(lines)-n):] {
		b.WriteString(shorten(withoutRecovery(line.Text), logLineShown) + "\n")
	}
	return b.String()
}

// ofRecovery are the frames of a stack above the panic: those that print it.
var ofRecovery = regexp.MustCompile(`(goroutine \d+ \[running\]:)\\nruntime/debug\.Stack\(.*?\\npanic\(.*?\\n\\t.*?\\n(runtime\..*?\\n\\t.*?\\n)*`)

// withoutRecovery leaves those frames out of a line of JSON, so that the part of it
// that is shown names the line that panicked.
func withoutRecovery(line string) string { return ofRecovery.ReplaceAllString(line, `$1 … \n`) }

const (
	// mostLogged is how much of what a process logs is kept from its beginning on, in bytes.
	mostLogged = 16 << 20
	// keptLast is how many of the last lines are kept of one that logs more than that.
	keptLast = 200
	// longestLine is how much of a line without an end is taken for one, in bytes.
	longestLine = 1 << 20
)

// logBuffer splits what a process writes into lines. Of one that doesn't stop writing, it keeps the
// first and the last.
type logBuffer struct {
	mu    sync.Mutex
	lines []LogLine // the first
	size  int       // of their text, in bytes
	last  []LogLine // once the first are full
	gone  int       // lines between the first and the last
	rest  []byte    // the beginning of a line whose end is still to come
}

// Write implements io.Writer.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < longestLine {
			l.rest = bytes.Clone(l.rest) // lets go of the lines before it
			return len(p), nil
		}
		l.add(parseLogLine(line))
		l.rest = rest
	}
}

func (l *logBuffer) add(line LogLine) {
	if l.size < mostLogged {
		l.lines = append(l.lines, line)
		l.size += len(line.Text)
		return
	}
	l.last = append(l.last, line)
	if n := len(l.last) - keptLast; n > 0 {
		l.gone += n
		l.last = l.last[n:]
	}
}

func (l *logBuffer) all() []LogLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := slices.Clone(l.lines)
	if l.gone > 0 {
		lines = append(lines, LogLine{At: l.last[0].At, Text: fmt.Sprintf("(%d more lines came here: this process logs without an end)", l.gone)})
	}
	lines = append(lines, l.last...)
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
