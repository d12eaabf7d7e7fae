package lab

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// Vacant is an address at which nobody listens: whoever dials it is refused. Nobody else can take it.
type Vacant struct {
	// Addr is its host:port.
	Addr string

	t      testing.TB
	socket *os.File
}

// NewVacant returns an address of the loopback interface, until the test ends.
func NewVacant(t testing.TB) *Vacant {
	t.Helper()
	socket, addr, err := bind()
	if err != nil {
		t.Fatal(setupFailure(fmt.Errorf("reserve an address: %w", err)))
	}
	v := &Vacant{Addr: addr, t: t, socket: socket}
	t.Cleanup(func() { _ = v.socket.Close() })
	return v
}

// bind returns a socket that has an address, and doesn't listen.
func bind() (socket *os.File, addr string, err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, "", err
	}
	socket = os.NewFile(uintptr(fd), "vacant address")
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		var bound syscall.Sockaddr
		if bound, err = syscall.Getsockname(fd); err == nil {
			return socket, fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port), nil
		}
	}
	_ = socket.Close()
	return nil, "", err
}

// Open has whoever dials the address reach the server at to, from now on.
func (v *Vacant) Open(to string) {
	v.t.Helper()
	err := syscall.Listen(int(v.socket.Fd()), syscall.SOMAXCONN)
	if err != nil {
		v.t.Fatal(setupFailure(fmt.Errorf("listen: %w", err)))
	}
	listener, err := net.FileListener(v.socket)
	if err != nil {
		v.t.Fatal(setupFailure(fmt.Errorf("listen: %w", err)))
	}
	v.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(conn, to)
		}
	}()
}

// forward carries what comes over conn to the server at to, and back, until one of them ends.
func forward(conn net.Conn, to string) {
	defer conn.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer server.Close()
		_, _ = io.Copy(server, conn)
	}()
	_, _ = io.Copy(conn, server)
}
