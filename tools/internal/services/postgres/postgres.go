// Package postgres finds, downloads, starts and shares the PostgreSQL that the course runs on.
//
// One private server is shared by all programs of one user. It is started by
// whoever needs it first, as a supervisor process: the calling program run
// again. It stops by itself once nobody has used it for a while. No pid file is
// trusted: locks that the kernel lets go when their holder dies say who lives,
// so any process here may be killed at any time and the next start recovers.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"

	"example.com/boxoffice/tools/internal/services/state"
)

// Options says how Start behaves.
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

// Server is a running PostgreSQL.
type Server struct {
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
	// Overflow says that databases may go on disk, while the data is in memory.
	Overflow bool `json:"overflow,omitempty"`
}

const (
	currentFile = "current"
	ownUser     = "postgres"
	ownPort     = "5432" // the number in its socket's name
)

func (p published) socketDir() string { return filepath.Join(p.Run, "socket") }

func (p published) socket() string { return filepath.Join(p.socketDir(), ".s.PGSQL."+ownPort) }

func (p published) url(database string) string {
	// All that a client needs, so that psql in a shell with other plans takes it as it is.
	query := url.Values{"host": {p.socketDir()}, "port": {ownPort}, "user": {ownUser}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(database) + "?" + query.Encode()
}

// Start returns the server that WORKSHOP_DATABASE_URL names, else this
// user's shared server, which it starts when it isn't running. The first start
// on a machine takes seconds, a later one milliseconds. When ctx ends while a
// start is waited for, the start itself goes on in the background.
//
// The program must call RunIfSupervisor first. The error is a *NotFoundError
// when there is no PostgreSQL and none could be downloaded.
func Start(ctx context.Context, opt Options) (*Server, error) {
	s, err := settingsFromEnvironment()
	if err != nil {
		return nil, err
	}
	return s.start(ctx, opt)
}

func (s settings) start(ctx context.Context, opt Options) (*Server, error) {
	if s.DatabaseURL != "" {
		return openExternal(ctx, s.DatabaseURL)
	}
	users, err := state.Lock(ctx, s.State, usersLock, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	server, err := s.running(ctx, opt)
	if err != nil {
		users.Close()
		return nil, err
	}
	return &Server{server: server, users: users}, nil
}

// running returns the live server and starts one when there is none.
func (s settings) running(ctx context.Context, opt Options) (published, error) {
	announce := sync.OnceFunc(func() { opt.say("waiting for another program that is starting PostgreSQL") })
	for began := time.Now(); ; {
		if server, ok, err := s.current(ctx); ok || err != nil {
			return server, err
		}
		start, err := state.TryLock(filepath.Join(s.State, startLock), syscall.LOCK_EX)
		switch {
		case err == nil:
			server, ok, err := s.current(ctx) // the holder before us may have started it
			if !ok && err == nil {
				server, err = s.launch(ctx, start, opt)
			}
			start.Close()
			return server, err
		case !errors.Is(err, state.ErrBusy):
			return published{}, state.Error(s.State, err)
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

// UnreachableError says that the shared server lives and that this program gets no answer from it.
// Others may use it, so nobody starts another one in its place.
type UnreachableError struct {
	PID int // of its supervisor
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("PostgreSQL runs (supervisor %d), and can't be talked to: %v\nIf the machine is busy, wait and try again. To begin with a new server: go tool workshop services stop", e.PID, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// current returns the published server when its supervisor lives and it answers. The error is an
// *UnreachableError.
func (s settings) current(ctx context.Context) (server published, ok bool, err error) {
	server, err = readPublished(s.State)
	if err != nil || !state.Held(filepath.Join(server.Run, runLock)) {
		return published{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch err = ping(ctx, server.url("postgres")); {
	case err == nil:
		return server, true, nil
	case isAbsent(err):
		return published{}, false, nil
	}
	return published{}, false, &UnreachableError{server.PID, err}
}

func readPublished(folder string) (published, error) {
	var p published
	text, err := os.ReadFile(filepath.Join(folder, currentFile))
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

// answers tells whether a server is there.
func answers(ctx context.Context, url string) bool { return ping(ctx, url) == nil }

// pingLimit is how long a server may take to greet a client. The context's end isn't enough: lib/pq
// waits for a frozen server's greeting whatever the context says.
const pingLimit = "connect_timeout=10"

// ping tells why a server doesn't answer. One that refuses because it is full answers.
func ping(ctx context.Context, url string) error {
	db, err := sql.Open("postgres", url+"&"+pingLimit)
	if err != nil {
		return err
	}
	defer db.Close()
	err = db.PingContext(ctx)
	if refusal := new(pq.Error); errors.As(err, &refusal) && !isLeaving(refusal) {
		return nil
	}
	return err
}

// isLeaving reports whether a server refuses because it starts or stops.
func isLeaving(refusal *pq.Error) bool {
	const cannotConnectNow, adminShutdown, crashShutdown = "57P03", "57P01", "57P02"
	return refusal.Code == cannotConnectNow || refusal.Code == adminShutdown || refusal.Code == crashShutdown
}

// isAbsent reports whether no server is there, going by what ping said.
func isAbsent(err error) bool {
	var network *net.OpError
	return !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) &&
		(errors.As(err, &network) || errors.As(err, new(*pq.Error)) || errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn))
}

// URL is how database/sql opens a database: sql.Open("postgres", p.URL(name)).
// It leads past every tap. The empty name is the maintenance database.
func (p *Server) URL(database string) string {
	if p.external != nil {
		return p.external.url(database)
	}
	if database == "" {
		database = "postgres"
	}
	return p.server.url(database)
}

// Dial opens a raw connection to the server, on which nothing was said yet.
func (p *Server) Dial() (net.Conn, error) {
	if p.external != nil {
		return p.external.dial()
	}
	return net.Dial("unix", p.server.socket())
}

// User is the role that URL logs in as.
func (p *Server) User() string {
	if p.external != nil {
		return p.external.user()
	}
	return ownUser
}

// External tells whether the server is the one that WORKSHOP_DATABASE_URL names.
func (p *Server) External() bool { return p.external != nil }

// Version is the server's version, such as "15.14".
func (p *Server) Version() string {
	if p.external != nil {
		return p.external.version
	}
	return p.server.Version
}

// Origin says where the server comes from: "WORKSHOP_DATABASE_URL", a folder of
// binaries, or "downloaded …".
func (p *Server) Origin() string {
	if p.external != nil {
		return "WORKSHOP_DATABASE_URL"
	}
	return p.server.Origin
}

// AtClose has f called by Close, before the server may stop; the last given comes first.
func (p *Server) AtClose(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = append(p.closing, f)
}

// Close lets go of the server. It stops by itself once nobody uses it any more.
// A program that ends without Close lets go as well.
func (p *Server) Close() error {
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
