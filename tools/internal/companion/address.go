package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// DefaultAddr is where the companion listens unless told otherwise.
const DefaultAddr = "127.0.0.1:8090"

// ErrNotLoopback says that an address is open to other machines.
var ErrNotLoopback = errors.New("pages are served to this machine alone, so the address begins with 127.0.0.1, localhost or [::1]")

// Listen takes an address of this machine: HOST:PORT.
func Listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, ErrNotLoopback
	}
	return net.Listen("tcp", addr)
}

// nextPorts is how many ports after the default one are tried.
const nextPorts = 20

// ListenDefault takes DefaultAddr, or the first free port after it when another program
// has that one.
func ListenDefault() (net.Listener, error) {
	host, text, _ := net.SplitHostPort(DefaultAddr)
	first, _ := strconv.Atoi(text)
	for port := first; port <= first+nextPorts; port++ {
		listener, err := Listen(net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return listener, err
		}
	}
	return nil, fmt.Errorf("the ports %d to %d are taken: %w", first, first+nextPorts, syscall.EADDRINUSE)
}

// about says whose companion answers.
type about struct {
	Root string `json:"root"` // of the clone
}

// serveAbout answers GET /api/about.
func (c *Companion) serveAbout(w http.ResponseWriter, _ *http.Request) {
	reply(w, about{c.Course.Root}, nil)
}

// answerWithin is how long a companion may take to say whose it is.
const answerWithin = 2 * time.Second

// Answers reports whether a companion of the clone at root listens on an address.
func Answers(ctx context.Context, addr, root string) bool {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/about", nil)
	if err != nil {
		return false
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	var who about
	return json.NewDecoder(io.LimitReader(answer.Body, mostBody)).Decode(&who) == nil && who.Root == root
}
