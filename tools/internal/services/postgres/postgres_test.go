package postgres

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/services/state"
)

// childVariable has the test binary act as another program that uses the server.
const childVariable = "POSTGRES_TEST_CHILD"

func TestMain(m *testing.M) {
	RunIfSupervisor()
	if text := os.Getenv(childVariable); text != "" {
		os.Exit(beChild(text))
	}
	os.Exit(run(m))
}

// testCache spares all but the first test an initdb.
var testCache string

func run(m *testing.M) int {
	var err error
	if testCache, err = os.MkdirTemp("", "bxcache"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(testCache)
	return m.Run()
}

// beChild starts the server, prints its run folder and holds it until stdin ends.
func beChild(text string) int {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		fmt.Println("error", err)
		return 1
	}
	p, err := s.start(context.Background(), Options{})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println(p.server.Run)
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// fresh is a workshop of its own: no other program and no other test shares its server.
func fresh(t *testing.T) settings {
	t.Helper()
	dir, err := os.MkdirTemp("", "bx")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	s := settings{
		Idle:    time.Minute,
		State:   filepath.Join(dir, "state"),
		Storage: []string{filepath.Join(dir, "state")},
		Cache:   testCache,
		System:  thisSystem(),
	}
	t.Cleanup(func() {
		if now, err := readPublished(s.State); err == nil && state.Held(filepath.Join(now.Run, runLock)) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			endSupervisor(ctx, now)
		}
		sweep(s.Storage)
		os.RemoveAll(dir)
	})
	return s
}

func start(t *testing.T, s settings) *Server {
	t.Helper()
	p, err := s.start(t.Context(), Options{Progress: func(line string) { t.Log(line) }})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func requireAnswer(t *testing.T, p *Server) {
	t.Helper()
	db, err := sql.Open("postgres", p.URL(""))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Ping())
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "waited 20 s: %s", what)
	}
}

// postmasterPID is the server's process, read while it is alive.
func postmasterPID(t *testing.T, p published) int {
	t.Helper()
	pid, err := strconv.Atoi(pidFileLine(filepath.Join(p.Run, "data"), 0))
	require.NoError(t, err)
	return pid
}

func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		return !strings.Contains(string(status), ") Z ")
	}
	return !os.IsNotExist(err) || syscall.Kill(pid, 0) == nil && !exists("/proc/self")
}

type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// spawn starts a child whose shell has these variables, too.
func spawn(t *testing.T, s settings, shell ...string) *child {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(append(os.Environ(), shell...), childVariable+"="+string(text))
	c.in, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.out = bufio.NewScanner(out)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { c.in.Close(); c.cmd.Process.Kill(); c.cmd.Wait() })
	return c
}

// run is the run folder that the child prints.
func (c *child) run(t *testing.T) string {
	t.Helper()
	require.True(t, c.out.Scan(), "the child says nothing")
	require.False(t, strings.HasPrefix(c.out.Text(), "error"), c.out.Text())
	return c.out.Text()
}

func TestWarmStartFindsTheSameServer(t *testing.T) {
	s := fresh(t)
	first := start(t, s)
	requireAnswer(t, first)
	began := time.Now()
	second, err := s.start(t.Context(), Options{Progress: func(line string) { t.Errorf("a warm start said %q", line) }})
	require.NoError(t, err)
	defer second.Close()
	t.Logf("warm start: %v", time.Since(began))
	require.Equal(t, first.server.Run, second.server.Run)
}

func TestEightProcessesAtOnceShareOneServer(t *testing.T) {
	s := fresh(t)
	var children []*child
	for range 8 {
		children = append(children, spawn(t, s))
	}
	first := children[0].run(t)
	for _, c := range children[1:] {
		require.Equal(t, first, c.run(t))
	}
	runs, _ := filepath.Glob(filepath.Join(s.State, "run-*"))
	require.Len(t, runs, 1)
}

func TestVariablesOfAnotherPostgresLeadNobodyAway(t *testing.T) {
	s := fresh(t)
	first := start(t, s)
	for _, assignment := range []string{
		"PGPORT=5433", "PGHOST=elsewhere", "PGHOSTADDR=192.0.2.1", "PGSERVICE=mine", "PGOPTIONS=-c default_transaction_read_only=on",
		"PGSSLMODE=verify-full", "PGGSSENCMODE=disable", "PGCHANNELBINDING=prefer", "PGTARGETSESSIONATTRS=standby", "PGTZ=Asia/Tokyo",
		"PGCLIENTENCODING=LATIN1", "PGDATESTYLE=German", "PGCONNECT_TIMEOUT=soon", "PGUSER=nobody", "PGDATABASE=theirs",
	} {
		t.Run(assignment, func(t *testing.T) {
			require.Equal(t, first.server.Run, spawn(t, s, assignment).run(t))
		})
	}
	requireAnswer(t, first)
}

// Whatever keeps one program from talking to the server that others use, it must not put another in its place.
func TestServerThatOthersUseIsNotReplaced(t *testing.T) {
	s := fresh(t)
	first := start(t, s)
	t.Setenv("PGCHANNELBINDING", "require") // lib/pq connects to nothing then
	_, err := s.start(t.Context(), Options{})
	var unreachable *UnreachableError
	require.ErrorAs(t, err, &unreachable)
	require.ErrorContains(t, err, "go tool workshop services stop")
	require.NoError(t, os.Unsetenv("PGCHANNELBINDING"))
	again := start(t, s)
	require.Equal(t, first.server.Run, again.server.Run)
	requireAnswer(t, first)
}

func TestFrozenServerIsGivenUpAndCanBeStopped(t *testing.T) {
	s := fresh(t)
	first := start(t, s)
	pid := postmasterPID(t, first.server)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	began := time.Now()
	_, err := s.start(t.Context(), Options{})
	var unreachable *UnreachableError
	require.ErrorAs(t, err, &unreachable)
	require.Less(t, time.Since(began), time.Minute)
	require.NoError(t, first.Close())
	require.NoError(t, s.stop(t.Context()))
	require.NoDirExists(t, first.server.Run)
}

func TestIdleServerLeavesNothing(t *testing.T) {
	s := fresh(t)
	s.Idle = 100 * time.Millisecond
	p := start(t, s)
	server, pid := p.server, postmasterPID(t, p.server)
	require.NoError(t, p.Close())
	eventually(t, "the idle server and its folders go", func() bool {
		return !exists(s.State) && !alive(pid) && !alive(server.PID)
	})
}

func TestUsedServerStays(t *testing.T) {
	s := fresh(t)
	s.Idle = 50 * time.Millisecond
	p := start(t, s)
	time.Sleep(10 * s.Idle) // nothing to wait for: what must not happen has no event
	requireAnswer(t, p)
}

func TestRecoversFromKills(t *testing.T) {
	for name, kill := range map[string]func(t *testing.T, p published){
		"supervisor": func(t *testing.T, p published) { syscall.Kill(p.PID, syscall.SIGKILL) },
		"postmaster": func(t *testing.T, p published) { syscall.Kill(postmasterPID(t, p), syscall.SIGKILL) },
		"both": func(t *testing.T, p published) {
			postmaster := postmasterPID(t, p) // before its pid file goes with the supervisor
			syscall.Kill(p.PID, syscall.SIGKILL)
			syscall.Kill(postmaster, syscall.SIGKILL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			first := start(t, s)
			supervisor, postmaster := first.server.PID, postmasterPID(t, first.server)
			kill(t, first.server)
			eventually(t, "the killed process is gone", func() bool { return !alive(supervisor) && !alive(postmaster) })
			second := start(t, s)
			requireAnswer(t, second)
			require.NotEqual(t, first.server.Run, second.server.Run)
			require.NoDirExists(t, first.server.Run)
		})
	}
}

func TestKilledClientDoesNotHoldTheServer(t *testing.T) {
	s := fresh(t)
	s.Idle = 100 * time.Millisecond
	c := spawn(t, s)
	run := c.run(t)
	require.NoError(t, c.cmd.Process.Kill())
	eventually(t, "the server goes", func() bool { return !exists(run) && !exists(s.State) })
}

// A client that is killed in the middle of a start leaves a server that the next one shares or starts.
func TestClientsKilledWhileStarting(t *testing.T) {
	s := fresh(t)
	var wait sync.WaitGroup
	for i := range 6 {
		c := spawn(t, s)
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(time.Duration(i*15) * time.Millisecond) // any moment must do
			c.cmd.Process.Kill()
		}()
	}
	wait.Wait()
	requireAnswer(t, start(t, s))
	runs, _ := filepath.Glob(filepath.Join(s.State, "run-*"))
	require.Len(t, runs, 1)
}
