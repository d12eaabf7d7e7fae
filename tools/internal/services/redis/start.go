package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/services/program"
)

// installed is a server program of this machine.
type installed struct {
	path    string
	version string
}

// serverNames are the servers that speak for Redis, the likelier first.
var serverNames = []string{"redis-server", "valkey-server"}

// find returns the first program that runs, or the reason why there is none.
func find(folders []string) (found installed, reason string) {
	reason = "no redis-server or valkey-server on PATH"
	for _, name := range serverNames {
		for _, folder := range folders {
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
				continue
			}
			version, err := versionOf(path)
			if err == nil {
				return installed{path: path, version: version}, ""
			}
			reason = fmt.Sprintf("%s: %v", path, err)
		}
	}
	return installed{}, reason
}

var versionNumber = regexp.MustCompile(`\bv=((\d+)\.(\d+)\S*)`)

// oldest is the oldest Redis that the course runs on, as 100 times the major plus the minor
// version: LMOVE, GETDEL and SET … GET are of 6.2.
const oldest = 602

func versionOf(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Dir, cmd.Env = "/", program.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run it: %w %s", err, strings.TrimSpace(string(out)))
	}
	m := versionNumber.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("--version said %q", strings.TrimSpace(string(out)))
	}
	if tooOld(m[2], m[3]) {
		return "", fmt.Errorf("it is %s, the course needs 6.2 or newer", m[1])
	}
	return m[1], nil
}

func tooOld(major, minor string) bool {
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return a*100+b < oldest
}

// startLimit is how long a server may take until it accepts connections.
const startLimit = 10 * time.Second

// start starts a server that keeps nothing, on a socket in a folder of its own.
func (p installed) start() (socket string, stop func(), err error) {
	folder, err := makeFolder()
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for Redis's socket: %w", err)
	}
	socket = filepath.Join(folder, "redis.sock")
	var said serverLog
	server, err := program.Start(folder, &said, p.path,
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
		"--save", "", "--appendonly", "no", "--dir", folder, "--daemonize", "no", "--loglevel", "warning")
	if err != nil {
		return "", nil, err
	}
	if err := awaitSocket(socket, server.Exited()); err != nil {
		server.Kill()
		return "", nil, fmt.Errorf("start %s: %w\n%s", p.path, err, program.LastLines(said.String(), 5))
	}
	return socket, server.Kill, nil
}

// makeFolder makes a private folder whose path leaves room for a socket's name.
func makeFolder() (string, error) {
	folder, err := os.MkdirTemp("", "boxoffice-redis-")
	if err == nil && len(filepath.Join(folder, "redis.sock")) > program.SocketPathLimit {
		_ = os.Remove(folder)
		return os.MkdirTemp("/tmp", "boxoffice-redis-")
	}
	return folder, err
}

// logKept is how much of what a server says is kept, in bytes.
const logKept = 64 << 10

// serverLog is the beginning of what a server said, to be read once it has ended.
type serverLog struct{ strings.Builder }

// Write implements io.Writer.
func (l *serverLog) Write(p []byte) (int, error) {
	_, _ = l.Builder.Write(p[:min(len(p), logKept-l.Len())])
	return len(p), nil
}

// awaitSocket waits until the server accepts connections, or tells why it never will.
func awaitSocket(socket string, ended <-chan struct{}) error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); {
		if conn, err := net.Dial("unix", socket); err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-time.After(time.Millisecond):
		}
	}
	return errors.New("it accepts no connections")
}
