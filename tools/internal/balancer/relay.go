package balancer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// listen serves a handler on a loopback address, which may have port 0. It returns
// where it listens and what ends it at once, with all requests that still run.
func listen(address string, handler http.Handler) (listening string, stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// errTooLarge says that a request's body is larger than the proxy takes.
var errTooLarge = errors.New("the request's body is too large")

// readWhole reads a request's body, so that it can be sent more than once.
func readWhole(r *http.Request, limit int64) ([]byte, error) {
	if limit == 0 {
		return io.ReadAll(r.Body)
	}
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, err
}

// hopByHop are the header fields that concern one connection and are never passed on.
// See RFC 9110, section 7.6.1.
var hopByHop = []string{
	"Connection", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// passable is a copy of the header without what concerns one connection alone.
func passable(header http.Header) http.Header {
	passed := header.Clone()
	for _, list := range header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			passed.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		passed.Del(name)
	}
	passed.Del("Content-Length")
	return passed
}

// forwardedFor is X-Forwarded-For with the client at its end.
func forwardedFor(r *http.Request) string {
	return strings.Join(append(slices.Clone(r.Header["X-Forwarded-For"]), remoteAddr(r)), ", ")
}

// remoteAddr is the client's address without its port.
func remoteAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// outgoing is a request as it goes to an upstream.
type outgoing struct {
	method, target string
	version        string // "1.0" or "1.1"
	header         http.Header
	body           []byte
	hasBody        bool // the client's request announced one, even an empty one
}

// send writes the request.
func (o *outgoing) send(w io.Writer) error {
	b := bufio.NewWriter(w)
	_, _ = fmt.Fprintf(b, "%s %s HTTP/%s\r\n", o.method, o.target, o.version)
	_ = o.header.Write(b)
	if o.hasBody {
		_, _ = b.WriteString("Content-Length: " + strconv.Itoa(len(o.body)) + "\r\n")
	}
	_, _ = b.WriteString("\r\n")
	if err := b.Flush(); err != nil {
		return err
	}
	_, err := io.Copy(w, bytes.NewReader(o.body))
	return err
}

// announcesBody reports whether the request has a body, or says that it is empty.
func announcesBody(r *http.Request) bool {
	return r.ContentLength != 0 || r.Header.Get("Content-Length") != ""
}

// answer passes an upstream's answer on as it comes. The error says how its body broke
// off; the client's connection has then to be cut, so that half an answer never looks
// like a whole one.
func answer(w http.ResponseWriter, r *reply) error {
	header := w.Header()
	for name, values := range passable(r.Header) {
		header[name] = values
	}
	if length, told := r.Header["Content-Length"]; told && len(r.TransferEncoding) == 0 {
		header["Content-Length"] = length
	}
	if _, typed := header["Content-Type"]; !typed {
		header["Content-Type"] = nil // net/http must not guess one
	}
	w.WriteHeader(r.StatusCode)
	return pass(w, r)
}

// pass copies a body and hands on each piece at once. The error is the reader's: a
// client that has left is told by the request's context.
func pass(w http.ResponseWriter, body io.Reader) error {
	flusher := http.NewResponseController(w)
	piece := make([]byte, 32<<10)
	for {
		n, err := body.Read(piece)
		if n > 0 {
			_, writeErr := w.Write(piece[:n])
			_ = flusher.Flush()
			if writeErr != nil {
				return writeErr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// finish passes the answer on and notes in the record at place how it broke off, if it
// did.
func finish(ctx context.Context, w http.ResponseWriter, r *reply, list *records, place int) {
	err := answer(w, r)
	r.done(false)
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = errLeft
	}
	list.breakOff(place, err)
	panic(http.ErrAbortHandler)
}
