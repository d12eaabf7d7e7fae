package runner

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// commandsOf are the command lines of the processes of a group, in words.
func commandsOf(group int) [][]string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var commands [][]string
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if of, err := syscall.Getpgid(pid); err != nil || of != group {
			continue
		}
		if line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline"); err == nil && len(line) > 0 {
			commands = append(commands, strings.Split(strings.TrimRight(string(line), "\x00"), "\x00"))
		}
	}
	return commands
}
