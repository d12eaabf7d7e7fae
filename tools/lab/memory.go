package lab

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
)

// residentBytes asks ps, which Linux and macOS both have; it prints KiB.
func residentBytes(pid int) (int64, error) {
	output, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d with ps: %w", pid, err)
	}
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(output)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return kib * 1024, nil
}
