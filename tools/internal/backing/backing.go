// Package backing provides the backing services of an API: a seeded database, a Redis and a mail
// server, each with a tap before it, and the addresses that lead past the taps. The lab does so for
// each test, `workshop run` for each run, `measure` for each API that it compares.
//
// An API is told of a service by a variable of its environment, so to this package a service is a
// name, a variable and two addresses: [Service]. What comes later joins the list in [Servers.Attach]
// and has its tap as a field of [Services]: a replica is a second PostgreSQL, REPLICA_URL and a tap
// of its own; a shard likewise; a payment gateway is an HTTP server of the workshop's, which records
// and disturbs as smtpd does, and PAYMENTS_URL; a broker is another tap. A second service with its
// own database is two calls of Attach, on templates of its own.
package backing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/seed"
	"example.com/boxoffice/tools/internal/services/postgres"
	"example.com/boxoffice/tools/internal/services/redis"
	"example.com/boxoffice/tools/internal/smtpd"
)

// Servers are what all APIs of a process share: the PostgreSQL with the seeded template that their
// databases are cloned from, and the way to a Redis of their own.
type Servers struct {
	postgres *postgres.Server
	redis    *redis.Source
	template string
}

// Open starts PostgreSQL, or joins the one that runs, and makes sure that there
// is a seeded template of the schema that migrate makes. Progress is told what a
// slow start is doing; it may be nil.
func Open(ctx context.Context, migrate func(ctx context.Context, databaseURL string) error, progress func(line string)) (*Servers, error) {
	server, err := postgres.Start(ctx, postgres.Options{Progress: progress})
	if err != nil {
		return nil, err
	}
	s := &Servers{postgres: server, redis: redis.New()}
	if err := s.prepare(ctx, migrate, progress); err != nil {
		s.Close()
		return nil, explain(err)
	}
	return s, nil
}

// explain says what helps where the server's own words don't.
func explain(err error) error {
	if pq.As(err, pqerror.DiskFull) != nil {
		return fmt.Errorf("%w\nThe disk under PostgreSQL's data is full. Make room, or name another folder: export WORKSHOP_STATE=/path/to/folder\nThen, once: go tool workshop services stop", err)
	}
	return err
}

func (s *Servers) prepare(ctx context.Context, migrate func(context.Context, string) error, progress func(string)) (err error) {
	if err := seed.Sweep(ctx, s.postgres); err != nil {
		return err
	}
	s.template, err = seed.Template(ctx, s.postgres, migrate, progress)
	return err
}

// Close lets go of PostgreSQL, which stops once nobody holds it.
func (s *Servers) Close() { _ = s.postgres.Close() }

// Versions names the servers: "PostgreSQL 17.6, Redis 7.0.15".
func (s *Servers) Versions(ctx context.Context) string {
	redis := "a stand-in for Redis"
	if status, err := s.redis.Status(ctx); err == nil && status.Version != "" {
		redis = "Redis " + status.Version
	}
	return "PostgreSQL " + s.postgres.Version() + ", " + redis
}

// Database makes a seeded database alone. It returns the URL that leads to it directly,
// and the function that gives it back: whoever calls it is done with all connections to it.
func (s *Servers) Database(ctx context.Context) (directURL string, release func(context.Context) error, err error) {
	database, err := seed.Clone(ctx, s.postgres, s.template)
	if err != nil {
		return "", nil, explain(err)
	}
	return s.postgres.URL(database.Name), database.Release, nil
}

// The names of services.
const (
	Postgres = "postgres"
	Redis    = "redis"
	Mail     = "mail"
)

// Service is something that an API is told the address of.
type Service struct {
	Name     string // such as Postgres
	Variable string // of the API's environment
	// Address is what the variable holds: the way through the tap.
	Address string
	// Direct is the way past the tap, where nothing is counted and nothing takes a share of the
	// CPU. It is asked for when it is needed, since it may start a server.
	Direct func(context.Context) (string, error)
}

// Services are the backing services of one API.
type Services struct {
	Postgres *pgtap.Tap
	// Worker is a tap of its own for the API's worker; nil before TapWorker.
	Worker *pgtap.Tap
	Redis  *redistap.Tap
	Mail   *smtpd.Server
	// DirectURL leads to the database past the tap.
	DirectURL string
	// TokenSecret is what the API signs with: TOKEN_SECRET in Env.
	TokenSecret string

	list     []Service
	dial     func() (net.Conn, error)    // PostgreSQL
	password string                      // of the taps before PostgreSQL
	release  func(context.Context) error // gives the database back
	keyspace *redis.Keyspace
}

// Attach makes a database and a keyspace of Redis, starts a mail server and puts the taps on. The
// caller closes it.
func (s *Servers) Attach(ctx context.Context) (*Services, error) {
	direct, release, err := s.Database(ctx)
	if err != nil {
		return nil, err
	}
	own := &Services{DirectURL: direct, release: release, TokenSecret: rand.Text() + rand.Text()} // 52 letters and digits
	err = errors.Join(own.attachPostgres(s.postgres), own.attachMail())
	if err == nil {
		err = own.attachRedis(ctx, s.redis)
	}
	if err != nil {
		_ = own.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return own, nil
}

// AttachEmpty makes a database without a table, and puts a tap on: all that a migration needs. The
// caller closes it.
func (s *Servers) AttachEmpty(ctx context.Context) (*Services, error) {
	database, err := seed.Empty(ctx, s.postgres)
	if err != nil {
		return nil, explain(err)
	}
	own := &Services{DirectURL: s.postgres.URL(database.Name), release: database.Drop}
	if err := own.attachPostgres(s.postgres); err != nil {
		_ = own.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return own, nil
}

func (s *Services) attachPostgres(server *postgres.Server) (err error) {
	s.dial = server.Dial
	if !server.External() { // a server that is not ours checks its own
		s.password = rand.Text()
	}
	if s.Postgres, err = pgtap.New(s.dial, pgtap.Options{Password: s.password}); err != nil {
		return fmt.Errorf("put a tap before PostgreSQL: %w", err)
	}
	s.list = append(s.list, Service{
		Name: Postgres, Variable: "DATABASE_URL", Address: throughTap(s.Postgres, server, s.DirectURL),
		Direct: func(context.Context) (string, error) { return s.DirectURL, nil },
	})
	return nil
}

// throughTap is the URL of a database that leads through the tap. The tap asks
// for a password of its own before our server, which listens on a private socket
// and trusts; somebody else's server sees the credentials of
// WORKSHOP_DATABASE_URL.
func throughTap(tap *pgtap.Tap, server *postgres.Server, direct string) string {
	address := mustParse(direct)
	if !server.External() {
		return tap.URL(server.User(), address.Path[1:])
	}
	address.Host = tap.Addr()
	query := address.Query()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable") // up to the tap, which is on this machine
	address.RawQuery = query.Encode()
	return address.String()
}

// mustParse parses the URL of a server that answers.
func mustParse(text string) *url.URL {
	address, err := url.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("backing: the URL of a server that answers can't be parsed: %v", err))
	}
	return address
}

// attachRedis starts no server: the API's first connection does, if there is one.
func (s *Services) attachRedis(ctx context.Context, redis *redis.Source) (err error) {
	if s.keyspace, err = redis.Open(ctx); err != nil {
		return err
	}
	if s.Redis, err = redistap.New(s.keyspace.Dial); err != nil {
		return fmt.Errorf("put a tap before Redis: %w", err)
	}
	s.list = append(s.list, Service{
		Name: Redis, Variable: "REDIS_URL", Address: s.keyspace.URL(s.Redis.Addr()), Direct: s.keyspace.DirectURL,
	})
	return nil
}

// attachMail starts a server that is its own tap.
func (s *Services) attachMail() (err error) {
	if s.Mail, err = smtpd.Start(); err != nil {
		return fmt.Errorf("start the mail server: %w", err)
	}
	address := s.Mail.Addr()
	s.list = append(s.list, Service{
		Name: Mail, Variable: "SMTP_ADDR", Address: address,
		Direct: func(context.Context) (string, error) { return address, nil },
	})
	return nil
}

// TapWorker puts another tap before the database, so that what the API's worker does is counted
// apart.
func (s *Services) TapWorker() (err error) {
	if s.Worker, err = pgtap.New(s.dial, pgtap.Options{Password: s.password}); err != nil {
		return fmt.Errorf("put a tap before the worker's PostgreSQL: %w", err)
	}
	return nil
}

// List are the services in the order in which an API is told of them.
func (s *Services) List() []Service { return s.list }

// Env is the environment that points an API at all services, through their taps.
func (s *Services) Env() []string {
	environment, _ := s.env(func(service Service) (string, error) { return service.Address, nil })
	return environment
}

// WorkerEnv is Env with the database at another address: that of Worker, or of an endpoint of its.
func (s *Services) WorkerEnv(address string) []string {
	environment, _ := s.env(func(service Service) (string, error) {
		if service.Name != Postgres {
			return service.Address, nil
		}
		database := mustParse(service.Address)
		database.Host = address
		return database.String(), nil
	})
	return environment
}

// DirectEnv is Env past the taps.
func (s *Services) DirectEnv(ctx context.Context) ([]string, error) {
	return s.env(func(service Service) (string, error) { return service.Direct(ctx) })
}

func (s *Services) env(address func(Service) (string, error)) ([]string, error) {
	environment := []string{"TOKEN_SECRET=" + s.TokenSecret}
	for _, service := range s.list {
		value, err := address(service)
		if err != nil {
			return nil, fmt.Errorf("find the way to %s: %w", service.Name, err)
		}
		environment = append(environment, service.Variable+"="+value)
	}
	return environment, nil
}

// ConnectRedis opens a connection to the Redis past the tap.
func (s *Services) ConnectRedis(ctx context.Context) (*resp.Client, error) {
	return s.keyspace.Connect(ctx)
}

// Close opens all gates, ends all connections, drops the database and gives the
// Redis back.
func (s *Services) Close(ctx context.Context) error {
	if s.Postgres != nil {
		_ = s.Postgres.Close()
	}
	if s.Worker != nil {
		_ = s.Worker.Close()
	}
	if s.Mail != nil {
		_ = s.Mail.Close()
	}
	if s.Redis != nil {
		_ = s.Redis.Close()
	}
	err := s.release(ctx)
	if s.keyspace != nil {
		err = errors.Join(err, s.keyspace.Close(ctx))
	}
	return err
}
