package seed

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/boxoffice/tools/internal/services/postgres"
)

// owner is this process as the owner of databases. Its session holds advisory
// locks that the server lets go when the process ends, however it ends:
// exclusively on the process's key, shared on each template it may clone.
type owner struct {
	pg      *postgres.Server
	db      *sql.DB
	key     int64
	prefix  string
	counter atomic.Int64

	mu      sync.Mutex // guards session: one statement at a time
	session *sql.Conn

	releasing sync.Mutex
	released  map[string][]string // databases that nobody has changed, by template
}

var owners = struct {
	sync.Mutex
	of map[*postgres.Server]*owner
}{of: map[*postgres.Server]*owner{}}

// ownerOf returns the owner for pg. It lives until pg is closed.
func ownerOf(ctx context.Context, pg *postgres.Server) (*owner, error) {
	owners.Lock()
	defer owners.Unlock()
	if o := owners.of[pg]; o != nil {
		return o, nil
	}
	o, err := newOwner(ctx, pg)
	if err != nil {
		return nil, fmt.Errorf("claim a name for this process's databases: %w", err)
	}
	owners.of[pg] = o
	pg.AtClose(func() {
		owners.Lock()
		defer owners.Unlock()
		delete(owners.of, pg)
		o.close()
	})
	return o, nil
}

func newOwner(ctx context.Context, pg *postgres.Server) (*owner, error) {
	db, err := sql.Open("postgres", pg.URL(""))
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(4)
	var random [8]byte
	rand.Read(random[:])
	o := &owner{pg: pg, db: db, key: int64(binary.BigEndian.Uint64(random[:]) >> 1)}
	o.prefix = processPrefix(o.key)
	if o.session, err = db.Conn(ctx); err == nil {
		_, err = o.session.ExecContext(ctx, "SELECT pg_advisory_lock($1)", o.key)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *owner) close() {
	o.dropReleased()
	if o.session != nil {
		o.session.Close()
	}
	o.db.Close()
}

func processPrefix(key int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(key))
	return "boxoffice_p" + hex.EncodeToString(b[:]) + "_"
}

func processKey(name string) (int64, bool) {
	text, _, ok := strings.Cut(strings.TrimPrefix(name, "boxoffice_p"), "_")
	b, err := hex.DecodeString(text)
	if !ok || err != nil || len(b) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b)), true
}

func templateKey(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int64(h.Sum64())
}

// create makes a database: empty, or a copy of template.
func (o *owner) create(ctx context.Context, template string) (string, error) {
	name := fmt.Sprintf("%s%d", o.prefix, o.counter.Add(1))
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	} else {
		statement += " TEMPLATE template0 ENCODING 'UTF8'"
	}
	space, err := o.pg.Tablespace(ctx, o.db)
	if err != nil {
		return "", err
	}
	if space != "" {
		statement += " TABLESPACE " + space
	}
	if major(o.pg.Version()) >= 15 {
		statement += " STRATEGY FILE_COPY" // PostgreSQL 15 on; older ones know no other way
	}
	if _, err := o.db.ExecContext(ctx, statement); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return name, nil
}

// major is the first number of a version.
func major(version string) (n int) {
	fmt.Sscanf(version, "%d", &n)
	return n
}

func (o *owner) drop(ctx context.Context, name string) error {
	if _, err := o.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// The server counts each row that is written, also in its catalogs and by transactions that
// are rolled back. From PostgreSQL 15 on it has added a connection's counts before that
// connection is gone from pg_stat_activity; older ones count some time later.
const (
	disconnect = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1`
	written    = `SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = $1`

	countsAtOnce = 15 // the major version from which on written is true at once
	disconnectIn = 100 * time.Millisecond
)

// unchanged closes all connections to a database, and reports whether it is known that
// nothing was ever written to it. Sequences aside: an INSERT that is refused before it has a
// row to write takes a number.
func (o *owner) unchanged(ctx context.Context, name string) bool {
	if major(o.pg.Version()) < countsAtOnce {
		return false
	}
	for deadline := time.Now().Add(disconnectIn); ; time.Sleep(time.Millisecond) {
		var connected int
		if err := o.db.QueryRowContext(ctx, disconnect, name).Scan(&connected); err != nil || time.Now().After(deadline) {
			return false
		}
		if connected == 0 {
			break
		}
	}
	var rows int64
	err := o.db.QueryRowContext(ctx, written, name).Scan(&rows)
	return err == nil && rows == 0
}

// release keeps a database for takeReleased.
func (o *owner) release(template, name string) {
	o.releasing.Lock()
	defer o.releasing.Unlock()
	if o.released == nil {
		o.released = map[string][]string{}
	}
	o.released[template] = append(o.released[template], name)
}

// takeReleased returns a copy of the template that was released, "" when there is none.
func (o *owner) takeReleased(template string) (name string) {
	o.releasing.Lock()
	defer o.releasing.Unlock()
	if names := o.released[template]; len(names) > 0 {
		name, o.released[template] = names[len(names)-1], names[:len(names)-1]
	}
	return name
}

// dropReleased drops what nobody has taken. What it can't drop, a Sweep does.
func (o *owner) dropReleased() {
	o.releasing.Lock()
	defer o.releasing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, names := range o.released {
		for _, name := range names {
			_ = o.drop(ctx, name)
		}
	}
	o.released = nil
}

func (o *owner) exists(ctx context.Context, name string) (there bool, err error) {
	err = o.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	return there, err
}

// hold keeps a template from being dropped for as long as this process lives.
func (o *owner) hold(ctx context.Context, template string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.session.ExecContext(ctx, "SELECT pg_advisory_lock_shared($1)", templateKey(template))
	if err != nil {
		return fmt.Errorf("hold template %s: %w", template, err)
	}
	return nil
}

// templateLock is held by whoever builds a template.
type templateLock struct{ conn *sql.Conn }

// lockTemplate waits until this process is the only one at work on the template.
// The lock has two keys, so it doesn't meet those of hold.
func (o *owner) lockTemplate(ctx context.Context, name string) (*templateLock, error) {
	conn, err := o.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(42, $1)", int32(templateKey(name))); err != nil {
		conn.Close()
		return nil, fmt.Errorf("wait for template %s: %w", name, err)
	}
	return &templateLock{conn}, nil
}

func (l *templateLock) release() {
	l.conn.ExecContext(context.Background(), "SELECT pg_advisory_unlock_all()")
	l.conn.Close()
}

const lastUsed = "boxoffice, last used "

// used notes the time as the database's comment.
func (o *owner) used(ctx context.Context, name string) error {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	_, err := o.db.ExecContext(ctx, "COMMENT ON DATABASE "+name+" IS '"+lastUsed+now+"'")
	if err != nil {
		return fmt.Errorf("note the use of template %s: %w", name, err)
	}
	return nil
}

// forget drops all but the templates used last; one that a process holds stays.
func (o *owner) forget(ctx context.Context) error {
	names, err := column(ctx, o.db, `SELECT datname FROM pg_database
		WHERE datname ~ '^boxoffice_t_[0-9a-f]+$' AND pg_catalog.pg_get_userbyid(datdba) = current_user
		ORDER BY shobj_description(oid, 'pg_database') DESC NULLS LAST`)
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	for _, name := range names[min(keptTemplates, len(names)):] {
		if err := o.dropUnheld(ctx, templateKey(name), name); err != nil {
			return err
		}
	}
	return nil
}

// dropUnheld drops databases when no living process holds their key.
func (o *owner) dropUnheld(ctx context.Context, key int64, names ...string) error {
	conn, err := o.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var free bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&free); err != nil || !free {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
	for _, name := range names {
		if err := o.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Sweep drops the databases of processes that are gone.
func Sweep(ctx context.Context, pg *postgres.Server) error {
	o, err := ownerOf(ctx, pg)
	if err != nil {
		return err
	}
	names, err := column(ctx, o.db, "SELECT datname FROM pg_database WHERE datname ~ '^boxoffice_p[0-9a-f]{16}_' ORDER BY datname")
	if err != nil {
		return fmt.Errorf("list databases: %w", err)
	}
	for len(names) > 0 {
		key, ok := processKey(names[0])
		n := slices.IndexFunc(names, func(name string) bool { other, _ := processKey(name); return other != key })
		if n < 0 {
			n = len(names)
		}
		if ok && key != o.key {
			if err := o.dropUnheld(ctx, key, names[:n]...); err != nil {
				return err
			}
		}
		names = names[n:]
	}
	return nil
}
