package machine

import (
	"os"
	"strconv"
	"strings"
)

// availableMemory is what the kernel thinks that programs could still take without swapping
// (MemAvailable of proc_meminfo(5)), or less: what the memory limit of this process's control group
// leaves.
func availableMemory() (bytes uint64, known bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	kib, known := field(string(text), "MemAvailable:")
	if !known {
		return 0, false
	}
	available := kib << 10
	if left, limited := leftInGroup("/sys/fs/cgroup"); limited {
		available = min(available, left)
	}
	return available, true
}

// leftInGroup is what the limit of a control group of version 2 leaves. What the group has read from
// files can be given up, and counts as free.
func leftInGroup(dir string) (bytes uint64, limited bool) {
	limit, err := number(dir + "/memory.max")
	if err != nil { // "max", or no such file
		return 0, false
	}
	used, err := number(dir + "/memory.current")
	if err != nil {
		return 0, false
	}
	stat, _ := os.ReadFile(dir + "/memory.stat")
	cached, _ := field(string(stat), "inactive_file")
	return limit - min(limit, used-min(used, cached)), true
}

func number(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// field is the number behind a name, in a text with a name and a number a line.
func field(text, name string) (value uint64, ok bool) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == name {
			value, err := strconv.ParseUint(words[1], 10, 64)
			return value, err == nil
		}
	}
	return 0, false
}
