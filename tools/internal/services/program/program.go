// Package program holds what the services have in common that are programs of this machine:
// where these may be, how one is installed, what they run in, and what they said last.
package program

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/boxoffice/tools/internal/process"
)

// SocketPathLimit is the longest path of a Unix socket that every system takes (macOS: 104 with the closing zero).
const SocketPathLimit = 103

// Folders are where programs may be, PATH first.
func Folders() []string {
	return append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/bin", "/usr/sbin", "/usr/local/bin",
		"/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/opt/local/bin",
	)
}

// Environment is what servers run in. It is small on purpose: PGDATA, LC_ALL and the like change
// what PostgreSQL does.
func Environment() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// Start starts a server of this process alone, in a folder that goes with it. What it says is
// written to said. When starting fails, the folder is removed.
func Start(folder string, said io.Writer, path string, args ...string) (*process.Process, error) {
	server, err := process.Start(process.Program{
		Path: path, Args: args, Env: Environment(), Dir: "/", Stdout: said, Stderr: said, Folder: folder,
	})
	if err != nil {
		_ = os.RemoveAll(folder)
	}
	return server, err
}

// LastLines returns the last n lines of what a program said.
func LastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
