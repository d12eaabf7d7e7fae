//go:build !linux

package runner

import (
	"os/exec"
	"strconv"
	"strings"
)

// commandsOf are the command lines of the processes of a group, in words.
func commandsOf(group int) [][]string {
	list, err := exec.Command("ps", "-A", "-o", "pgid=,args=").Output()
	if err != nil {
		return nil
	}
	var commands [][]string
	for line := range strings.Lines(string(list)) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == strconv.Itoa(group) {
			commands = append(commands, words[1:])
		}
	}
	return commands
}
