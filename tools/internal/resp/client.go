package resp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Error is an error that the server answered with, such as "ERR unknown command".
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// Client sends commands one at a time. It is no more than the lab needs for itself.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
}

// NewClient makes a client of a connection that has been opened.
func NewClient(conn net.Conn) *Client {
	return &Client{conn: conn, r: bufio.NewReader(conn)}
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// commandTimeout bounds a command of the lab's own.
const commandTimeout = 10 * time.Second

// Do sends a command and returns the reply: a string, an int, nil, or a []any of these. An error
// reply is an [Error].
func (c *Client) Do(args ...string) (any, error) {
	_ = c.conn.SetDeadline(time.Now().Add(commandTimeout))
	if _, err := c.conn.Write(Command(args...)); err != nil {
		return nil, err
	}
	reply, err := readReply(c.r, 0)
	if err != nil {
		return nil, err
	}
	if said, ok := reply.(Error); ok {
		return nil, said
	}
	return reply, nil
}

// Command is a command as it goes over the wire.
func Command(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, arg := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	return b
}

// readReply reads a reply of RESP 2; an error within an array stays an [Error] there.
func readReply(r *bufio.Reader, depth int) (any, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	text := string(trimEnd(line[1:]))
	switch line[0] {
	case '+':
		return text, nil
	case '-':
		return Error(text), nil
	case ':':
		return strconv.Atoi(text)
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || depth == maxDepth:
		return nil, fmt.Errorf("%w: a reply that begins with %q", ErrProtocol, line)
	case n < 0:
		return nil, nil
	case line[0] == '$':
		return readText(r, n)
	case line[0] == '*':
		return readItems(r, n, depth)
	}
	return nil, fmt.Errorf("%w: a reply that begins with %q", ErrProtocol, line)
}

func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}

func readText(r *bufio.Reader, n int) (any, error) {
	text := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, unexpected(err)
	}
	return string(text[:n]), nil
}

func readItems(r *bufio.Reader, n, depth int) (any, error) {
	items := make([]any, n)
	for i := range items {
		item, err := readReply(r, depth+1)
		if err != nil {
			return nil, unexpected(err)
		}
		items[i] = item
	}
	return items, nil
}
