// Package redis finds or starts a Redis for each test: a server of its own that the API's first
// connection starts, an empty database of WORKSHOP_REDIS_URL, or a stand-in in the process.
package redis

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"

	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/services/program"
)

// Source is where the Redis of this process comes from: the server of WORKSHOP_REDIS_URL, else a
// redis-server or valkey-server of this machine, else a stand-in in the process.
type Source struct {
	url    string // WORKSHOP_REDIS_URL
	search func() (installed, string)

	mu   sync.Mutex
	fell string // why the program of this machine is no longer tried
}

// standInURL is the WORKSHOP_REDIS_URL that asks for the stand-in, so that tests can be
// tried on both kinds.
const standInURL = "stand-in"

// New reads the settings. It looks for nothing and starts nothing yet.
func New() *Source {
	r := &Source{url: os.Getenv("WORKSHOP_REDIS_URL")}
	if r.url == standInURL {
		return &Source{fell: "as WORKSHOP_REDIS_URL says"}
	}
	r.search = sync.OnceValues(func() (installed, string) { return find(program.Folders()) })
	return r
}

// Kind says what kind of Redis is used.
type Kind string

// The kinds of Redis.
const (
	External Kind = "external" // the server of WORKSHOP_REDIS_URL
	Private  Kind = "private"  // servers of this machine's program, one a test
	StandIn  Kind = "stand-in" // miniredis, in the process
)

// Status describes the Redis that the tests would use.
type Status struct {
	Kind    Kind
	Version string // such as "7.0.15"; of the stand-in, ""
	Origin  string // told to people: where it comes from
	Reason  string // why it is the stand-in
	Install string // the command that installs a Redis on this system; for the stand-in alone
}

// String tells it in a line.
func (s Status) String() string {
	switch {
	case s.Kind == StandIn:
		return fmt.Sprintf("%s (%s)", s.Origin, s.Reason)
	case s.Version == "":
		return s.Origin
	}
	return fmt.Sprintf("%s (%s)", s.Version, s.Origin)
}

// Status looks for a Redis, and starts none. It fails when the server of WORKSHOP_REDIS_URL can't be
// used.
func (r *Source) Status(ctx context.Context) (Status, error) {
	if r.url != "" {
		server, err := openExternal(ctx, r.url)
		if err != nil {
			return Status{Kind: External, Origin: "WORKSHOP_REDIS_URL"}, err
		}
		return Status{Kind: External, Version: server.version, Origin: "WORKSHOP_REDIS_URL"}, nil
	}
	found, reason := r.program()
	if reason != "" {
		return Status{Kind: StandIn, Origin: "a stand-in in the process", Reason: reason, Install: install.Command()}, nil
	}
	return Status{Kind: Private, Version: found.version, Origin: found.path}, nil
}

// program is the server program of this machine, or the reason why there is none.
func (r *Source) program() (installed, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fell != "" {
		return installed{}, r.fell
	}
	return r.search()
}

// giveUp stops trying the program of this machine, which doesn't start.
func (r *Source) giveUp(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fell = err.Error()
}

// Keyspace is a Redis for one test: nobody else sees its keys.
type Keyspace struct {
	user     *url.Userinfo // nil: the server asks for no password
	database int
	dial     func(context.Context) (net.Conn, error)
	release  func(context.Context) error
}

// Open makes a keyspace. Unless the server is that of WORKSHOP_REDIS_URL, nothing is started before
// the first connection is dialled. The caller closes it.
func (r *Source) Open(ctx context.Context) (*Keyspace, error) {
	if r.url != "" {
		server, err := openExternal(ctx, r.url)
		if err != nil {
			return nil, err
		}
		return server.lease(ctx)
	}
	own := &own{redis: r}
	return &Keyspace{dial: own.dial, release: func(context.Context) error { return own.close() }}, nil
}

// URL is how a client reaches the keyspace at addr, which leads to Dial.
func (k *Keyspace) URL(addr string) string {
	u := url.URL{Scheme: "redis", User: k.user, Host: addr, Path: "/" + strconv.Itoa(k.database)}
	return u.String()
}

// DirectURL is how a client reaches the keyspace past everything: at a Unix socket, for a
// server of the workshop's own. It starts the server when it is the first to need it.
func (k *Keyspace) DirectURL(ctx context.Context) (string, error) {
	conn, err := k.dial(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to Redis: %w", err)
	}
	defer func() { _ = conn.Close() }()
	server := conn.RemoteAddr()
	if server.Network() != "unix" {
		return k.URL(server.String()), nil
	}
	u := url.URL{Scheme: "unix", User: k.user, Path: server.String(), RawQuery: "db=" + strconv.Itoa(k.database)}
	return u.String(), nil
}

// Dial opens a connection to the server, on which a client has yet to log in and to choose the
// database, as the URL says.
func (k *Keyspace) Dial(ctx context.Context) (net.Conn, error) { return k.dial(ctx) }

// Connect opens a connection that is ready for commands.
func (k *Keyspace) Connect(ctx context.Context) (*resp.Client, error) {
	conn, err := k.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	client := resp.NewClient(conn)
	if err := logIn(client, k.user, k.database); err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	return client, nil
}

// Close gives the keyspace back: its keys are gone.
func (k *Keyspace) Close(ctx context.Context) error { return k.release(ctx) }

func logIn(client *resp.Client, user *url.Userinfo, database int) error {
	if password, ok := user.Password(); ok {
		credentials := []string{"AUTH", password}
		if name := user.Username(); name != "" {
			credentials = []string{"AUTH", name, password}
		}
		if _, err := client.Do(credentials...); err != nil {
			return err
		}
	}
	if database == 0 {
		return nil
	}
	_, err := client.Do("SELECT", strconv.Itoa(database))
	return err
}
