package lab

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/lib/pq" // App.DB speaks to PostgreSQL through it

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/fleet"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
	"example.com/boxoffice/tools/internal/smtpd"
)

// App is the API under test, with a tap on each of its wires.
type App struct {
	// Postgres counts what the instances send to their database, and can hold,
	// delay and cut it.
	Postgres *pgtap.Tap
	// WorkerPostgres does the same for all workers; nil for an API without a worker.
	WorkerPostgres *pgtap.Tap
	// Redis counts what the instances send to their Redis, which is theirs alone and
	// empty at first, and can hold, delay and cut it.
	Redis *redistap.Tap
	// Mail receives what the instances send by SMTP, and can delay and refuse it.
	Mail *smtpd.Server
	// TokenSecret is the TOKEN_SECRET of the instances.
	TokenSecret string
	// Instances are the processes of the API: one, unless [Instances] said more.
	Instances []*Instance
	// Workers are the processes of the API's worker, if it has one: one, unless
	// [Workers] said more or less.
	Workers []*Instance

	t       testing.TB
	client  *http.Client
	backing *backing.Services
	fleet   *fleet.Fleet
	secrets secrets
	tokens  sync.Map // token → the User who logged in
	changes changes
	direct  string
	// balancers are told of each new instance.
	balancers []*Balancer
	// environment is what the test has set, as NAME=value.
	environment []string
	troubled    atomic.Bool // a request had no answer, or a 5xx
	open        sync.Once
	db          *sql.DB
	openPlans   sync.Once
	plans       *sql.DB // for Explain
}

// Option changes how [Start] starts the API.
type Option func(*options)

type options struct {
	instances int
	workers   *int // nil: as many as the API has by itself
	env       []string
}

// Instances starts n processes of the API on one database.
func Instances(n int) Option {
	return func(o *options) { o.instances = n }
}

// Env sets an environment variable of the API, as "NAME=value": one that production
// could set, too.
func Env(assignment string) Option {
	return func(o *options) { o.env = append(o.env, assignment) }
}

// environment is what the test sets, all of which the API must know.
func (o *options) environment(t testing.TB) []string {
	t.Helper()
	for _, assignment := range o.env {
		if name, _, _ := strings.Cut(assignment, "="); !fleet.Known(name) {
			t.Fatalf("lab.Env(%q): the API isn't configured by %s; if it is from now on, add it to tools/internal/fleet/environment.go, "+
				"and to docker-compose.yml unless production runs with the default.", assignment, name)
		}
	}
	return o.env
}

// program is the API: this test binary, run again under the name that it was started by, which
// tells a binary that holds several APIs which of them it is. See [Main].
func program() fleet.Program {
	return fleet.Program{Path: os.Args[0], CommandVariable: asAPI, Env: fleet.Environment(fleet.Lab)}
}

// Start gives the test a seeded database, puts taps on the wires and starts the
// API. It returns once every instance accepts connections; all of it is gone
// when the test ends. The lab itself sends no request.
func Start(t testing.TB, opts ...Option) *App {
	t.Helper()
	o := options{instances: 1}
	for _, option := range opts {
		option(&o)
	}
	app := &App{t: t, client: newClient(), fleet: fleet.New(program())}
	t.Cleanup(app.showLogs)
	t.Cleanup(app.scanLogs)
	t.Cleanup(app.reportRaces)
	t.Cleanup(app.client.CloseIdleConnections)
	app.environment = o.environment(t)
	environment := append(app.wire(), app.environment...)
	app.startAll(o.instances, o.workerCount(), environment)
	return app
}

// wire makes the database and the taps, and returns the environment that points
// the API at them.
func (a *App) wire() []string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	opened, err := shared.open(ctx, a.fleet.Program.Migrate)
	if err != nil {
		a.t.Fatal(setupFailure(err))
	}
	attached, err := opened.Attach(ctx)
	if err != nil {
		a.t.Fatal(setupFailure(err))
	}
	cleanUp(a.t, attached.Close)
	a.t.Cleanup(a.closeDB)
	a.backing = attached
	a.Postgres, a.Redis, a.Mail = attached.Postgres, attached.Redis, attached.Mail
	if workerCommand != "" {
		if err := attached.TapWorker(); err != nil {
			a.t.Fatal(setupFailure(err))
		}
		a.WorkerPostgres = attached.Worker
	}
	a.TokenSecret, a.direct = attached.TokenSecret, attached.DirectURL
	a.secrets.addEnvironment(attached.Env())
	return attached.Env()
}

// startAll starts the instances and the workers side by side.
func (a *App) startAll(instances, workers int, environment []string) {
	a.t.Helper()
	for range instances {
		a.Instances = append(a.Instances, a.newInstance(environment))
	}
	for range workers {
		a.newWorker()
	}
	processes := a.processes()
	errs := make([]error, len(processes))
	var group sync.WaitGroup
	for i, process := range processes {
		group.Go(func() { errs[i] = process.start() })
	}
	if usesRedis() {
		group.Go(a.startRedis)
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			a.t.Fatal(bootFailure(err))
		}
	}
}

// processes are the instances and the workers.
func (a *App) processes() []*Instance { return slices.Concat(a.Instances, a.Workers) }

// usesRedis reports whether a client of Redis was built into this program, and so
// perhaps into the API.
var usesRedis = sync.OnceValue(func() bool {
	build, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(build.Deps, func(m *debug.Module) bool {
		return strings.Contains(m.Path, "/go-redis") || strings.Contains(m.Path, "/redigo") || strings.Contains(m.Path, "/rueidis")
	})
})

// startRedis has the server run before the API needs it. Its start, on a busy
// machine, would else fall into the time that the API gives its first command.
func (a *App) startRedis() {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	if client, err := a.backing.ConnectRedis(ctx); err == nil {
		_ = client.Close()
	}
}

func bootFailure(err error) string {
	return fmt.Sprintf("%v\n\nThe API must start before anything can be measured. See it for yourself: %s", err, runCommand())
}

// DB returns a connection to the test's database that bypasses the tap, for
// looking at the result: what it does is not counted.
func (a *App) DB() *sql.DB {
	a.t.Helper()
	a.open.Do(func() {
		db, err := sql.Open("postgres", a.direct)
		if err != nil {
			a.t.Fatal(setupFailure(err))
		}
		a.db = db
	})
	return a.db
}

func (a *App) closeDB() {
	for _, db := range []*sql.DB{a.db, a.plans} {
		if db != nil {
			_ = db.Close()
		}
	}
}

// logTail is how many of the API's last log lines a failed test shows.
const logTail = 12

// showLogs prints the last log lines of each instance under a failed test in
// which the API itself failed: a request had no answer, or a 5xx other than 501,
// by which a gap says that it is one. A worker answers nobody: its lines are shown
// when it complained.
func (a *App) showLogs() {
	if !a.t.Failed() {
		return
	}
	a.showComplaints()
	for _, process := range a.processes() {
		if !a.troubled.Load() && (!process.worker || !process.complained()) {
			continue
		}
		if tail := process.tail(logTail); tail != "" {
			a.t.Logf("The last log lines of %s:\n%s", process.title(), indent(tail, "| "))
		}
	}
}
