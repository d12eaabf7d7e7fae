package stack

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/seed"
	"example.com/boxoffice/tools/internal/services/nginx"
	"example.com/boxoffice/tools/internal/services/redis"
)

// patience is how long anything here may take that takes moments.
const patience = 30 * time.Second

// composition is the stack without containers: the programs of docker-compose.yml on this
// machine, with the arguments, the environment and the files that it gives them. What it calls
// by the names of services has addresses of this machine.
type composition struct {
	t         *testing.T
	project   *types.Project
	backing   *backing.Services
	instances []*process // api-1, api-2, …
	worker    *process
	stores    map[string]string // the URLs of both Redis, by the variable that names them
	URL       string            // of nginx
	client    *http.Client
}

// compose starts all of it, and skips the test where a program is missing.
func compose(t *testing.T) *composition {
	t.Helper()
	nginx, err := nginx.Find()
	if err != nil {
		t.Skipf("the stack wasn't started: %v", err)
	}
	status, err := redis.New().Status(t.Context())
	require.NoError(t, err)
	if status.Kind != redis.Private {
		t.Skipf("the stack wasn't started, for want of a redis-server that can be started with its arguments: %s", status)
	}
	c := &composition{t: t, project: stack(t), stores: map[string]string{}}
	program := binary(t)
	c.wire(program)
	c.store("redis", "REDIS_URL", status.Origin, nil)
	c.store("cache", "CACHE_URL", status.Origin, map[string]string{"--maxmemory": smallCache})
	for i, at := range instances(c.project) {
		name, _, _ := strings.Cut(at, ":")
		require.Equal(t, fmt.Sprintf("api-%d", i+1), name)
		c.instances = append(c.instances, c.listen(name, program))
	}
	c.worker = c.start("worker", program, nil)
	c.front(nginx)
	return c
}

// wire makes a seeded database, with what `boxoffice migrate` of the stack has migrated.
func (c *composition) wire(program string) {
	c.t.Helper()
	migrate := func(ctx context.Context, databaseURL string) error {
		command := exec.CommandContext(ctx, program, c.project.Services["migrate"].Command...)
		command.Env = c.environment("migrate", map[string]string{"DATABASE_URL": databaseURL})
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	b, err := backing.Open(c.t.Context(), migrate, nil)
	require.NoError(c.t, err)
	c.t.Cleanup(b.Close)
	c.backing, err = b.Attach(c.t.Context())
	require.NoError(c.t, err)
	c.t.Cleanup(func() { assert.NoError(c.t, c.backing.Close(context.WithoutCancel(c.t.Context()))) })
}

// environment is that of a service, and nothing of this process's. What is given replaces what
// is different without containers.
func (c *composition) environment(name string, replaced map[string]string) []string {
	var list []string
	for variable, value := range c.project.Services[name].Environment {
		if other, ok := replaced[variable]; ok {
			*value = other
		}
		list = append(list, variable+"="+*value)
	}
	slices.Sort(list)
	return list
}

// here are this machine's addresses for those of the services. A variable that docker-compose.yml
// doesn't set isn't set here, either.
func (c *composition) here() map[string]string {
	local := map[string]string{"TRUSTED_PROXIES": "127.0.0.1"}
	for _, assignment := range c.backing.Env() {
		name, value, _ := strings.Cut(assignment, "=")
		if name != "TOKEN_SECRET" {
			local[name] = value
		}
	}
	maps.Copy(local, c.stores)
	return local
}

// smallCache is the memory of the cache here: little, so that it is soon full.
const smallCache = "4mb"

// store starts a Redis with the arguments of a service, some of them replaced, on a socket.
func (c *composition) store(name, variable, program string, replaced map[string]string) {
	c.t.Helper()
	folder, err := os.MkdirTemp("", "boxoffice-stack-") // t.TempDir is too long for a socket
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "redis.sock")
	args := slices.Clone([]string(c.project.Services[name].Command[1:]))
	for option, value := range replaced {
		i := slices.Index(args, option)
		require.GreaterOrEqual(c.t, i, 0, "%s has no %s", name, option)
		args[i+1] = value
	}
	c.run(name, program, append(args, "--port", "0", "--unixsocket", socket, "--dir", folder), nil)
	await(c.t, "a Redis at "+socket, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	c.stores[variable] = "unix://" + socket
}

// tell sends a command to one of the two Redis.
func (c *composition) tell(variable string, command ...string) any {
	c.t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(c.stores[variable], "unix://"))
	require.NoError(c.t, err)
	client := resp.NewClient(conn)
	defer func() { _ = client.Close() }()
	reply, err := client.Do(command...)
	require.NoError(c.t, err)
	return reply
}

// listen starts an instance of the API on a free port.
func (c *composition) listen(name, program string) *process {
	c.t.Helper()
	for range 5 {
		address := free(c.t)
		p := c.start(name, program, map[string]string{"ADDR": address})
		p.URL = "http://" + address
		if c.ready(p) {
			return p
		}
		require.Contains(c.t, p.said.String(), "address already in use", "%s doesn't get ready", name)
	}
	c.t.Fatal("other programs take each port that is free")
	return nil
}

func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// ready waits until an instance says so. It is false for one that has ended.
func (c *composition) ready(p *process) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if answer, err := http.Get(p.URL + "/readyz"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-p.exited:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// front starts nginx, with the configuration that choose-conf.sh chooses for the solution.
func (c *composition) front(program *nginx.Program) {
	c.t.Helper()
	var hosts []string
	for _, p := range c.instances {
		hosts = append(hosts, strings.TrimPrefix(p.URL, "http://"))
	}
	source := chosen(c.t, filepath.Join(root, c.module()))
	var said buffer
	var last error
	for range 5 {
		address := free(c.t)
		conf, err := balancer.ReadConf(source, hosts, func(string) string { return address })
		require.NoError(c.t, err)
		running, err := balancer.StartNginx(program, conf, address, &said)
		if last = err; err != nil {
			continue // another program may have taken the port
		}
		c.t.Cleanup(running.Close)
		c.URL = running.URL
		c.client = &http.Client{Timeout: patience}
		return
	}
	require.NoError(c.t, last, said.String())
}

// module is what docker-compose.yml builds.
func (c *composition) module() string {
	return *c.project.Services["migrate"].Build.Args["MODULE"]
}

// ask sends a request through nginx, and returns the answer and its body.
func (c *composition) ask(method, path, token string, body any) (*http.Response, []byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+path, bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(answer.Body)
	return answer, text, err
}

// expect is ask for a test that goes on only with this status.
func (c *composition) expect(status int, method, path, token string, body any) []byte {
	c.t.Helper()
	answer, text, err := c.ask(method, path, token, body)
	require.NoError(c.t, err)
	require.Equal(c.t, status, answer.StatusCode, "%s %s: %s", method, path, text)
	return text
}

func TestStackRunsWithoutAnEngine(t *testing.T) {
	c := compose(t)
	token := c.logIn()
	t.Run("a ticket is ordered, and mailed", func(t *testing.T) {
		c.order(token)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, c.backing.Mail.WaitFor(ctx, 1), c.worker.said.String())
		mails := c.backing.Mail.Inbox(seed.Buyer.Email)
		require.Len(t, mails, 1)
		assert.Contains(t, mails[0].Body, seed.OnSale.Title)
	})
	t.Run("each instance knows the session, and has a share", func(t *testing.T) {
		for range 3 * len(c.instances) {
			c.expect(200, "GET", "/me", token, nil)
		}
		for _, p := range c.instances {
			assert.Regexp(t, `"route":"/me","status":200`, p.said.String(), "%s was asked for nothing", p.name)
		}
	})
	t.Run("the log tells who the client is", c.testClientAddress)
	t.Run("visitors get what is for visitors", c.testOperatorsRoutes)
	t.Run("a full cache keeps nobody out", c.testFullCache)
	t.Run("rules and dashboard ask for metrics that are there", func(t *testing.T) {
		c.expect(200, "GET", fmt.Sprintf("/events/%d", seed.OnSale.ID), "", nil)
		c.testMetrics(t)
	})
	t.Run("an instance leaves, and nobody notices", c.testRestart)
	t.Run("the queue is seen while there is no worker", func(t *testing.T) { c.testQueue(t, token) })
	t.Run("all that the API logs is JSON", func(t *testing.T) {
		for _, p := range append(slices.Clone(c.instances), c.worker) {
			for line := range strings.Lines(p.said.String()) {
				assert.True(t, strings.HasPrefix(line, "{") && json.Valid([]byte(line)), "%s logs what nothing reads: %s", p.name, line)
			}
		}
	})
	t.Run("seed.sh leaves a filled database alone, and fills an empty one", c.testSeed)
}

// logIn returns a token of the seeded buyer's.
func (c *composition) logIn() string {
	c.t.Helper()
	var session struct{ Token string }
	require.NoError(c.t, json.Unmarshal(c.expect(201, "POST", "/sessions", "",
		map[string]string{"email": seed.Buyer.Email, "password": seed.Buyer.Password}), &session))
	return session.Token
}

func (c *composition) order(token string) {
	c.t.Helper()
	c.expect(201, "POST", fmt.Sprintf("/events/%d/orders", seed.OnSale.ID), token, map[string]int{"quantity": 1})
}

// testClientAddress comes from an address of its own: the log has it, although each instance
// sees nginx alone. So TRUSTED_PROXIES reaches the API, and nginx says for whom it asks.
func (c *composition) testClientAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 is an address of this machine on Linux alone")
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), "GET", c.URL+"/events", nil)
	require.NoError(t, err)
	request.Header.Set("X-Forwarded-For", "192.0.2.1")
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	said := func() string {
		var all strings.Builder
		for _, p := range c.instances {
			all.WriteString(p.said.String())
		}
		return all.String()
	}
	await(t, "a line of the request", func() bool { return strings.Contains(said(), `"client_ip":"127.0.0.2"`) })
	assert.NotContains(t, said(), "192.0.2.1", "the API believes what a client says of itself")
}

// testOperatorsRoutes: through nginx, nobody reads what instances tell operators. What nginx's own
// health check asks for is passed on.
func (c *composition) testOperatorsRoutes(t *testing.T) {
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		c.expect(404, "GET", path, "", nil)
		answer, err := http.Get(c.instances[0].URL + path)
		require.NoError(t, err)
		_ = answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode, "GET %s of an instance", path)
	}
	check := c.project.Services["nginx"].HealthCheck.Test
	asked, err := url.Parse(check[len(check)-1])
	require.NoError(t, err)
	c.expect(200, "GET", asked.RequestURI(), "", nil)
}

// testFullCache: somebody reads more events than the cache has room for. It throws away what it holds,
// and no session.
func (c *composition) testFullCache(t *testing.T) {
	ended := c.logIn()
	c.expect(204, "DELETE", "/sessions", ended, nil)
	before := c.tell("REDIS_URL", "DBSIZE")
	var visitors sync.WaitGroup
	const readers, events = 4, 3000 // some 2.5 kB each
	for i := range readers {
		visitors.Go(func() {
			for id := 1 + i; id <= events; id += readers {
				answer, text, err := c.ask("GET", fmt.Sprintf("/events/%d", id), "", nil)
				if assert.NoError(t, err) {
					assert.Equal(t, http.StatusOK, answer.StatusCode, "%s", text)
				}
			}
		})
	}
	visitors.Wait()
	stats, _ := c.tell("CACHE_URL", "INFO", "stats").(string)
	assert.NotContains(t, stats, "evicted_keys:0\r\n", "the cache was never full")
	assert.Equal(t, before, c.tell("REDIS_URL", "DBSIZE"), "what visitors read is kept where the sessions are")
	c.expect(401, "GET", "/me", ended, nil)
	c.expect(200, "GET", "/me", c.logIn(), nil)
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v there is still not %s", patience, what)
		}
	}
}

// sample is a line of /metrics: a name, perhaps labels, and a value.
var sample = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}\n]*(?:\}[^}\n]*)*\})? \S+$`)
var labelName = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="`)

// exposed are the metrics of a page with the labels that each has.
func exposed(page string) series {
	all := series{}
	for _, m := range sample.FindAllStringSubmatch(page, -1) {
		labels := []string{}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		all[m[1]] = labels
	}
	return all
}

// missing are the metrics, and their labels, that are asked for and aren't there.
func missing(asked, there series) []string {
	has := there.asked()
	return slices.DeleteFunc(asked.asked(), func(name string) bool { return slices.Contains(has, name) })
}

func TestMissingMetricsAreFound(t *testing.T) {
	there := exposed("# HELP a b\n# TYPE a counter\na_total{route=\"/events/:id\",status=\"200\"} 5\nb 1e+06\nc_bucket{le=\"+Inf\"} 2\n")
	assert.Equal(t, []string{"a_total", "a_total{route}", "a_total{status}", "b", "c_bucket", "c_bucket{le}"}, there.asked())
	assert.Empty(t, missing(seriesOf(`rate(a_total{route!="/x"}[1m]) / b`), there))
	assert.Equal(t, []string{"a", "a_total{path}"}, missing(seriesOf(`a + a_total{path="/x"}`), there))
}

// testMetrics: what rules and dashboard ask for is what each instance, and the exporter, really
// expose. It holds of the API that this docker-compose.yml starts.
func (c *composition) testMetrics(t *testing.T) {
	asked := wanted(t)
	_, labels, queue := readQueue(t)
	for _, name := range queue {
		assert.Contains(t, asked, name, "nothing shows it")
	}
	for _, p := range c.instances {
		answer, err := http.Get(p.URL + "/metrics")
		require.NoError(t, err)
		page, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		require.NoError(t, err)
		there := exposed(string(page))
		for _, name := range queue {
			there[name] = labels
		}
		// An instance that hasn't been asked for an event yet has put no question to the cache.
		if p != c.instances[0] && there["cache_requests_total"] == nil {
			there["cache_requests_total"] = []string{"cache", "result"}
		}
		if runtime.GOOS != "linux" { // where these are not read
			there["process_resident_memory_bytes"] = nil
		}
		assert.Empty(t, missing(asked, there), "%s doesn't expose them", p.name)
	}
}

// testRestart ends an instance with SIGTERM, as docker stop does, and starts it again, while
// requests go on.
func (c *composition) testRestart(t *testing.T) {
	var sent, failed atomic.Int64
	var why atomic.Value
	over := make(chan struct{})
	var visitors sync.WaitGroup
	for range 4 {
		visitors.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				answer, text, err := c.ask("GET", fmt.Sprintf("/events/%d", seed.OnSale.ID), "", nil)
				sent.Add(1)
				if err != nil || answer.StatusCode != http.StatusOK {
					failed.Add(1)
					why.Store(fmt.Sprintf("%v %s", err, text))
				}
				time.Sleep(time.Millisecond) // load is not what this is about
			}
		})
	}
	await(t, "a visitor", func() bool { return sent.Load() > 20 })
	leaving := c.instances[1]
	patience := time.Duration(*c.project.Services[leaving.name].StopGracePeriod)
	assert.Zero(t, leaving.stop(t, patience), "the exit code of an instance after SIGTERM")
	after := sent.Load()
	await(t, "a request after the instance's end", func() bool { return sent.Load() > after+20 })
	close(over)
	visitors.Wait()
	assert.Zero(t, failed.Load(), "of %d requests, some failed: %v", sent.Load(), why.Load())
}

// testQueue ends the worker and orders a ticket: what the exporter asks says that it waits.
func (c *composition) testQueue(t *testing.T, token string) {
	patience := time.Duration(*c.project.Services["worker"].StopGracePeriod)
	assert.Zero(t, c.worker.stop(t, patience), "the exit code of the worker after SIGTERM")
	c.order(token)
	query, labels, metrics := readQueue(t)
	exporter, err := url.Parse(valueOf(c.project.Services["queue-exporter"], "DATA_SOURCE_NAME"))
	require.NoError(t, err)
	// The exporter's own settings of its session are tried, too.
	direct, err := url.Parse(c.backing.DirectURL)
	require.NoError(t, err)
	values := direct.Query()
	for name := range exporter.Query() {
		if name != "sslmode" {
			values.Set(name, exporter.Query().Get(name))
		}
	}
	direct.RawQuery = values.Encode()
	connector, err := pq.NewConnector(direct.String())
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "DELETE FROM river_job")
	assert.ErrorContains(t, err, "read-only", "the exporter may change what it looks at")
	await(t, "a column oldest_seconds above 0", func() bool {
		row := one(t, db, query)
		var want []string
		for _, name := range metrics {
			want = append(want, strings.TrimPrefix(name, "boxoffice_queue_"))
		}
		assert.ElementsMatch(t, append(want, labels...), slices.Collect(maps.Keys(row)), "queue.yml names columns that its query doesn't have")
		assert.Equal(t, "default", row["queue"])
		assert.Equal(t, "1", row["waiting"])
		oldest, err := strconv.ParseFloat(row["oldest_seconds"], 64)
		return err == nil && oldest > 0
	})
}

// one is the only row of a query, by its columns.
func one(t *testing.T, db *sql.DB, query string) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	require.True(t, rows.Next(), "the query has no rows")
	values := make([]string, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	require.NoError(t, rows.Scan(targets...))
	row := map[string]string{}
	for i, column := range columns {
		row[column] = values[i]
	}
	assert.False(t, rows.Next(), "there is a queue that nobody has used")
	require.NoError(t, rows.Err())
	return row
}

// testSeed runs the script of the service seed with psql, as the service does.
func (c *composition) testSeed(t *testing.T) {
	if !installed("psql") {
		t.Skip("deploy/postgres/seed.sh wasn't run, for want of psql; to install it: sudo apt-get install -y postgresql-client")
	}
	script := func() string {
		command := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "deploy", "postgres", "seed.sh"))
		direct, err := url.Parse(c.backing.DirectURL)
		require.NoError(t, err)
		query := direct.Query()
		command.Env = append(os.Environ(), "SEED="+filepath.Join(root, "tools", "internal", "seed", "seed.sql"),
			"PGDATABASE="+strings.TrimPrefix(direct.Path, "/"))
		for variable, value := range map[string]string{
			"PGHOST": query.Get("host"), "PGUSER": query.Get("user"), "PGSSLMODE": query.Get("sslmode"),
		} {
			if value != "" {
				command.Env = append(command.Env, variable+"="+value)
			}
		}
		if host := direct.Hostname(); host != "" { // a server of WORKSHOP_DATABASE_URL
			password, _ := direct.User.Password()
			command.Env = append(command.Env, "PGHOST="+host, "PGPORT="+direct.Port(), "PGUSER="+direct.User.Username(), "PGPASSWORD="+password)
		}
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	assert.Contains(t, script(), "has events already")
	connector, err := pq.NewConnector(c.backing.DirectURL)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "TRUNCATE users, venues, events, orders CASCADE")
	require.NoError(t, err)
	out := script()
	assert.Contains(t, out, seed.Buyer.Email)
	assert.Contains(t, out, seed.Password)
	var events, orders int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM orders)").Scan(&events, &orders))
	assert.Equal(t, []int{seed.Events, seed.Orders}, []int{events, orders})
}

// process is a program of the stack. It ends with the test, however that ends.
type process struct {
	name   string
	URL    string // of an instance
	said   buffer
	pid    int
	exited chan struct{}
	code   int // how it ended, once exited is closed
}

// guard is a shell that runs a program for as long as its own standard input is open. It writes
// the program's process id to file 3.
const guard = `exec 4<&0
"$@" 3>&- 4<&- </dev/null &
child=$!
echo $child >&3
exec 3>&-
{ read -r _ <&4; kill -9 $child; } >/dev/null 2>&1 &
watcher=$!
wait $child
code=$?
kill $watcher 2>/dev/null
exit $code`

// start starts the program of a service, with its command and its environment.
func (c *composition) start(name, program string, replaced map[string]string) *process {
	c.t.Helper()
	local := c.here()
	maps.Copy(local, replaced)
	return c.run(name, program, c.project.Services[name].Command, c.environment(name, local))
}

// run starts a program.
func (c *composition) run(name, program string, args, environment []string) *process {
	c.t.Helper()
	p := &process{name: name, exited: make(chan struct{})}
	command := exec.Command("/bin/sh", slices.Concat([]string{"-c", guard, "stack-guard", program}, args)...)
	command.Env = environment
	command.Stdout, command.Stderr = &p.said, &p.said
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reading, writing, err := os.Pipe()
	require.NoError(c.t, err)
	defer reading.Close()
	command.ExtraFiles = []*os.File{writing}
	hold, err := command.StdinPipe()
	require.NoError(c.t, err)
	err = command.Start()
	_ = writing.Close()
	require.NoError(c.t, err)
	_, err = fmt.Fscan(reading, &p.pid)
	require.NoError(c.t, err, "%s didn't start: %s", name, p.said.String())
	go func() {
		_ = command.Wait()
		p.code = command.ProcessState.ExitCode()
		close(p.exited)
	}()
	c.t.Cleanup(func() {
		_ = hold.Close()
		<-p.exited
		if c.t.Failed() {
			c.t.Logf("The last that %s said:\n%s", name, p.said.tail())
		}
	})
	return p
}

// stop asks it to leave, and returns its exit code.
func (p *process) stop(t *testing.T, patience time.Duration) int {
	t.Helper()
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	select {
	case <-p.exited:
		return p.code
	case <-time.After(patience):
		t.Fatalf("%s is still there after %v", p.name, patience)
		return -1
	}
}

// buffer keeps what programs say.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// tail is the end of it.
func (b *buffer) tail() string {
	text := b.String()
	return text[max(0, len(text)-2000):]
}
