// Command boxoffice sells tickets.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
//	boxoffice work      does what requests have left for later
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"example.com/boxoffice/steps/10-scale-out/boxoffice"
	"example.com/boxoffice/steps/10-scale-out/httpapi"
	"example.com/boxoffice/steps/10-scale-out/jwt"
	"example.com/boxoffice/steps/10-scale-out/logging"
	"example.com/boxoffice/steps/10-scale-out/postgres"
	"example.com/boxoffice/steps/10-scale-out/redis"
	"example.com/boxoffice/steps/10-scale-out/smtp"
)

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, "boxoffice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command string) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	slog.SetDefault(logging.New(os.Stdout, cfg.logLevel))
	// TODO(task 1): SIGTERM and Ctrl-C end ctx, and with it everything in good order. A
	// second signal ends the process.
	switch command {
	case "", "serve":
		return serve(ctx, cfg)
	case "work":
		return work(ctx, cfg)
	case "migrate":
		return postgres.Migrate(ctx, cfg.databaseURL)
	default:
		return fmt.Errorf("there is no command %q: use `boxoffice serve`, `boxoffice work` or `boxoffice migrate`", command)
	}
}

// serve puts the parts together and answers requests until the context ends. What
// the requests use is closed last.
func serve(ctx context.Context, cfg config) error {
	if err := cfg.checkShared(); err != nil {
		return err
	}
	registry := newRegistry()
	store, err := openStore(cfg, cfg.reqTimeout, registry)
	if err != nil {
		return err
	}
	defer store.Close()
	shared, err := redis.Open("REDIS_URL", cfg.redisURL)
	if err != nil {
		return err
	}
	defer shared.Close()
	cacheRedis, err := redis.Open("CACHE_URL", cfg.cacheURL)
	if err != nil {
		return err
	}
	defer cacheRedis.Close()
	cache := redis.NewCache(cacheRedis, redis.CacheOptions{
		TTL: cfg.cacheTTL, Timeout: cfg.cacheWait, LoadTimeout: cfg.reqTimeout, Registry: registry,
	})
	var shown boxoffice.Store = store
	if cfg.faults {
		shown = faulty{store}
	}
	service := &boxoffice.Service{
		Store:    store,
		Catalog:  &redis.Catalog{Store: shown, Cache: cache},
		Sessions: &jwt.Sessions{Secret: []byte(cfg.tokenSecret), TTL: cfg.tokenTTL, Revoked: &redis.Revoked{Client: shared}},
		Attempts: &redis.Attempts{Client: shared, Max: boxoffice.MaxAttempts, Lockout: cfg.lockout},
	}
	var draining atomic.Bool
	handler, err := httpapi.New(service, httpapi.Options{
		Registry: registry, Ready: store.Ping, Timeout: cfg.reqTimeout, Faults: cfg.faults,
		Draining: draining.Load, TrustedProxies: cfg.trustedProxies,
	})
	if err != nil {
		return err
	}
	return serveUntil(ctx, newServer(cfg, handler), &draining, cfg)
}

// serveUntil answers requests until the context ends, and returns nil once the last
// one has its answer.
//
// TODO(task 1): when the context ends, draining is true and the port is closed; cfg.stopTimeout
// is how long requests in flight have after that.
// TODO(task 2): cfg.drainDelay is how long it takes the balancer to notice. Who is
// there for the requests that it sends meanwhile?
func serveUntil(ctx context.Context, server *http.Server, draining *atomic.Bool, cfg config) error {
	return server.ListenAndServe()
}

// work does the jobs that requests have left, until the context ends.
//
// TODO(task 1): a database that is frozen takes no job back. How long does this wait for
// it, once the context has ended?
func work(ctx context.Context, cfg config) error {
	if err := cfg.checkWork(); err != nil {
		return err
	}
	store, err := openStore(cfg, cfg.jobTimeout, newRegistry())
	if err != nil {
		return err
	}
	defer store.Close()
	var asked boxoffice.Store = store
	if cfg.faults {
		asked = faulty{store}
	}
	service := &boxoffice.Service{Store: asked, Mailer: &smtp.Mailer{Addr: cfg.smtpAddr}}
	return store.Work(ctx, service, postgres.WorkOptions{
		Timeout: cfg.jobTimeout, Backoff: cfg.jobBackoff, StopTimeout: cfg.stopTimeout,
	})
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// openStore opens the store for requests, or jobs, that may take as long as timeout.
func openStore(cfg config, timeout time.Duration, registry prometheus.Registerer) (*postgres.Store, error) {
	return postgres.Open(cfg.databaseURL, postgres.Options{
		MaxConns: cfg.dbMaxConns, Timeout: timeout, Attempts: cfg.jobAttempts, SlowQuery: cfg.slowQuery, Registry: registry,
	})
}

// region newServer

// newServer is a server in which every wait has an end.
func newServer(cfg config, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              cfg.addr,
		Handler:           handler,
		ReadHeaderTimeout: cfg.readTimeout,
		ReadTimeout:       cfg.readTimeout,
		WriteTimeout:      cfg.sendTimeout,
		IdleTimeout:       cfg.idleTimeout,
		MaxHeaderBytes:    64 << 10,
	}
}

// endregion
