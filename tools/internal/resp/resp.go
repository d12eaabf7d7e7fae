// Package resp reads and writes RESP, the protocol that Redis speaks
// (https://redis.io/docs/latest/develop/reference/protocol-spec/): whole for what a client sends, as
// bytes for what a server answers, and as values for the few commands of the lab's own.
package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrProtocol says that what came is no RESP.
var ErrProtocol = errors.New("no RESP")

const (
	maxBulk  = 512 << 20 // bytes, Redis's own limit (proto-max-bulk-len)
	maxItems = 1 << 20   // of a command
	maxDepth = 32        // of arrays in arrays
)

// ReadCommand reads one command as a client sends it: an array of bulk strings, or an inline
// command, whose words are separated by blanks. It returns the arguments, the first of which is the
// command's name, and the bytes as they came. An empty line has no arguments.
func ReadCommand(r *bufio.Reader) (args []string, raw []byte, err error) {
	line, err := readLine(r)
	if err != nil {
		return nil, nil, err
	}
	if line[0] != '*' {
		return strings.Fields(string(line)), line, nil
	}
	n, err := number(line)
	if err != nil || n > maxItems {
		return nil, nil, fmt.Errorf("%w: a command of %q arguments", ErrProtocol, line[1:])
	}
	raw = line
	for range n {
		arg, err := readBulk(r, &raw)
		if err != nil {
			return nil, nil, unexpected(err)
		}
		args = append(args, arg)
	}
	return args, raw, nil
}

// readBulk reads a bulk string and appends its bytes to raw.
func readBulk(r *bufio.Reader, raw *[]byte) (string, error) {
	line, err := readLine(r)
	if err != nil {
		return "", err
	}
	n, err := number(line)
	if err != nil || line[0] != '$' || n < 0 || n > maxBulk {
		return "", fmt.Errorf("%w: an argument that begins with %q", ErrProtocol, line)
	}
	text := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	*raw = append(append(*raw, line...), text...)
	return string(text[:n]), nil
}

// readLine returns a line with its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil && len(line) > 0 {
		return nil, unexpected(err)
	}
	return line, err
}

// number is what follows the first byte of a line.
func number(line []byte) (int, error) {
	return strconv.Atoi(strings.TrimRight(string(line[1:]), "\r\n"))
}

// unexpected tells an end in the middle from one between two commands.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// CopyReply passes one reply on as it is, whatever it holds: RESP 2 and 3. Errors of w are left to
// its Flush.
func CopyReply(w *bufio.Writer, r *bufio.Reader) error { return copyReply(w, r, 0) }

func copyReply(w *bufio.Writer, r *bufio.Reader, depth int) error {
	line, err := readLine(r)
	if err != nil {
		return err
	}
	_, _ = w.Write(line)
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(':
		return nil
	case '$', '=', '!':
		return copyBulk(w, r, line)
	case '*', '~', '>':
		return copyItems(w, r, line, 1, depth)
	case '%':
		return copyItems(w, r, line, 2, depth)
	case '|': // attributes come before the reply that they are about
		if err := copyItems(w, r, line, 2, depth); err != nil {
			return err
		}
		return unexpected(copyReply(w, r, depth))
	}
	return fmt.Errorf("%w: a reply that begins with %q", ErrProtocol, line[0])
}

func copyBulk(w *bufio.Writer, r *bufio.Reader, line []byte) error {
	n, err := number(line)
	if err != nil {
		return fmt.Errorf("%w: a reply of %q bytes", ErrProtocol, line[1:])
	}
	if n < 0 {
		return nil
	}
	return copyBytes(w, r, n+len("\r\n"))
}

// copyBytes reads all n even when w takes no more.
func copyBytes(w *bufio.Writer, r *bufio.Reader, n int) error {
	for n > 0 {
		_, _ = r.Peek(1)
		part, err := r.Peek(min(n, max(r.Buffered(), 1)))
		if err != nil {
			return unexpected(err)
		}
		_, _ = w.Write(part)
		_, _ = r.Discard(len(part))
		n -= len(part)
	}
	return nil
}

func copyItems(w *bufio.Writer, r *bufio.Reader, line []byte, each, depth int) error {
	n, err := number(line)
	if err != nil || depth == maxDepth {
		return fmt.Errorf("%w: a reply of %q items", ErrProtocol, line[1:])
	}
	for range max(n, 0) * each {
		if err := copyReply(w, r, depth+1); err != nil {
			return unexpected(err)
		}
	}
	return nil
}
