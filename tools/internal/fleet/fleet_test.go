package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/process"
)

// patience is how long anything here may take that takes moments.
const patience = 20 * time.Second

// asAPI makes this test binary an API that does no more than a fleet asks of one.
const asAPI = "FLEET_TEST_API"

func TestMain(m *testing.M) {
	if command := os.Getenv(asAPI); command != "" {
		os.Exit(api(command))
	}
	os.Exit(m.Run())
}

func api(command string) int {
	switch command {
	case "serve":
		return serve()
	case "work":
		fmt.Println("working")
		wait()
		return 0
	case "migrate":
		fmt.Println("no database at " + os.Getenv("DATABASE_URL"))
		return 3
	default:
		fmt.Println("there is no command " + command)
		return 7
	}
}

func wait() {
	over, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-over.Done()
}

func serve() int {
	listener, err := net.Listen("tcp", os.Getenv("ADDR"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /environment", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(os.Environ()) })
	http.HandleFunc("GET /pid", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, os.Getpid()) })
	http.HandleFunc("POST /sessions", func(w http.ResponseWriter, r *http.Request) {
		var who struct{ Email, Password string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.Password != "right" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "of " + who.Email})
	})
	server := &http.Server{ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	wait()
	fmt.Println("leaving")
	_ = server.Shutdown(context.Background())
	return 0
}

func program(t *testing.T) Program {
	t.Helper()
	own, err := os.Executable()
	require.NoError(t, err)
	return Program{Path: own, CommandVariable: asAPI, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

func open(t *testing.T) *Fleet {
	t.Helper()
	f := New(program(t))
	t.Cleanup(f.Close)
	return f
}

// instance is a Role of the fake API.
func instance(env ...string) Role {
	return Role{Command: "serve", Listens: true, Env: env, Goal: "listen on ADDR", Starting: Accepts}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestInstancesHaveAPortEachAndKeepIt(t *testing.T) {
	t.Parallel()
	f := open(t)
	a, b := f.Add("A", instance("WHO=a"), "", nil, nil), f.Add("B", instance("WHO=b"), "", nil, nil)
	worker := f.Add("W", Role{Command: "work"}, "", nil, nil)
	require.NoError(t, f.Start(t.Context(), a, b, worker))
	require.NotEqual(t, a.Address(), b.Address())
	require.Empty(t, worker.Address())
	require.Equal(t, []*Member{a, b}, f.Instances())
	require.Contains(t, get(t, "http://"+b.Address()+"/environment"), `"WHO=b"`)

	address, before := a.Address(), get(t, "http://"+a.Address()+"/pid")
	require.Equal(t, before, strconv.Itoa(a.Process().PID))
	require.NoError(t, a.Restart(t.Context()))
	require.Equal(t, address, a.Address())
	require.NotEqual(t, before, get(t, "http://"+address+"/pid"))

	require.NoError(t, f.Stop())
	require.Equal(t, "leaving", a.Tail(), "it was asked, and said so")
	require.Equal(t, 0, a.Process().ExitCode())
	require.Positive(t, a.Used())
	require.Positive(t, a.MostMemory())
}

func TestUsageIsSummedOverAllLives(t *testing.T) {
	t.Parallel()
	f := open(t)
	a := f.Add("A", instance(), "", nil, nil)
	require.NoError(t, a.Start(t.Context()))
	require.Zero(t, a.Used(), "the system tells only of what has ended")
	require.NoError(t, a.Restart(t.Context()))
	first := a.Used()
	require.Positive(t, first)
	require.NoError(t, a.Stop())
	require.Greater(t, a.Used(), first)
}

func TestAProcessThatDoesNotStartIsQuoted(t *testing.T) {
	t.Parallel()
	f := open(t)
	var said strings.Builder
	role := instance()
	role.Command = "sing"
	err := f.Add("A", role, "", &said, &said).Start(t.Context())
	var down *StartError
	require.ErrorAs(t, err, &down)
	require.Equal(t, "exit status 7", down.Ending)
	require.Equal(t, "there is no command sing", down.Said)
	require.Equal(t, "there is no command sing\n", said.String())
	require.ErrorContains(t, err, "A ended before it could listen on ADDR (exit status 7); it said:\nthere is no command sing")
}

func TestAProcessThatSaysThatItNeverWillIsNotAwaited(t *testing.T) {
	t.Parallel()
	f := open(t)
	never := errors.New("answers 404")
	role := instance()
	role.Starting = func(*Member) Started { return func(context.Context) (bool, error) { return false, never } }
	m := f.Add("A", role, "", nil, nil)
	require.ErrorIs(t, m.Start(t.Context()), never)
	require.False(t, m.Process().Running())
}

func TestStartingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	role := instance()
	role.Starting = func(*Member) Started {
		return func(context.Context) (bool, error) { cancel(); return false, nil }
	}
	m := f.Add("A", role, "", nil, nil)
	require.ErrorIs(t, m.Start(ctx), context.Canceled)
	require.False(t, m.Process().Running())
}

func TestAPortThatWasTakenIsReplaced(t *testing.T) {
	t.Parallel()
	f := open(t)
	m := f.Add("A", instance(), "", nil, nil)
	m.Role.Starting = func(m *Member) Started { // another program's listener accepts connections, too
		return func(context.Context) (bool, error) { return m.answers(), nil }
	}
	other, err := net.Listen("tcp", m.Address())
	require.NoError(t, err)
	defer func() { _ = other.Close() }()
	require.NoError(t, m.Start(t.Context()))
	require.NotEqual(t, other.Addr().String(), m.Address())

	known := f.Add("B", m.Role, "", nil, nil)
	require.NotEmpty(t, known.tellAddress())
	second, err := net.Listen("tcp", known.Address())
	require.NoError(t, err)
	defer func() { _ = second.Close() }()
	err = known.Start(t.Context())
	require.ErrorContains(t, err, "address already in use", "a balancer relies on the address")
}

// answers reports whether it is the member itself that listens on its address.
func (m *Member) answers() bool {
	client := http.Client{Timeout: time.Second}
	response, err := client.Get("http://" + m.Address() + "/pid")
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	return string(body) == strconv.Itoa(m.Process().PID)
}

func TestFreeAddressesAreNobodyElses(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 50 {
		address, release := FreeAddress()
		defer release()
		require.False(t, seen[address])
		seen[address] = true
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		_ = listener.Close()
	}
}

func TestADeploymentIsNoticedByNobody(t *testing.T) {
	t.Parallel()
	f := open(t)
	a, b := f.Add("A", instance(), "", nil, nil), f.Add("B", instance(), "", nil, nil)
	require.NoError(t, f.Start(t.Context(), a, b))
	front, err := f.Balance(balancer.Options{RetryIdempotent: true, CheckEvery: 10 * time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, f.AwaitReady(t.Context(), 0))
	require.NoError(t, f.AwaitReady(t.Context(), 1))
	before := []int{a.Process().PID, b.Process().PID}
	over := make(chan error, 1)
	go func() { over <- f.Deploy(t.Context()) }()
	for done := false; !done; {
		require.NotEmpty(t, get(t, front.URL+"/pid"))
		select {
		case err := <-over:
			require.NoError(t, err)
			done = true
		default:
		}
	}
	after := []int{a.Process().PID, b.Process().PID}
	require.NotEqual(t, before[0], after[0])
	require.NotEqual(t, before[1], after[1])
}

func TestMigrationsThatFailAreQuoted(t *testing.T) {
	t.Parallel()
	err := program(t).Migrate(t.Context(), "postgres://nowhere")
	var failed *MigrateError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "no database at postgres://nowhere", failed.Said)
	require.ErrorContains(t, err, "`boxoffice migrate` failed on an empty database (exit status 3); it said:\nno database")
}

func TestCommandsAreArgumentsOrAVariable(t *testing.T) {
	t.Parallel()
	p := Program{Path: "boxoffice", Args: []string{"-v"}, Env: []string{"A=1"}}
	run := p.as("serve", []string{"B=2"}, nil, nil)
	require.Equal(t, []string{"-v", "serve"}, run.Args)
	require.Equal(t, []string{"A=1", "B=2"}, run.Env)
	p.CommandVariable = "AS"
	run = p.as("work", nil, nil, nil)
	require.Equal(t, []string{"-v"}, run.Args)
	require.Equal(t, []string{"A=1", "AS=work"}, run.Env)
	require.Equal(t, []string{"A=1"}, p.as("", nil, nil, nil).Env)
}

// changes records what a supervision tells.
type changes struct {
	mu   sync.Mutex
	list []string
}

func (c *changes) tell(m *Member, change Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, m.Name+" "+[]string{"began", "ended", "failed"}[change])
}

func (c *changes) count(what string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, told := range c.list {
		if told == what {
			n++
		}
	}
	return n
}

func TestWhatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	f := open(t)
	a := f.Add("A", instance(), "", nil, nil)
	f.Add("B", instance(), "", nil, nil)
	f.Add("W", Role{Command: "sing"}, "", nil, nil) // ends right after its start
	ctx, cancel := context.WithCancel(t.Context())
	var told changes
	over := make(chan error, 1)
	go func() { over <- f.Supervise(ctx, told.tell) }()
	require.Eventually(t, func() bool { return told.count("A began") == 1 && told.count("W failed") == 1 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return a.Lived() > shortLife }, patience, 5*time.Millisecond)
	a.Kill()
	require.Eventually(t, func() bool { return told.count("A began") == 2 }, patience, 5*time.Millisecond)
	require.Equal(t, 1, told.count("A ended"))
	require.Equal(t, 1, told.count("B began"), "it has never ended")
	require.Equal(t, 1, told.count("W began"), "it would end again")
	cancel()
	require.NoError(t, <-over)
	require.True(t, a.Process().Running(), "stopping is the caller's")
}

func TestTheEndOfTheOnlyInstanceIsTheEnd(t *testing.T) {
	t.Parallel()
	f := open(t)
	a := f.Add("A", instance(), "", nil, nil)
	f.Add("W", Role{Command: "work"}, "", nil, nil)
	var told changes
	over := make(chan error, 1)
	go func() { over <- f.Supervise(t.Context(), told.tell) }()
	require.Eventually(t, func() bool { return told.count("W began") == 1 }, patience, time.Millisecond)
	a.Process().Signal(syscall.SIGKILL)
	var ended *EndedError
	require.ErrorAs(t, <-over, &ended)
	require.EqualError(t, ended, "the API ended by itself (signal: killed)")
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	f := open(t)
	a := f.Add("A", instance(), "", nil, nil)
	require.NoError(t, a.Start(t.Context()))
	token, err := LogIn(t.Context(), a.Address(), "buyer@example.com", "right")
	require.NoError(t, err)
	require.Equal(t, "of buyer@example.com", token)

	_, err = LogIn(t.Context(), a.Address(), "buyer@example.com", "wrong")
	var refused *LogInError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "401 Unauthorized", refused.Status)
	a.Kill()
	_, err = LogIn(t.Context(), a.Address(), "buyer@example.com", "right")
	require.Error(t, err)
	require.False(t, errors.As(err, &refused), "nobody answered")
}

func TestEnvironmentIsTheOneList(t *testing.T) {
	for name, value := range map[string]string{
		"DATABASE_URL": "postgres://of-another-project", "TOKEN_SECRET": "another's", "SLOW_QUERY": "5ms", "JOB_BACKOFF": "3s",
		"CACHE_TIMEOUT": "7ms", "JOB_ATTEMPTS": "2", "GIN_MODE": "debug", "LOG_LEVEL": "debug", "REQUEST_TIMEOUT": "1s",
		"GOCOVERDIR": "/counts", "GOFLAGS": "-race", "PGHOST": "elsewhere", "SSL_CERT_FILE": "/roots.pem", "TZ": "Europe/Prague",
	} {
		t.Setenv(name, value)
	}
	values := func(user User) map[string]string {
		found := map[string]string{}
		for _, assignment := range Environment(user) {
			name, value, _ := strings.Cut(assignment, "=")
			require.NotContains(t, found, name)
			found[name] = value
		}
		for _, name := range machine {
			delete(found, name)
		}
		return found
	}
	require.Equal(t, map[string]string{}, values(Measure))
	lab := values(Lab)
	require.Equal(t, map[string]string{
		"REQUEST_TIMEOUT": "10s", "GOCOVERDIR": "/counts", "GORACE": "atexit_sleep_ms=0",
	}, lab)
	require.Equal(t, map[string]string{
		"LOG_LEVEL": "debug", "REQUEST_TIMEOUT": "1s", "SLOW_QUERY": "5ms", "JOB_BACKOFF": "3s",
		"CACHE_TIMEOUT": "7ms", "JOB_ATTEMPTS": "2", "SSL_CERT_FILE": "/roots.pem", "TZ": "Europe/Prague",
	}, values(Run), "all that configures the API, and no address of another's")
}

func TestVariablesAreListedOnceAndSayWhy(t *testing.T) {
	t.Parallel()
	var names []string
	for _, v := range Variables {
		require.NotContains(t, names, v.Name)
		names = append(names, v.Name)
		require.NotEmpty(t, v.Why, v.Name)
		require.True(t, v.Stack || v.Lab == "" && !v.Given, "%s is set here and not in production", v.Name)
	}
	require.True(t, slices.ContainsFunc(names, Known))
	require.False(t, Known("PGHOST"))
}

func TestStayingIsNotLeaving(t *testing.T) {
	t.Parallel()
	f := open(t)
	require.NoError(t, f.Add("A", instance(), "", nil, nil).Stop(), "what was never started has nothing to leave")
	require.ErrorContains(t, process.ErrStayed, "15s")
}
