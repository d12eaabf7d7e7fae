package redis

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/internal/services/state"
)

// external is the server that WORKSHOP_REDIS_URL names. The workshop takes empty databases of
// it, never database 0 and never one that holds keys.
type external struct {
	user    *url.Userinfo
	address string
	version string
	locks   string // folder for the locks on databases in use
}

func openExternal(ctx context.Context, raw string) (*external, error) {
	e, err := parseExternal(raw)
	if err != nil {
		return nil, fmt.Errorf("read WORKSHOP_REDIS_URL: %w\nIt looks like this: export WORKSHOP_REDIS_URL='redis://:password@localhost:6379'", err)
	}
	if e.locks, err = state.Folder(); err != nil {
		return nil, err
	}
	if err := e.check(ctx); err != nil {
		return nil, fmt.Errorf("use the server of WORKSHOP_REDIS_URL (%s): %w\nTo let the workshop use one of its own: unset WORKSHOP_REDIS_URL", e.address, err)
	}
	return e, nil
}

// parseExternal never repeats the URL in an error: it may hold a password.
func parseExternal(raw string) (*external, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL (are special characters in the password escaped, @ as %40?)")
	case u.Scheme != "redis":
		return nil, errors.New("it doesn't begin with redis:// (the workshop measures the wire unencrypted)")
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	return &external{user: u.User, address: net.JoinHostPort(u.Hostname(), port)}, nil
}

func (e *external) check(ctx context.Context) error {
	client, err := e.connect(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if _, err := client.Do("PING"); err != nil {
		return err
	}
	info, _ := client.Do("INFO", "server") // not every user may
	text, _ := info.(string)
	for line := range strings.Lines(text) {
		if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
			e.version = strings.TrimSpace(version)
		}
	}
	return nil
}

func (e *external) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return dialer.DialContext(ctx, "tcp", e.address)
}

func (e *external) connect(ctx context.Context, database int) (*resp.Client, error) {
	k := &Keyspace{user: e.user, database: database, dial: e.dial}
	return k.Connect(ctx)
}

// lease waits for an empty database that no other test uses.
func (e *external) lease(ctx context.Context) (*Keyspace, error) {
	for {
		k, busy, err := e.tryLease(ctx)
		if k != nil || err != nil {
			return k, err
		}
		if busy == 0 {
			return nil, fmt.Errorf("no database of WORKSHOP_REDIS_URL (%s) but 0 is empty, and the workshop touches none that holds keys\nIf those in 15 can go: redis-cli -u \"$WORKSHOP_REDIS_URL\" -n 15 flushdb", e.address)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a database of WORKSHOP_REDIS_URL (%s), whose %d empty ones are all in use: %w", e.address, busy, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tryLease looks at all databases. It returns how many other tests use when none is free.
func (e *external) tryLease(ctx context.Context) (k *Keyspace, busy int, err error) {
	client, err := e.connect(ctx, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = client.Close() }()
	for database := 1; ; database++ {
		if _, err := client.Do("SELECT", strconv.Itoa(database)); err != nil {
			return nil, busy, outOfRange(err)
		}
		lock, err := e.lock(database)
		if errors.Is(err, state.ErrBusy) {
			busy++
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		keys, err := client.Do("DBSIZE")
		if err == nil && keys == 0 {
			return e.keyspace(database, lock), 0, nil
		}
		unlock(lock)
		if err != nil {
			return nil, 0, err
		}
	}
}

// outOfRange is nil for the answer that there are no more databases.
func outOfRange(err error) error {
	if strings.Contains(err.Error(), "out of range") {
		return nil
	}
	return err
}

func (e *external) lock(database int) (*os.File, error) {
	if err := state.MakePrivate(e.locks); err != nil {
		return nil, err
	}
	server := sha256.Sum256([]byte(e.address))
	name := fmt.Sprintf("redis-%x-%d.lock", server[:4], database)
	return state.TryLock(filepath.Join(e.locks, name), syscall.LOCK_EX)
}

func unlock(lock *os.File) {
	_ = os.Remove(lock.Name())
	_ = lock.Close()
}

// keyspace is a database that was empty when it was locked: what is in it at the end, the tests put
// there.
func (e *external) keyspace(database int, lock *os.File) *Keyspace {
	k := &Keyspace{user: e.user, database: database, dial: e.dial}
	k.release = func(ctx context.Context) error {
		defer unlock(lock)
		client, err := k.Connect(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		_, err = client.Do("FLUSHDB")
		return err
	}
	return k
}
