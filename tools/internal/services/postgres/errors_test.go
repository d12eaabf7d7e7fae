package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/services/state"
)

func TestDamagedStateIsRepaired(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, s settings){
		"current is garbage": func(t *testing.T, s settings) {
			require.NoError(t, os.WriteFile(filepath.Join(s.State, currentFile), []byte("{gar"), 0o600))
		},
		"current leads nowhere": func(t *testing.T, s settings) {
			require.NoError(t, published{Run: "/nowhere/run-1"}.publish(s.State))
		},
		"half a run folder": func(t *testing.T, s settings) {
			require.NoError(t, os.MkdirAll(filepath.Join(s.State, "run-1", "data"), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(s.State, "run-1", "data", "postmaster.pid"), []byte("1\n"), 0o600))
		},
		"half a cluster": func(t *testing.T, s settings) {
			found, _, err := s.find()
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Join(assignment{Cache: s.Cache, Binaries: found}.cluster(), "base"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			s.Cache = filepath.Join(filepath.Dir(s.State), "cache")
			require.NoError(t, state.MakePrivate(s.State))
			damage(t, s)
			requireAnswer(t, start(t, s))
			require.NoDirExists(t, filepath.Join(s.State, "run-1"))
		})
	}
}

func TestUnusableStateIsNamed(t *testing.T) {
	s := fresh(t)
	require.NoError(t, os.WriteFile(s.State, nil, 0o600))
	_, err := s.start(t.Context(), Options{})
	require.ErrorContains(t, err, s.State)
	require.ErrorContains(t, err, "export WORKSHOP_STATE=")
	if os.Getuid() == 0 {
		require.NoError(t, os.Remove(s.State))
		require.NoError(t, os.Mkdir(s.State, 0o777))
		require.NoError(t, os.Chown(s.State, 65534, 65534))
		_, err = s.start(t.Context(), Options{})
		require.ErrorContains(t, err, "belongs to uid 65534")
	}
}

func TestStorageFallsBack(t *testing.T) {
	s := fresh(t)
	long := filepath.Join(filepath.Dir(s.State), strings.Repeat("long", 30))
	s.Storage = []string{"/nowhere/at/all", long, s.State}
	require.Contains(t, start(t, s).server.Run, s.State)

	_, _, err := newRun([]string{long}, nil)
	require.ErrorContains(t, err, "too long for a socket")
	require.ErrorContains(t, fits(s.State, 1<<60, nil), "MB needed")
}

func TestWaitingForAStartCanBeCancelled(t *testing.T) {
	s := fresh(t)
	start, err := state.Lock(t.Context(), s.State, startLock, 2)
	require.NoError(t, err)
	defer start.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = s.start(ctx, Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestStopRefusesWhileInUse(t *testing.T) {
	s := fresh(t)
	p := start(t, s)
	status, err := s.status(t.Context())
	require.NoError(t, err)
	require.True(t, status.Running && status.InUse)
	require.ErrorIs(t, s.stop(t.Context()), ErrInUse)
	require.NoError(t, p.Close())
	require.NoError(t, s.stop(t.Context()))
	require.NoDirExists(t, s.State)
	require.NoError(t, s.stop(t.Context()))
}

func TestExternalServer(t *testing.T) {
	own := start(t, fresh(t))
	db, err := sql.Open("postgres", own.URL(""))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE ROLE plain LOGIN; CREATE ROLE maker LOGIN CREATEDB")
	require.NoError(t, err)
	address := func(user string) string {
		return fmt.Sprintf("postgres://%s:sesame@/postgres?host=%s", user, url.QueryEscape(own.server.socketDir()))
	}
	p, err := settings{DatabaseURL: address("maker")}.start(t.Context(), Options{})
	require.NoError(t, err)
	require.True(t, p.External())
	require.Equal(t, "maker", p.User())
	require.Equal(t, own.Version(), strings.Fields(p.Version())[0])
	requireAnswer(t, p)
	conn, err := p.Dial()
	require.NoError(t, err)
	conn.Close()

	for raw, says := range map[string]string{
		address("plain"):                              "CREATEDB",
		address("nobody"):                             `role "nobody" does not exist`,
		"postgres://u:sesame@127.0.0.1:1/db":          "refused",
		"postgres://u:sesame@host/db?sslmode=require": "sslmode=disable",
		"mysql://u:sesame@host/db":                    "postgres://",
		"postgres://u:ses%ame@host/db":                "no URL",
	} {
		_, err := settings{DatabaseURL: raw}.start(t.Context(), Options{})
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "sesame")
		require.NotContains(t, err.Error(), "ses%ame")
	}
}
