package terminal

import (
	"io"
	"strings"

	"golang.org/x/term"
)

// The keys that mean something to a raw terminal.
const (
	KeyInterrupt = 3 // Ctrl-C
	KeyEnd       = 4 // Ctrl-D
	keyEscape    = 27
)

// Raw makes the terminal give keys at once and without echo. The function that
// it returns puts it back; calling that twice does no harm.
func Raw(stdin io.Reader) (restore func(), err error) {
	fd, ok := Descriptor(stdin)
	if !ok {
		return func() {}, nil
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, before) }, nil
}

// ReadKeys sends the letters that are pressed, in lower case, until stdin ends; then it
// closes the channel. Arrows and other keys that send an escape sequence send nothing.
func ReadKeys(stdin io.Reader, keys chan<- rune) {
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

// RawWriter ends lines with a carriage return too, which a raw terminal needs.
type RawWriter struct{ Out io.Writer }

// Write writes p with its line ends made whole, and reports the length of p.
func (w RawWriter) Write(p []byte) (int, error) {
	_, err := w.Out.Write([]byte(strings.ReplaceAll(string(p), "\n", "\r\n")))
	return len(p), err
}

// Fd lets a raw terminal's size and kind be asked for.
func (w RawWriter) Fd() uintptr {
	if f, ok := w.Out.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Descriptor is the descriptor of a stream that is a terminal.
func Descriptor(stream any) (fd int, ok bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}
