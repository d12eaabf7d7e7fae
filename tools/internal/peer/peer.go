// Package peer looks at the other end of a connection without reading from it, for proxies and
// servers that must know, at one moment, whether somebody is still there.
package peer

import (
	"errors"
	"net"
	"syscall"
)

// Look reports whether bytes of the peer's wait to be read, or else whether it has hung up. It never
// waits. A peer that has hung up behind bytes that are still to be read shows as data: read them and
// look again. The connection must have no read deadline that is past.
//
// What a process that has ended wrote, and that it has hung up, is known to the kernel before anybody
// can see that the process is gone.
func Look(conn net.Conn) (data, gone bool) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, true
	}
	err = raw.Read(func(fd uintptr) bool {
		var next [1]byte
		n, _, err := syscall.Recvfrom(int(fd), next[:], syscall.MSG_PEEK)
		data = err == nil && n > 0
		gone = !data && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		return true
	})
	return data, gone || err != nil
}
