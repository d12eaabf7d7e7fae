package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/services/program"
)

// eachKind runs a test on the server of this machine, if there is one, and on the stand-in.
func eachKind(t *testing.T, test func(t *testing.T, r *Source)) {
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		found, reason := find(program.Folders())
		if reason != "" {
			t.Skip(reason)
		}
		test(t, &Source{search: func() (installed, string) { return found, "" }})
	})
	t.Run("stand-in", func(t *testing.T) {
		t.Parallel()
		test(t, withoutProgram())
	})
}

func withoutProgram() *Source {
	return &Source{search: func() (installed, string) { return find(nil) }}
}

func openKeyspace(t *testing.T, r *Source) *Keyspace {
	t.Helper()
	k, err := r.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close(context.Background())) })
	return k
}

func connect(t *testing.T, k *Keyspace) *resp.Client {
	t.Helper()
	client, err := k.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func ask(t *testing.T, client *resp.Client, args ...string) any {
	t.Helper()
	reply, err := client.Do(args...)
	require.NoError(t, err)
	return reply
}

func TestEachKeyspaceIsAlone(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *Source) {
		first, second := connect(t, openKeyspace(t, r)), connect(t, openKeyspace(t, r))
		require.Equal(t, "OK", ask(t, first, "SET", "k", "v"))
		require.Nil(t, ask(t, second, "GET", "k"))
		ask(t, second, "FLUSHALL")
		require.Equal(t, "v", ask(t, first, "GET", "k"))
	})
}

func TestKeysExpireByThemselves(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *Source) {
		client := connect(t, openKeyspace(t, r))
		ask(t, client, "SET", "k", "v", "PX", "40")
		require.Equal(t, "v", ask(t, client, "GET", "k"))
		require.Eventually(t, func() bool { return ask(t, client, "GET", "k") == nil }, 5*time.Second, 5*time.Millisecond)
	})
}

func TestAClosedKeyspaceLeavesNothing(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *Source) {
		k, err := r.Open(t.Context())
		require.NoError(t, err)
		client := connect(t, k)
		ask(t, client, "PING")
		require.NoError(t, k.Close(t.Context()))
		require.NoError(t, k.Close(t.Context()))
		_, err = k.Connect(t.Context())
		require.Error(t, err)
	})
}

// Not parallel: a fork of another test's would hold the script open for writing just
// when it is to run.
func TestAProgramThatDoesNotRunIsPassedOver(t *testing.T) {
	folder := t.TempDir()
	write := func(name, script string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o755))
	}
	write("redis-server", "echo 'Redis server v=5.0.7 sha=0'")
	_, reason := find([]string{folder})
	require.Contains(t, reason, "it is 5.0.7, the course needs 6.2 or newer")
	write("valkey-server", "echo 'Valkey server v=8.0.1 sha=0'")
	found, reason := find([]string{folder})
	require.Empty(t, reason)
	require.Equal(t, "8.0.1", found.version)
}

func TestAServerThatDoesNotStartIsReplacedByTheStandIn(t *testing.T) {
	t.Parallel()
	r := &Source{search: func() (installed, string) { return installed{path: "/bin/false"}, "" }}
	require.Equal(t, "PONG", ask(t, connect(t, openKeyspace(t, r)), "PING"))
	status, err := r.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, StandIn, status.Kind)
	require.Contains(t, status.Reason, "start /bin/false")
}

func TestTheStandInSaysHowToGetARealOne(t *testing.T) {
	t.Parallel()
	status, err := withoutProgram().Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, StandIn, status.Kind)
	require.Equal(t, "a stand-in in the process (no redis-server or valkey-server on PATH)", status.String())
	require.NotEmpty(t, status.Install)
	require.Equal(t, "brew install redis", install.CommandFor("darwin", ""))
	require.Contains(t, install.CommandFor("linux", "ID=pop\nID_LIKE=\"ubuntu debian\"\n"), "apt-get install -y redis-server")
}

func TestTheStandInCanBeAskedFor(t *testing.T) {
	t.Setenv("WORKSHOP_REDIS_URL", "stand-in")
	r := New()
	require.Equal(t, "PONG", ask(t, connect(t, openKeyspace(t, r)), "PING"))
	status, err := r.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a stand-in in the process (as WORKSHOP_REDIS_URL says)", status.String())
}

// externalServer points WORKSHOP_REDIS_URL at a server with a password.
func externalServer(t *testing.T) (*Source, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	server.RequireAuth("hunter22")
	return &Source{url: "redis://:hunter22@" + server.Addr()}, server
}

func TestLeasesAreOfEmptyDatabasesAlone(t *testing.T) {
	t.Setenv("WORKSHOP_STATE", t.TempDir())
	r, server := externalServer(t)
	for _, database := range []int{0, 1, 3} {
		require.NoError(t, server.DB(database).Set("theirs", "1"))
	}
	first, second := openKeyspace(t, r), openKeyspace(t, r)
	require.Equal(t, 2, first.database)
	require.Equal(t, 4, second.database)
	require.Equal(t, "redis://:hunter22@127.0.0.1:1/4", second.URL("127.0.0.1:1"))
	ask(t, connect(t, second), "SET", "k", "v")
	require.True(t, server.DB(4).Exists("k"))
}

func TestALeaseEndsWithAnEmptyDatabase(t *testing.T) {
	t.Setenv("WORKSHOP_STATE", t.TempDir())
	r, server := externalServer(t)
	require.NoError(t, server.DB(0).Set("theirs", "1"))
	k, err := r.Open(t.Context())
	require.NoError(t, err)
	ask(t, connect(t, k), "SET", "k", "v")
	require.NoError(t, k.Close(t.Context()))
	require.False(t, server.DB(1).Exists("k"))
	require.True(t, server.DB(0).Exists("theirs"))
	require.Equal(t, 1, openKeyspace(t, r).database, "it can be leased again")
}

func TestAnUnusableRedisURLIsExplained(t *testing.T) {
	t.Setenv("WORKSHOP_STATE", t.TempDir())
	for raw, says := range map[string]string{
		"rediss://localhost":               "doesn't begin with redis://",
		"redis://:secret@loc alhost":       "it is no URL",
		"redis://:secret@127.0.0.1:1":      "unset WORKSHOP_REDIS_URL",
		"redis://:secret@127.0.0.1:1/wide": "connection refused",
	} {
		_, err := (&Source{url: raw}).Open(t.Context())
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "secret")
	}
}

// holder is the environment variable that makes TestHolder hold a server.
const holder = "REDIS_TEST_HOLDER"

func TestHolder(t *testing.T) {
	if os.Getenv(holder) == "" {
		t.Skip("it is a part of TestKilledTestsLeaveNoRedis")
	}
	found, reason := find(program.Folders())
	require.Empty(t, reason)
	socket, _, err := found.start()
	require.NoError(t, err)
	fmt.Println("socket", socket)
	time.Sleep(time.Minute)
}

func TestKilledTestsLeaveNoRedis(t *testing.T) {
	t.Parallel()
	if _, reason := find(program.Folders()); reason != "" {
		t.Skip(reason)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	command.Env = append(os.Environ(), holder+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	var socket string
	for lines := bufio.NewScanner(output); socket == "" && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "socket %s", &socket)
	}
	require.NotEmpty(t, socket)
	require.NoError(t, syscall.Kill(-command.Process.Pid, syscall.SIGKILL))
	_ = command.Wait()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(socket))
		return errors.Is(err, fs.ErrNotExist) && processesWith(socket) == ""
	}, 10*time.Second, 5*time.Millisecond)
}

// processesWith lists the processes whose command line holds the text.
func processesWith(text string) string {
	out, _ := exec.Command("pgrep", "-f", text).Output()
	return string(out)
}
