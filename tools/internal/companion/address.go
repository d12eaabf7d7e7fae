package companion

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
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
