package fleet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// FreeAddress finds an address of this machine that nobody listens on, and keeps it for this
// process until it is released.
func FreeAddress() (address string, release func()) { return ports.free() }

// ports are the loopback ports that this process uses for instances. Between finding
// a port free and an API's listening there, another process could find it too, and its
// API would answer our requests. So each port is a byte of a file that all processes of
// the workshop lock; the kernel lets go when a process ends.
var ports portRange

type portRange struct {
	mu    sync.Mutex
	taken map[int]bool // by this process, which a lock of its own doesn't keep out
	locks *os.File     // nil where there can be none
}

// free finds a free port below the range that the system hands out to clients, and
// keeps it until it is released.
func (p *portRange) free() (address string, release func()) {
	for {
		port := 10000 + rand.IntN(20000)
		if !p.take(port) {
			continue
		}
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return address, func() { p.release(port) }
		}
		p.release(port)
	}
}

func (p *portRange) take(port int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken == nil {
		p.taken = map[int]bool{}
		p.locks, _ = os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("boxoffice-%d.ports", os.Getuid())), os.O_RDWR|os.O_CREATE, 0o600)
	}
	if p.taken[port] || p.lock(port, syscall.F_WRLCK) != nil {
		return false
	}
	p.taken[port] = true
	return true
}

func (p *portRange) release(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, port)
	_ = p.lock(port, syscall.F_UNLCK)
}

// lock locks or unlocks the port's byte; it fails when another process has it.
func (p *portRange) lock(port, how int) error {
	if p.locks == nil {
		return nil
	}
	byteOfPort := syscall.Flock_t{Type: int16(how), Whence: io.SeekStart, Start: int64(port), Len: 1}
	return syscall.FcntlFlock(p.locks.Fd(), syscall.F_SETLK, &byteOfPort)
}
