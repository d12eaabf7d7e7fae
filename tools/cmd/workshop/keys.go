package main

import (
	"io"
	"strings"

	"golang.org/x/term"
)

// The keys that mean something to a raw terminal.
const (
	keyInterrupt = 3 // Ctrl-C
	keyEnd       = 4 // Ctrl-D
	keyEscape    = 27
)

// rawTerminal makes the terminal give keys at once and without echo. The function that
// it returns puts it back; calling that twice does no harm.
func rawTerminal(stdin io.Reader) (restore func(), err error) {
	fd, ok := terminal(stdin)
	if !ok {
		return func() {}, nil
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, before) }, nil
}

// readKeys sends the letters that are pressed, in lower case, until stdin ends; then it
// closes the channel. Arrows and other keys that send an escape sequence send nothing.
func readKeys(stdin io.Reader, keys chan<- rune) {
	defer close(keys)
	chunk := make([]byte, 64)
	for {
		n, err := stdin.Read(chunk)
		for _, key := range withoutSequences(chunk[:n]) {
			keys <- key
		}
		if err != nil {
			return
		}
	}
}

// withoutSequences are the letters and control keys of what one read gave. An escape
// sequence arrives whole: ESC [ or ESC O, parameters, and a final letter.
func withoutSequences(chunk []byte) []rune {
	var keys []rune
	text := []rune(strings.ToLower(string(chunk)))
	for i := 0; i < len(text); i++ {
		if text[i] != keyEscape {
			keys = append(keys, text[i])
			continue
		}
		i++
		if i < len(text) && (text[i] == '[' || text[i] == 'o') {
			for i++; i < len(text) && !(text[i] >= '@' && text[i] <= '~'); i++ {
			}
		}
	}
	return keys
}

// rawWriter ends lines with a carriage return too, which a raw terminal needs.
type rawWriter struct{ out io.Writer }

func (w rawWriter) Write(p []byte) (int, error) {
	_, err := w.out.Write([]byte(strings.ReplaceAll(string(p), "\n", "\r\n")))
	return len(p), err
}

// Fd lets a raw terminal's size and kind be asked for.
func (w rawWriter) Fd() uintptr {
	if f, ok := w.out.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
