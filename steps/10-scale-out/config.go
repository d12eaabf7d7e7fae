package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// config is what the environment says.
type config struct {
	addr           string        // ADDR: host:port to listen on
	databaseURL    string        // DATABASE_URL
	dbMaxConns     int           // DB_MAX_CONNS: connections to PostgreSQL, of this instance
	redisURL       string        // REDIS_URL
	cacheURL       string        // CACHE_URL: the Redis that remembers events; that of REDIS_URL when empty
	cacheTTL       time.Duration // CACHE_TTL: how long events are remembered
	cacheWait      time.Duration // CACHE_TIMEOUT: how long the cache may take
	tokenSecret    string        // TOKEN_SECRET: signs tokens; the same for all instances
	smtpAddr       string        // SMTP_ADDR: host:port of the mail server
	tokenTTL       time.Duration // TOKEN_TTL: how long a token is valid
	lockout        time.Duration // LOGIN_LOCKOUT: how long an account is locked after failed log-ins
	reqTimeout     time.Duration // REQUEST_TIMEOUT: until a request has its answer
	jobTimeout     time.Duration // JOB_TIMEOUT: how long a job may take
	jobAttempts    int           // JOB_ATTEMPTS: how often a job is tried
	jobBackoff     time.Duration // JOB_BACKOFF: the pause after a job's first failure
	drainDelay     time.Duration // DRAIN_DELAY: from SIGTERM until new requests are refused; longer than a balancer takes to notice
	stopTimeout    time.Duration // SHUTDOWN_TIMEOUT: how long requests in flight and jobs have after that
	readTimeout    time.Duration // READ_TIMEOUT: until a request has arrived, its body included
	sendTimeout    time.Duration // WRITE_TIMEOUT: until the client has taken its answer
	idleTimeout    time.Duration // IDLE_TIMEOUT: until the next request on the same connection
	slowQuery      time.Duration // SLOW_QUERY: statements that take longer are logged
	logLevel       slog.Level    // LOG_LEVEL: debug, info, warn or error
	trustedProxies []string      // TRUSTED_PROXIES: addresses and networks whose X-Forwarded-For is true, with commas between
	faults         bool          // FAULTS=on: serve the routes that fail on purpose
}

func readConfig() (config, error) {
	c := config{
		addr:           cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080"),
		databaseURL:    os.Getenv("DATABASE_URL"),
		redisURL:       os.Getenv("REDIS_URL"),
		cacheURL:       cmp.Or(os.Getenv("CACHE_URL"), os.Getenv("REDIS_URL")),
		tokenSecret:    os.Getenv("TOKEN_SECRET"),
		smtpAddr:       os.Getenv("SMTP_ADDR"),
		faults:         os.Getenv("FAULTS") == "on",
		trustedProxies: strings.FieldsFunc(os.Getenv("TRUSTED_PROXIES"), func(r rune) bool { return r == ',' || r == ' ' }),
	}
	return c, errors.Join(
		checkDatabaseURL(c.databaseURL),
		readDuration(&c.cacheTTL, "CACHE_TTL", time.Minute),
		readDuration(&c.cacheWait, "CACHE_TIMEOUT", 100*time.Millisecond),
		readDuration(&c.tokenTTL, "TOKEN_TTL", 24*time.Hour),
		readDuration(&c.lockout, "LOGIN_LOCKOUT", 15*time.Minute),
		readCount(&c.dbMaxConns, "DB_MAX_CONNS", 10),
		readDuration(&c.reqTimeout, "REQUEST_TIMEOUT", 3*time.Second),
		readDuration(&c.jobTimeout, "JOB_TIMEOUT", time.Minute),
		readCount(&c.jobAttempts, "JOB_ATTEMPTS", 10),
		readDuration(&c.jobBackoff, "JOB_BACKOFF", time.Second),
		readDuration(&c.drainDelay, "DRAIN_DELAY", 5*time.Second),
		readDuration(&c.stopTimeout, "SHUTDOWN_TIMEOUT", 20*time.Second),
		readDuration(&c.readTimeout, "READ_TIMEOUT", 5*time.Second),
		readDuration(&c.sendTimeout, "WRITE_TIMEOUT", 30*time.Second),
		readDuration(&c.idleTimeout, "IDLE_TIMEOUT", 2*time.Minute),
		readDuration(&c.slowQuery, "SLOW_QUERY", 200*time.Millisecond),
		readLevel(&c.logLevel, "LOG_LEVEL"),
	)
}

func checkDatabaseURL(url string) error {
	if url != "" {
		return nil
	}
	return errors.New("DATABASE_URL is not set, so there is no database to use\n" +
		"`go tool workshop run 10` starts one and sets it. With a PostgreSQL of your own:\n" +
		"  export DATABASE_URL='postgres://USER:PASSWORD@localhost:5432/DATABASE?sslmode=disable'\n" +
		"  go run . migrate && go run . serve")
}

// minSecret is what HS256 asks for, in bytes (RFC 7518, section 3.2).
const minSecret = 32

// checkShared demands what `boxoffice serve` shares with the other instances.
func (c config) checkShared() error {
	if c.redisURL == "" {
		return errors.New("REDIS_URL is not set, and the instances share their sessions there\n" +
			"`go tool workshop run 10` starts one and sets it. With a Redis of your own:\n" +
			"  export REDIS_URL=redis://localhost:6379")
	}
	if len(c.tokenSecret) < minSecret {
		return fmt.Errorf("TOKEN_SECRET has %d bytes, and needs %d: whoever guesses it is anybody\n"+
			"  export TOKEN_SECRET=$(openssl rand -hex 32)     # the same for all instances", len(c.tokenSecret), minSecret)
	}
	return nil
}

// checkWork demands what `boxoffice work` needs. A worker that can't send mail would do
// the jobs all the same, and nobody would hear of it.
func (c config) checkWork() error {
	_, port, err := net.SplitHostPort(c.smtpAddr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("SMTP_ADDR is %q, and the worker needs the host:port of a mail server\n"+
			"`go tool workshop run 10` starts one and sets it. With a mail server of your own:\n"+
			"  export SMTP_ADDR=localhost:25", c.smtpAddr)
	}
	return nil
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

// readCount reads a variable such as DB_MAX_CONNS=10 into n.
func readCount(n *int, name string, otherwise int) error {
	text := os.Getenv(name)
	if text == "" {
		*n = otherwise
		return nil
	}
	parsed, err := strconv.Atoi(text)
	if err != nil || parsed < 1 {
		return fmt.Errorf("%s is %q: it must be a number above zero, such as %d", name, text, otherwise)
	}
	*n = parsed
	return nil
}

// readLevel reads a variable such as LOG_LEVEL=debug into l.
func readLevel(l *slog.Level, name string) error {
	text := cmp.Or(os.Getenv(name), "info")
	if err := l.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%s is %q: it must be debug, info, warn or error", name, text)
	}
	return nil
}
