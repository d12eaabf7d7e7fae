package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Used is the CPU time that the program took. It may be called once Exited is closed.
func (p *Process) Used() time.Duration {
	return p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
}

// MostMemory is the largest resident set of the program, in bytes; 0 where the system doesn't
// tell. It may be called once Exited is closed.
//
// Linux lets a process begin with the peak of the one that started it: rusage can't be less than
// this process's own (fs/exec.c, setmax_mm_hiwater_rss). So the peak is read from /proc when the
// program is stopped; of one that ended by itself, there is rusage alone.
func (p *Process) MostMemory() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.peak > 0 {
		return p.peak
	}
	usage, ok := p.command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return int64(usage.Maxrss) * maxrssUnit
}

// notePeak remembers the program's peak while it can still be read.
func (p *Process) notePeak() {
	if peak := peakMemory(p.PID); peak > 0 && p.Running() {
		p.mu.Lock()
		p.peak = peak
		p.mu.Unlock()
	}
}

// peakMemory reads VmHWM, which Linux counts from the program's own start; 0 where there is none.
func peakMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib * 1024
		}
	}
	return 0
}

// Memory is the resident set of the program now, in bytes. It asks ps, which Linux and macOS both
// have; ps prints KiB.
func (p *Process) Memory() (int64, error) {
	output, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.PID)).Output()
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d with ps: %w", p.PID, err)
	}
	kib, err := strconv.ParseInt(string(bytes.TrimSpace(output)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", p.PID, err)
	}
	return kib * 1024, nil
}
