// Command boxoffice sells tickets.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"example.com/boxoffice/steps/03-errors/boxoffice"
	"example.com/boxoffice/steps/03-errors/httpapi"
	"example.com/boxoffice/steps/03-errors/memory"
	"example.com/boxoffice/steps/03-errors/postgres"
	"example.com/boxoffice/steps/03-errors/smtp"
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
	store, err := postgres.Open(cfg.databaseURL)
	if err != nil {
		return err
	}
	service := &boxoffice.Service{
		Store:    store,
		Sessions: memory.NewSessions(),
		Mailer:   &smtp.Mailer{Addr: cfg.smtpAddr},
	}
	return newServer(cfg, httpapi.New(service, httpapi.Options{Faults: cfg.faults})).ListenAndServe()
}

// newServer is the server on cfg.addr.
//
// TODO(task 4): its waits for a client have no end. cfg says how long each may take.
func newServer(cfg config, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:    cfg.addr,
		Handler: handler,
	}
}
