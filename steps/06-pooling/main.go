// Command boxoffice sells tickets.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"example.com/boxoffice/steps/06-pooling/boxoffice"
	"example.com/boxoffice/steps/06-pooling/httpapi"
	"example.com/boxoffice/steps/06-pooling/jwt"
	"example.com/boxoffice/steps/06-pooling/logging"
	"example.com/boxoffice/steps/06-pooling/postgres"
	"example.com/boxoffice/steps/06-pooling/redis"
	"example.com/boxoffice/steps/06-pooling/smtp"
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
	switch command {
	case "", "serve":
		return serve(cfg)
	case "migrate":
		return postgres.Migrate(ctx, cfg.databaseURL)
	default:
		return fmt.Errorf("there is no command %q: use `boxoffice serve` or `boxoffice migrate`", command)
	}
}

// serve puts the parts together and answers requests until it fails.
func serve(cfg config) error {
	if err := cfg.checkShared(); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	store, err := postgres.Open(cfg.databaseURL, postgres.Options{
		MaxConns: cfg.dbMaxConns, Timeout: cfg.reqTimeout, SlowQuery: cfg.slowQuery, Registry: registry,
	})
	if err != nil {
		return err
	}
	shared, err := redis.Open("REDIS_URL", cfg.redisURL)
	if err != nil {
		return err
	}
	service := &boxoffice.Service{
		Store:    store,
		Sessions: &jwt.Sessions{Secret: []byte(cfg.tokenSecret), TTL: cfg.tokenTTL, Revoked: &redis.Revoked{Client: shared}},
		Attempts: &redis.Attempts{Client: shared, Max: boxoffice.MaxAttempts, Lockout: cfg.lockout},
		Mailer:   &smtp.Mailer{Addr: cfg.smtpAddr},
	}
	handler := httpapi.New(service, httpapi.Options{
		Registry: registry, Ready: store.Ping, Timeout: cfg.reqTimeout, Faults: cfg.faults,
	})
	return newServer(cfg, handler).ListenAndServe()
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
