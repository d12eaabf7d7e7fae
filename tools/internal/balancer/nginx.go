package balancer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/boxoffice/tools/internal/services/nginx"
)

// Nginx is the real one, serving a configuration.
type Nginx struct {
	// URL is where it listens, as http://127.0.0.1:PORT.
	URL string

	server    *nginx.Running
	instances []string
	over      atomic.Int64 // requests whose answer the client has, see Answered

	mu     sync.Mutex
	offset int64        // up to which the access log was read
	logged []accessLine // what was read, in the log's order
}

// logFormat is what nginx tells of each request, as JSON. Values of several tries stand
// behind one another, with commas between.
const logFormat = `{"connection":$connection,"method":"$request_method","path":"$request_uri","at":"$msec","took":"$request_time","status":"$status",` +
	`"addresses":"$upstream_addr","statuses":"$upstream_status","heads":"$upstream_header_time","sent":"$upstream_bytes_sent","times":"$upstream_response_time"}`

// StartNginx starts nginx on a configuration that listens on the address; log receives
// what it says. The error is a *ConfError when nginx refuses the configuration.
func StartNginx(program *nginx.Program, c *Conf, address string, log io.Writer) (*Nginx, error) {
	server, err := program.Start(nginx.Site{Conf: c.Text, LogFormat: logFormat, Log: log})
	var refused *nginx.ConfError
	switch {
	case errors.As(err, &refused):
		return nil, &ConfError{Line: refused.Line, What: refused.What}
	case err != nil:
		return nil, err
	}
	return &Nginx{URL: "http://" + address, server: server, instances: c.instances}, nil
}

// Close ends it, and the requests that it is busy with.
func (n *Nginx) Close() { n.server.Stop() }

// Answered says that a client has had an answer, which nginx will write down in a moment.
func (n *Nginx) Answered() { n.over.Add(1) }

// logPatience is how long nginx may take to write down a request that is over.
const logPatience = 5 * time.Second

// Records are the tries so far, in the order in which their requests began. It waits
// until nginx has written down all requests that were told by Answered.
func (n *Nginx) Records() []Record {
	deadline := time.Now().Add(logPatience)
	lines := n.lines()
	for int64(len(lines)) < n.over.Load() && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
		lines = n.lines()
	}
	lines = slices.Clone(lines)
	// nginx writes a line when it is done with a request, which may be after the client's
	// next one.
	slices.SortStableFunc(lines, func(a, b accessLine) int {
		return cmp.Or(a.begun().Compare(b.begun()), cmp.Compare(a.Connection, b.Connection))
	})
	var records []Record
	for _, line := range lines {
		records = append(records, n.read(line)...)
	}
	return records
}

// lines are the whole lines of the access log. Those that were read before aren't read again:
// tests look at the log of thousands of requests every few milliseconds.
func (n *Nginx) lines() []accessLine {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.Open(n.server.AccessLog)
	if err != nil {
		return n.logged
	}
	defer func() { _ = log.Close() }()
	text, _ := io.ReadAll(io.NewSectionReader(log, n.offset, math.MaxInt64-n.offset))
	for text := range bytes.Lines(text) {
		if !bytes.HasSuffix(text, []byte("\n")) {
			break // nginx is still writing it
		}
		n.offset += int64(len(text))
		var line accessLine
		if json.Unmarshal(text, &line) == nil {
			n.logged = append(n.logged, line)
		}
	}
	return n.logged
}

// accessLine is a line of the access log.
type accessLine struct {
	Connection                              int // counted as they are accepted
	Method, Path, At, Took, Status          string
	Addresses, Statuses, Heads, Sent, Times string
}

// read makes records of a line, one for each server that was tried.
func (n *Nginx) read(line accessLine) []Record {
	if line.Addresses == "" || line.Addresses == "-" {
		return nil // nginx answered by itself
	}
	addresses, statuses := tries(line.Addresses), tries(line.Statuses)
	heads, sent, times := tries(line.Heads), tries(line.Sent), tries(line.Times)
	at := line.begun()
	var records []Record
	for i, address := range addresses {
		r := Record{Method: line.Method, Path: line.Path, Attempt: i + 1, At: at}
		r.Instance = slices.Index(n.instances, address)
		switch {
		case r.Instance < 0:
			r.Err = "no live upstreams"
		case nth(heads, i) != "-":
			r.Status, _ = strconv.Atoi(nth(statuses, i))
			if line.Status == "499" {
				r.Err = "the client hung up"
			}
		case nth(sent, i) == "0":
			r.Err = "no connection came about"
		case nth(statuses, i) == "504":
			r.Err = "no answer in time"
		case line.Status == "499":
			r.Err = "the client hung up"
		default:
			r.Err = "the connection was closed before an answer"
		}
		records = append(records, r)
		took, _ := strconv.ParseFloat(nth(times, i), 64)
		at = at.Add(time.Duration(took * float64(time.Second)))
	}
	return records
}

// begun is when a request began: its line is written when it ends.
func (line accessLine) begun() time.Time {
	ended, _ := strconv.ParseFloat(line.At, 64)
	took, _ := strconv.ParseFloat(line.Took, 64)
	return time.UnixMilli(int64(math.Round((ended - took) * 1000)))
}

func tries(list string) []string { return strings.Split(list, ", ") }

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "-"
}
