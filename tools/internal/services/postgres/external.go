package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// external is the server that WORKSHOP_DATABASE_URL names.
type external struct {
	base    url.URL
	version string
}

func openExternal(ctx context.Context, raw string) (*Server, error) {
	e, err := parseExternal(raw)
	if err != nil {
		return nil, fmt.Errorf("read WORKSHOP_DATABASE_URL: %w\nIt looks like this: export WORKSHOP_DATABASE_URL='postgres://user:password@localhost:5432/postgres?sslmode=disable'", err)
	}
	if err := e.check(ctx); err != nil {
		return nil, fmt.Errorf("use the server of WORKSHOP_DATABASE_URL (%s): %w\nTo let the workshop start a server of its own: unset WORKSHOP_DATABASE_URL", e.base.Redacted(), err)
	}
	return &Server{external: e}, nil
}

// parseExternal never repeats the URL in an error: it may hold a password.
func parseExternal(raw string) (*external, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("it is no URL (are special characters in the password escaped, @ as %40?)")
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("it doesn't begin with postgres://")
	}
	query := u.Query()
	if mode := query.Get("sslmode"); mode != "" && mode != "disable" && mode != "allow" && mode != "prefer" {
		return nil, fmt.Errorf("sslmode is %s, and the workshop measures the wire unencrypted: use sslmode=disable, on a server near you", mode)
	}
	if password := query.Get("password"); password != "" {
		u.User = url.UserPassword(u.User.Username(), password)
		query.Del("password")
	}
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return &external{base: *u}, nil
}

func (e *external) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", e.url(""))
	if err != nil {
		return errors.New(e.redact(err.Error()))
	}
	defer db.Close()
	var number int
	var may bool
	err = db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user`).Scan(&number, &e.version, &may)
	if err != nil {
		return e.refused(err)
	}
	e.version, _, _ = strings.Cut(e.version, " ")
	if number < oldestMajor*10000 {
		return fmt.Errorf("it is PostgreSQL %s, the course needs %d or newer", e.version, oldestMajor)
	}
	if !may {
		return fmt.Errorf("its user may not create databases; have an administrator run: ALTER ROLE %q CREATEDB", e.user())
	}
	return nil
}

// refused says what the driver said.
func (e *external) refused(err error) error {
	said := errors.New(e.redact(err.Error()))
	if _, given := e.base.User.Password(); !given && pq.As(err, pqerror.InvalidPassword, pqerror.InvalidAuthorizationSpecification) != nil {
		return fmt.Errorf("%w (the password must stand in the URL: the API under test has neither PGPASSWORD nor ~/.pgpass, so they aren't read)", said)
	}
	return said
}

// redact hides the password should an error of the driver repeat it.
func (e *external) redact(text string) string {
	if password, ok := e.base.User.Password(); ok && password != "" {
		text = strings.ReplaceAll(text, password, "xxxxx")
		text = strings.ReplaceAll(text, url.QueryEscape(password), "xxxxx")
	}
	return text
}

func (e *external) url(database string) string {
	u := e.base
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

func (e *external) user() string {
	if name := e.base.User.Username(); name != "" {
		return name
	}
	if name := e.base.Query().Get("user"); name != "" {
		return name
	}
	return os.Getenv("USER")
}

func (e *external) dial() (net.Conn, error) {
	host, port := e.base.Hostname(), e.base.Port()
	if given := e.base.Query().Get("host"); given != "" {
		host = given
	}
	if given := e.base.Query().Get("port"); given != "" {
		port = given
	}
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = strconv.Itoa(5432)
	}
	if strings.HasPrefix(host, "/") {
		return net.Dial("unix", filepath.Join(host, ".s.PGSQL."+port))
	}
	return net.Dial("tcp", net.JoinHostPort(host, port))
}
