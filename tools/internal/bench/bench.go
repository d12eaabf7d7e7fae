// Package bench sets up what an API under measurement stands on: the shared
// PostgreSQL, a seeded database, a Redis, and a tap on each wire. The lab does so for
// each test, and `workshop run` for each run.
package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/seed"
	"example.com/boxoffice/tools/internal/services"
	"example.com/boxoffice/tools/internal/smtpd"
)

// Bench is the server and the seeded template that all databases of a process
// are cloned from.
type Bench struct {
	postgres *services.Postgres
	redis    *services.Redis
	template string
}

// Open starts PostgreSQL, or joins the one that runs, and makes sure that there
// is a seeded template of the schema that migrate makes. Progress is told what a
// slow start is doing; it may be nil.
func Open(ctx context.Context, migrate func(ctx context.Context, databaseURL string) error, progress func(line string)) (*Bench, error) {
	postgres, err := services.StartPostgres(ctx, services.Options{Progress: progress})
	if err != nil {
		return nil, err
	}
	b := &Bench{postgres: postgres, redis: services.NewRedis()}
	if err := b.prepare(ctx, migrate, progress); err != nil {
		b.Close()
		return nil, explain(err)
	}
	return b, nil
}

// explain says what helps where the server's own words don't.
func explain(err error) error {
	if pq.As(err, pqerror.DiskFull) != nil {
		return fmt.Errorf("%w\nThe disk under PostgreSQL's data is full. Make room, or name another folder: export WORKSHOP_STATE=/path/to/folder\nThen, once: go tool workshop services stop", err)
	}
	return err
}

func (b *Bench) prepare(ctx context.Context, migrate func(context.Context, string) error, progress func(string)) (err error) {
	if err := seed.Sweep(ctx, b.postgres); err != nil {
		return err
	}
	b.template, err = seed.Template(ctx, b.postgres, migrate, progress)
	return err
}

// Close lets go of the server, which stops once nobody holds it.
func (b *Bench) Close() { _ = b.postgres.Close() }

// Versions names the servers: "PostgreSQL 17.6, Redis 7.0.15".
func (b *Bench) Versions(ctx context.Context) string {
	redis := "a stand-in for Redis"
	if status, err := b.redis.Status(ctx); err == nil && status.Version != "" {
		redis = "Redis " + status.Version
	}
	return "PostgreSQL " + b.postgres.Version() + ", " + redis
}

// Clone makes a seeded database. It returns the URL that leads to it directly,
// and the function that drops it.
func (b *Bench) Clone(ctx context.Context) (directURL string, drop func(context.Context) error, err error) {
	database, err := seed.Clone(ctx, b.postgres, b.template)
	if err != nil {
		return "", nil, explain(err)
	}
	return b.postgres.URL(database.Name), database.Drop, nil
}

// Wires is a seeded database and an empty Redis with a tap before each, and a
// mail server.
type Wires struct {
	Postgres *pgtap.Tap
	// Worker is a tap of its own for the API's worker; nil before TapWorker.
	Worker *pgtap.Tap
	Redis  *redistap.Tap
	Mail   *smtpd.Server
	// DirectURL leads to the database past the tap.
	DirectURL string
	// TokenSecret is what the API signs with: TOKEN_SECRET in Env.
	TokenSecret string
	// Env is the environment that points an API at all of this.
	Env []string

	dial     func() (net.Conn, error) // PostgreSQL
	password string                   // of the taps before PostgreSQL
	drop     func(context.Context) error
	keyspace *services.Keyspace
}

// Wire makes a database and puts the taps on. The caller closes it.
func (b *Bench) Wire(ctx context.Context) (*Wires, error) {
	database, err := seed.Clone(ctx, b.postgres, b.template)
	if err != nil {
		return nil, explain(err)
	}
	w := &Wires{DirectURL: b.postgres.URL(database.Name), drop: database.Drop}
	err = w.tap(b.postgres, database.Name)
	if err == nil {
		err = w.tapRedis(ctx, b.redis)
	}
	if err != nil {
		_ = w.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return w, nil
}

// tapRedis starts no server: the API's first connection does, if there is one.
func (w *Wires) tapRedis(ctx context.Context, redis *services.Redis) (err error) {
	if w.keyspace, err = redis.Open(ctx); err != nil {
		return err
	}
	if w.Redis, err = redistap.New(w.keyspace.Dial); err != nil {
		return fmt.Errorf("put a tap before Redis: %w", err)
	}
	w.Env = append(w.Env, "REDIS_URL="+w.keyspace.URL(w.Redis.Addr()))
	return nil
}

// TapWorker puts another tap before the database, so that what the API's worker does is counted
// apart.
func (w *Wires) TapWorker() (err error) {
	if w.Worker, err = pgtap.New(w.dial, pgtap.Options{Password: w.password}); err != nil {
		return fmt.Errorf("put a tap before the worker's PostgreSQL: %w", err)
	}
	return nil
}

// WorkerEnv is Env with the database at another address: that of Worker, or of a door of its.
func (w *Wires) WorkerEnv(address string) []string {
	environment := slices.Clone(w.Env)
	for i, assignment := range environment {
		text, ok := strings.CutPrefix(assignment, "DATABASE_URL=")
		if !ok {
			continue
		}
		database, err := url.Parse(text)
		if err != nil {
			panic(fmt.Sprintf("bench: its own DATABASE_URL can't be parsed: %v", err))
		}
		database.Host = address
		environment[i] = "DATABASE_URL=" + database.String()
	}
	return environment
}

// DirectEnv is Env with the database and Redis themselves instead of the taps before them.
// Nothing is counted then, and nothing takes a share of the CPU.
func (w *Wires) DirectEnv(ctx context.Context) ([]string, error) {
	redis, err := w.keyspace.DirectURL(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the way to Redis: %w", err)
	}
	environment := slices.Clone(w.Env)
	for i, assignment := range environment {
		switch name, _, _ := strings.Cut(assignment, "="); name {
		case "DATABASE_URL":
			environment[i] = "DATABASE_URL=" + w.DirectURL
		case "REDIS_URL":
			environment[i] = "REDIS_URL=" + redis
		}
	}
	return environment, nil
}

// ConnectRedis opens a connection to the Redis past the tap.
func (w *Wires) ConnectRedis(ctx context.Context) (*resp.Client, error) {
	return w.keyspace.Connect(ctx)
}

func (w *Wires) tap(server *services.Postgres, database string) (err error) {
	w.dial = server.Dial
	if !server.External() { // a server that is not ours checks its own
		w.password = rand.Text()
	}
	if w.Postgres, err = pgtap.New(w.dial, pgtap.Options{Password: w.password}); err != nil {
		return fmt.Errorf("put a tap before PostgreSQL: %w", err)
	}
	if w.Mail, err = smtpd.Start(); err != nil {
		return fmt.Errorf("start the mail server: %w", err)
	}
	w.TokenSecret = rand.Text() + rand.Text() // 52 letters and digits
	w.Env = []string{
		"DATABASE_URL=" + throughTap(w.Postgres, server, database),
		"SMTP_ADDR=" + w.Mail.Addr(),
		"TOKEN_SECRET=" + w.TokenSecret,
	}
	return nil
}

// throughTap is the URL of a database that leads through the tap. The tap asks
// for a password of its own before our server, which listens on a private socket
// and trusts; somebody else's server sees the credentials of
// WORKSHOP_DATABASE_URL.
func throughTap(tap *pgtap.Tap, server *services.Postgres, database string) string {
	if !server.External() {
		return tap.URL(server.User(), database)
	}
	address, err := url.Parse(server.URL(database))
	if err != nil {
		panic(fmt.Sprintf("bench: the URL of a server that answers can't be parsed: %v", err))
	}
	address.Host = tap.Addr()
	query := address.Query()
	query.Del("host")
	query.Set("sslmode", "disable") // up to the tap, which is on this machine
	address.RawQuery = query.Encode()
	return address.String()
}

// Close opens all gates, ends all connections, drops the database and gives the
// Redis back.
func (w *Wires) Close(ctx context.Context) error {
	if w.Postgres != nil {
		_ = w.Postgres.Close()
	}
	if w.Worker != nil {
		_ = w.Worker.Close()
	}
	if w.Mail != nil {
		_ = w.Mail.Close()
	}
	if w.Redis != nil {
		_ = w.Redis.Close()
	}
	err := w.drop(ctx)
	if w.keyspace != nil {
		err = errors.Join(err, w.keyspace.Close(ctx))
	}
	return err
}
