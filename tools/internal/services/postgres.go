// Package services finds or starts the PostgreSQL that the course runs on.
//
// One private server is shared by all programs of one user. It is started by
// whoever needs it first, as a supervisor process: the calling program run
// again. It stops by itself once nobody has used it for a while. No pid file is
// trusted: locks that the kernel lets go when their holder dies say who lives,
// so any process here may be killed at any time and the next start recovers.
package services

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// Options says how StartPostgres behaves.
type Options struct {
	// Progress is told, in whole lines, what a slow start is doing: finding,
	// downloading, initdb, starting. nil is silent. A warm start never calls it.
	Progress func(line string)
}

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// Postgres is a running PostgreSQL server.
type Postgres struct {
	external *external
	server   published
	users    *os.File

	mu      sync.Mutex
	closing []func()
}

// published is what the supervisor writes, as JSON, into the file "current" of
// the state folder once the server answers.
type published struct {
	Run     string    `json:"run"` // the run folder
	PID     int       `json:"pid"` // the supervisor's
	Version string    `json:"version"`
	Origin  string    `json:"origin"`
	Started time.Time `json:"started"`
}

const (
	currentFile = "current"
	ownUser     = "postgres"
)

func (p published) socketDir() string { return filepath.Join(p.Run, "socket") }

func (p published) socket() string { return filepath.Join(p.socketDir(), ".s.PGSQL.5432") }

func (p published) url(database string) string {
	query := url.Values{"host": {p.socketDir()}, "user": {ownUser}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(database) + "?" + query.Encode()
}

// StartPostgres returns the server that WORKSHOP_DATABASE_URL names, else this
// user's shared server, which it starts when it isn't running. The first start
// on a machine takes seconds, a later one milliseconds. When ctx ends while a
// start is waited for, the start itself goes on in the background.
//
// The program must call RunIfSupervisor first. The error is a *NotFoundError
// when there is no PostgreSQL and none could be downloaded.
func StartPostgres(ctx context.Context, opt Options) (*Postgres, error) {
	s, err := settingsFromEnvironment()
	if err != nil {
		return nil, err
	}
	return s.start(ctx, opt)
}

func (s settings) start(ctx context.Context, opt Options) (*Postgres, error) {
	if s.DatabaseURL != "" {
		return openExternal(ctx, s.DatabaseURL)
	}
	users, err := lockState(ctx, s.State, usersLock, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	server, err := s.running(ctx, opt)
	if err != nil {
		users.Close()
		return nil, err
	}
	return &Postgres{server: server, users: users}, nil
}

// running returns the live server and starts one when there is none.
func (s settings) running(ctx context.Context, opt Options) (published, error) {
	announce := sync.OnceFunc(func() { opt.say("waiting for another program that is starting PostgreSQL") })
	for began := time.Now(); ; {
		if server, ok := s.current(ctx); ok {
			return server, nil
		}
		start, err := tryLock(filepath.Join(s.State, startLock), syscall.LOCK_EX)
		switch {
		case err == nil:
			server, ok := s.current(ctx) // the holder before us may have started it
			if !ok {
				server, err = s.launch(ctx, start, opt)
			}
			start.Close()
			return server, err
		case !errors.Is(err, errBusy):
			return published{}, stateError(s.State, err)
		}
		if time.Since(began) > 300*time.Millisecond {
			announce()
		}
		select {
		case <-ctx.Done():
			return published{}, fmt.Errorf("wait for PostgreSQL to start: %w", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// current returns the published server when its supervisor lives and it answers.
func (s settings) current(ctx context.Context) (published, bool) {
	server, err := readPublished(s.State)
	if err != nil || !held(filepath.Join(server.Run, runLock)) {
		return published{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return server, answers(ctx, server.url("postgres"))
}

func readPublished(state string) (published, error) {
	var p published
	text, err := os.ReadFile(filepath.Join(state, currentFile))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, err
	}
	if p.Run == "" {
		return p, errors.New("no run folder named")
	}
	return p, nil
}

// answers tells whether a server is there. One that refuses because it is full is there.
func answers(ctx context.Context, url string) bool {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return false
	}
	defer db.Close()
	err = db.PingContext(ctx)
	var refusal *pq.Error
	if errors.As(err, &refusal) {
		const cannotConnectNow, adminShutdown, crashShutdown = "57P03", "57P01", "57P02"
		return refusal.Code != cannotConnectNow && refusal.Code != adminShutdown && refusal.Code != crashShutdown
	}
	return err == nil
}

// URL is how database/sql opens a database: sql.Open("postgres", p.URL(name)).
// It leads past every tap. The empty name is the maintenance database.
func (p *Postgres) URL(database string) string {
	if p.external != nil {
		return p.external.url(database)
	}
	if database == "" {
		database = "postgres"
	}
	return p.server.url(database)
}

// Dial opens a raw connection to the server, on which nothing was said yet.
func (p *Postgres) Dial() (net.Conn, error) {
	if p.external != nil {
		return p.external.dial()
	}
	return net.Dial("unix", p.server.socket())
}

// User is the role that URL logs in as.
func (p *Postgres) User() string {
	if p.external != nil {
		return p.external.user()
	}
	return ownUser
}

// External tells whether the server is the one that WORKSHOP_DATABASE_URL names.
func (p *Postgres) External() bool { return p.external != nil }

// Version is the server's version, such as "15.14".
func (p *Postgres) Version() string {
	if p.external != nil {
		return p.external.version
	}
	return p.server.Version
}

// Origin says where the server comes from: "WORKSHOP_DATABASE_URL", a folder of
// binaries, or "downloaded …".
func (p *Postgres) Origin() string {
	if p.external != nil {
		return "WORKSHOP_DATABASE_URL"
	}
	return p.server.Origin
}

// AtClose has f called by Close, before the server may stop; the last given comes first.
func (p *Postgres) AtClose(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = append(p.closing, f)
}

// Close lets go of the server. It stops by itself once nobody uses it any more.
// A program that ends without Close lets go as well.
func (p *Postgres) Close() error {
	p.mu.Lock()
	closing := p.closing
	p.closing = nil
	users := p.users
	p.users = nil
	p.mu.Unlock()
	for i := len(closing) - 1; i >= 0; i-- {
		closing[i]()
	}
	if users == nil {
		return nil
	}
	return users.Close()
}
