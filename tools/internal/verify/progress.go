package verify

import (
	"fmt"
	"io"
	"slices"
)

// Lines is a Watcher that writes a line for each verdict.
type Lines struct {
	Out io.Writer
	// Live keeps a line below the results that says what is running. It is for terminals.
	Live  bool
	Width func() int // columns of the terminal, asked for again each time; for Live

	done    int
	running []string
	how     string // how far the one that runs alone is
}

// Started notes what is running.
func (l *Lines) Started(total int, check, subject string) {
	l.running = append(l.running, Result{Check: check, Subject: subject}.Name())
	l.how = ""
	l.draw(total)
}

// Progressed notes how far a long check is.
func (l *Lines) Progressed(total int, how string) {
	l.how = how
	l.draw(total)
}

// Finished writes the verdict, unless it is remembered: the report counts those.
func (l *Lines) Finished(total int, v Result) {
	l.done++
	if v.Remembered {
		return
	}
	if i := slices.Index(l.running, v.Name()); i >= 0 {
		l.running = slices.Delete(l.running, i, i+1)
	}
	l.Clear()
	fmt.Fprintln(l.Out, v.line())
	l.draw(total)
}

// line is the verdict on one line: outcome, seconds, name, and what there is to say.
func (v Result) line() string {
	word := map[Outcome]string{Passed: "ok  ", Failed: "FAIL", Skipped: "skip"}[v.Outcome]
	text := fmt.Sprintf("%s %6.1f s  %s", word, v.Seconds, v.Name())
	switch {
	case v.Outcome == Skipped:
		text += ": " + v.Reason
	case v.Outcome == Passed && v.Note != "":
		text += " (" + v.Note + ")"
	}
	return text
}

// Clear takes the live line away.
func (l *Lines) Clear() {
	if l.Live {
		fmt.Fprint(l.Out, "\r\x1b[K")
	}
}

func (l *Lines) draw(total int) {
	if !l.Live || len(l.running) == 0 {
		return
	}
	text := fmt.Sprintf("[%d/%d] %s", l.done, total, l.running[0])
	if more := len(l.running) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if l.how != "" {
		text += ": " + l.how
	}
	l.Clear()
	fmt.Fprint(l.Out, clip(text, l.Width()-1))
}

func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width, 0)])
}
