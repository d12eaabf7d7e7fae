package program

import (
	"os"
	"runtime"
	"strings"
)

// Install says how a program is installed on each system.
type Install struct {
	// MacOS is the command for macOS.
	MacOS string
	// Linux are the commands for distributions, by their ID in /etc/os-release.
	Linux map[string]string
	// Otherwise is told where neither is known.
	Otherwise string
}

// Command returns the command that installs the program on this system.
func (i Install) Command() string {
	release, _ := os.ReadFile("/etc/os-release")
	return i.CommandFor(runtime.GOOS, string(release))
}

// CommandFor returns the command for the system that /etc/os-release (freedesktop.org,
// os-release(5)) describes, or for one that it is like.
func (i Install) CommandFor(goos, release string) string {
	if goos == "darwin" {
		return i.MacOS
	}
	fields := osRelease(release)
	for _, id := range strings.Fields(fields["ID"] + " " + fields["ID_LIKE"]) {
		if command, ok := i.Linux[id]; ok {
			return command
		}
	}
	return i.Otherwise
}

func osRelease(text string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	return fields
}
