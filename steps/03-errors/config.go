package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"
)

// config is what the environment says.
type config struct {
	addr        string        // ADDR: host:port to listen on
	databaseURL string        // DATABASE_URL
	smtpAddr    string        // SMTP_ADDR: host:port of the mail server; none when empty
	readTimeout time.Duration // READ_TIMEOUT: until a request has arrived, its body included
	sendTimeout time.Duration // WRITE_TIMEOUT: until the client has taken its answer
	idleTimeout time.Duration // IDLE_TIMEOUT: until the next request on the same connection
	faults      bool          // FAULTS=on: serve the routes that fail on purpose
}

func readConfig() (config, error) {
	c := config{
		addr:        cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"),
		databaseURL: os.Getenv("DATABASE_URL"),
		smtpAddr:    os.Getenv("SMTP_ADDR"),
		faults:      os.Getenv("FAULTS") == "on",
	}
	return c, errors.Join(
		checkDatabaseURL(c.databaseURL),
		readDuration(&c.readTimeout, "READ_TIMEOUT", 5*time.Second),
		readDuration(&c.sendTimeout, "WRITE_TIMEOUT", 30*time.Second),
		readDuration(&c.idleTimeout, "IDLE_TIMEOUT", 2*time.Minute),
	)
}

func checkDatabaseURL(url string) error {
	if url != "" {
		return nil
	}
	return errors.New("DATABASE_URL is not set, so there is no database to use\n" +
		"`go tool workshop run 03` starts one and sets it. With a PostgreSQL of your own:\n" +
		"  export DATABASE_URL='postgres://USER:PASSWORD@localhost:5432/DATABASE?sslmode=disable'\n" +
		"  go run . migrate && go run . serve")
}

// readDuration reads a variable such as READ_TIMEOUT=5s into d.
func readDuration(d *time.Duration, name string, otherwise time.Duration) error {
	text := os.Getenv(name)
	if text == "" {
		*d = otherwise
		return nil
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed <= 0 {
		return fmt.Errorf("%s is %q: it must be a duration above zero, such as %v", name, text, otherwise)
	}
	*d = parsed
	return nil
}
