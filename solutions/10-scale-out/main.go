// Command boxoffice sells tickets.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
//	boxoffice work      does what requests have left for later
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
	"example.com/boxoffice/solutions/10-scale-out/httpapi"
	"example.com/boxoffice/solutions/10-scale-out/jwt"
	"example.com/boxoffice/solutions/10-scale-out/logging"
	"example.com/boxoffice/solutions/10-scale-out/postgres"
	"example.com/boxoffice/solutions/10-scale-out/redis"
	"example.com/boxoffice/solutions/10-scale-out/smtp"
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
	// The first signal ends ctx, and with it everything in good order. The second one
	// ends the process.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
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

// region serveUntil

// serveUntil answers requests until the context ends, and returns nil once the last
// one has its answer. Nobody who sends a request meanwhile is turned away:
//
//  1. /readyz says 503. The balancer notices with its next check; until then, it
//     sends requests here, and they are answered.
//  2. After the drain, the port is closed, and what is in flight is waited for.
func serveUntil(ctx context.Context, server *http.Server, draining *atomic.Bool, cfg config) error {
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("draining", "delay", cfg.drainDelay.String())
	draining.Store(true)
	time.Sleep(cfg.drainDelay)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.stopTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil { // ListenAndServe has returned by now: Shutdown is what waits
		return fmt.Errorf("requests were cut off after %v: %w", cfg.stopTimeout, err)
	}
	slog.Info("stopped")
	return nil
}

// endregion

// region work

// handBackTime is how long the database has to take those jobs back that were not done.
const handBackTime = 3 * time.Second

// work does the jobs that requests have left, until the context ends. It returns once the
// last one is done or handed back, or when a database that says nothing has had its time:
// then another worker finds the jobs, later.
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
	worked := make(chan error, 1)
	go func() {
		worked <- store.Work(ctx, service, postgres.WorkOptions{
			Timeout: cfg.jobTimeout, Backoff: cfg.jobBackoff, StopTimeout: cfg.stopTimeout,
		})
	}()
	select {
	case err := <-worked:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-worked:
		return err
	case <-time.After(cfg.stopTimeout + handBackTime):
		return errors.New("the database doesn't take back the jobs that were not done")
	}
}

// endregion

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
