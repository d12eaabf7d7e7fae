// Command boxoffice sells tickets.
//
//	boxoffice migrate   brings the database's schema up to date
//	boxoffice serve     answers requests; what it does without a command, too
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"example.com/boxoffice/steps/02-layers/boxoffice"
	"example.com/boxoffice/steps/02-layers/httpapi"
	"example.com/boxoffice/steps/02-layers/memory"
	"example.com/boxoffice/steps/02-layers/postgres"
	"example.com/boxoffice/steps/02-layers/smtp"
)

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, "boxoffice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command string) error {
	databaseURL := os.Getenv("DATABASE_URL")
	if databaseURL == "" {
		return errors.New("DATABASE_URL is not set, so there is no database to use\n" +
			"`go tool workshop run 02` starts one and sets it. With a PostgreSQL of your own:\n" +
			"  export DATABASE_URL='postgres://USER:PASSWORD@localhost:5432/DATABASE?sslmode=disable'\n" +
			"  go run . migrate && go run . serve")
	}
	switch command {
	case "", "serve":
		return serve(databaseURL)
	case "migrate":
		return postgres.Migrate(ctx, databaseURL)
	default:
		return fmt.Errorf("there is no command %q: use `boxoffice serve` or `boxoffice migrate`", command)
	}
}

// region serve

// serve puts the parts together and answers requests until it fails.
func serve(databaseURL string) error {
	store, err := postgres.Open(databaseURL)
	if err != nil {
		return err
	}
	service := &boxoffice.Service{
		Store:    store,
		Sessions: memory.NewSessions(),
		Mailer:   &smtp.Mailer{Addr: os.Getenv("SMTP_ADDR")},
	}
	return http.ListenAndServe(cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"), httpapi.New(service))
}

// endregion
