package services

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
)

// redisProgram is a server program of this machine.
type redisProgram struct {
	path    string
	version string
}

// redisPrograms are the servers that speak for Redis, the likelier first.
var redisPrograms = []string{"redis-server", "valkey-server"}

// redisFolders are where programs may be, PATH first.
func redisFolders() []string {
	return append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/bin", "/usr/sbin", "/usr/local/bin",
		"/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/opt/local/bin",
	)
}

// findRedis returns the first program that runs, or the reason why there is none.
func findRedis(folders []string) (found redisProgram, reason string) {
	reason = "no redis-server or valkey-server on PATH"
	for _, name := range redisPrograms {
		for _, folder := range folders {
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err != nil || info.IsDir() || info.Mode().Perm()&0o111 == 0 {
				continue
			}
			version, err := redisVersion(path)
			if err == nil {
				return redisProgram{path: path, version: version}, ""
			}
			reason = fmt.Sprintf("%s: %v", path, err)
		}
	}
	return redisProgram{}, reason
}

var redisVersionNumber = regexp.MustCompile(`\bv=((\d+)\.(\d+)\S*)`)

// oldestRedis is the oldest Redis that the course runs on, as 100 times the major plus the minor
// version: LMOVE, GETDEL and SET … GET are of 6.2.
const oldestRedis = 602

func redisVersion(path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Dir, cmd.Env = "/", serverEnvironment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run it: %w %s", err, strings.TrimSpace(string(out)))
	}
	m := redisVersionNumber.FindStringSubmatch(string(out))
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
	return a*100+b < oldestRedis
}

// redisStart is how long a server may take until it accepts connections.
const redisStart = 10 * time.Second

// start starts a server that keeps nothing, on a socket in a folder of its own.
func (p redisProgram) start() (socket string, stop func(), err error) {
	folder, err := redisFolder()
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for Redis's socket: %w", err)
	}
	socket = filepath.Join(folder, "redis.sock")
	var said redisLog
	server, err := keep(folder, &said, p.path,
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
		"--save", "", "--appendonly", "no", "--dir", folder, "--daemonize", "no", "--loglevel", "warning")
	if err != nil {
		return "", nil, err
	}
	if err := awaitSocket(socket, server.ended); err != nil {
		server.stop()
		return "", nil, fmt.Errorf("start %s: %w\n%s", p.path, err, lastLines(said.String(), 5))
	}
	return socket, server.stop, nil
}

// redisFolder makes a private folder whose path leaves room for a socket's name.
func redisFolder() (string, error) {
	folder, err := os.MkdirTemp("", "boxoffice-redis-")
	if err == nil && len(filepath.Join(folder, "redis.sock")) > socketPathLimit {
		_ = os.Remove(folder)
		return os.MkdirTemp("/tmp", "boxoffice-redis-")
	}
	return folder, err
}

// redisLogKept is how much of what a server says is kept, in bytes.
const redisLogKept = 64 << 10

// redisLog is the beginning of what a server said, to be read once it has ended.
type redisLog struct{ strings.Builder }

// Write implements io.Writer.
func (l *redisLog) Write(p []byte) (int, error) {
	_, _ = l.Builder.Write(p[:min(len(p), redisLogKept-l.Len())])
	return len(p), nil
}

// awaitSocket waits until the server accepts connections, or tells why it never will.
func awaitSocket(socket string, ended <-chan struct{}) error {
	for deadline := time.Now().Add(redisStart); time.Now().Before(deadline); {
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
