package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// RawClient is a bare TCP connection to an instance, for requests that no HTTP
// library would send: slow ones, broken ones, halves.
type RawClient struct {
	app      *App
	instance int
	conn     net.Conn
	r        *bufio.Reader
	over     chan struct{} // closed when the test closes the connection
	dripping sync.WaitGroup

	mu    sync.Mutex
	first string // line of the latest request
}

// Dial connects to the nth instance, counted from 0. The connection is closed when
// the test ends.
func (a *App) Dial(instance int) *RawClient {
	a.t.Helper()
	address := strings.TrimPrefix(a.Instances[instance].URL, "http://")
	conn, err := net.DialTimeout("tcp", address, requestTimeout)
	if err != nil {
		a.troubled.Store(true)
		a.t.Fatal(Finding{
			Measured: fmt.Sprintf("instance %s accepts no connection: %v", a.Instances[instance].Name, err),
			Expected: "it listens on ADDR",
			Why:      "Nobody can buy anything from an API that can't be reached.",
		}.String())
	}
	c := &RawClient{app: a, instance: instance, conn: conn, r: bufio.NewReader(conn), over: make(chan struct{})}
	a.t.Cleanup(c.close)
	return c
}

func (c *RawClient) close() {
	close(c.over)
	_ = c.conn.Close()
	c.dripping.Wait()
}

// Send writes text as it is. The error says that the server has hung up.
func (c *RawClient) Send(text string) error {
	c.note(text)
	_ = c.conn.SetWriteDeadline(time.Now().Add(requestTimeout))
	_, err := c.conn.Write([]byte(text))
	return err
}

// Drip writes text in the background, a byte at a time and one after every pause,
// until the server closes the connection or the test ends.
func (c *RawClient) Drip(text string, every time.Duration) {
	c.note(text)
	c.dripping.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for i := range len(text) {
			if _, err := c.conn.Write([]byte{text[i]}); err != nil {
				return
			}
			select {
			case <-ticker.C:
			case <-c.over:
				return
			}
		}
	})
}

// note remembers the first line of a request, for what findings say.
func (c *RawClient) note(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if line, _, _ := strings.Cut(text, "\r\n"); strings.Contains(line, " HTTP/1.") {
		c.first = line
	}
}

// Response reads the next answer, whole. The error says that there is none within
// that time, or that it is no HTTP.
func (c *RawClient) Response(within time.Duration) (*Response, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(within))
	request := c.request()
	answer, err := http.ReadResponse(c.r, &http.Request{Method: request.method})
	if err != nil {
		return nil, fmt.Errorf("%s got no answer within %v: %w", request, within, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer to %s broke off: %w", request, err)
	}
	c.app.secrets.addAnswer(body)
	return &Response{Status: answer.StatusCode, Header: answer.Header, Body: body, app: c.app, request: request}, nil
}

// request is what the latest request was, as far as it can be told.
func (c *RawClient) request() *Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	method, rest, _ := strings.Cut(c.first, " ")
	path, _, _ := strings.Cut(rest, " ")
	return &Request{method: method, path: path, header: http.Header{}, instance: c.instance}
}

// Closed reports whether the server closes the connection within that time. What
// it answers before is read and thrown away.
func (c *RawClient) Closed(within time.Duration) bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(within))
	_, err := io.Copy(io.Discard, c.r)
	return !isTimeout(err)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
