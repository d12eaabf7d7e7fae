//go:build !linux

package machine

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// loadAverage reads vm.loadavg: struct loadavg of macOS's sys/resource.h, three numbers of 32 bits
// and, behind a gap, the scale of 64 bits that they are multiplied by.
func loadAverage() float64 {
	raw, err := unix.SysctlRaw("vm.loadavg")
	if err != nil || len(raw) < 24 {
		return 0
	}
	scale := binary.NativeEndian.Uint64(raw[16:])
	if scale == 0 {
		return 0
	}
	return float64(binary.NativeEndian.Uint32(raw)) / float64(scale)
}
