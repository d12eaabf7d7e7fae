package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/load/ceiling"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/seed"
	"example.com/boxoffice/tools/internal/services/postgres"
)

// This test binary is the API that is measured, too: as the smallest handlers, as one that
// migrates, as one that doesn't come up, and as one that needs no database.
func TestMain(m *testing.M) {
	postgres.RunIfSupervisor()
	ceiling.RunIfCeiling()
	if len(os.Args) == 2 && os.Args[1] == "migrate" {
		if err := migrate(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "broken" {
		fmt.Println("no such table: tickets")
		os.Exit(7)
	}
	if len(os.Args) == 2 && (os.Args[1] == "serve" || os.Args[1] == "work") {
		if err := fake(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") { // all tests again, and in them again, would be too many
		fmt.Fprintln(os.Stderr, "there is no command", os.Args[1:])
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// fake is an API that does no more than is asked of each. Looks at an event are answered with
// FAKE_STATUS, the server's process id comes into the file FAKE_PID, the worker's into FAKE_WORKED.
func fake(command string) error {
	over, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	pid := []byte(strconv.Itoa(os.Getpid()))
	if command == "work" {
		err := os.WriteFile(os.Getenv("FAKE_WORKED"), pid, 0o666)
		<-over.Done()
		return err
	}
	if path := os.Getenv("FAKE_PID"); path != "" {
		if err := os.WriteFile(path, pid, 0o666); err != nil {
			return err
		}
	}
	fmt.Println("serving")
	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /events/42", func(w http.ResponseWriter, _ *http.Request) {
		if status, err := strconv.Atoi(os.Getenv("FAKE_STATUS")); err == nil {
			w.WriteHeader(status)
		}
	})
	http.HandleFunc("POST /sessions", func(w http.ResponseWriter, r *http.Request) {
		var who struct{ Email, Password string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.Password != seed.Password {
			http.Error(w, "wrong password", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "of " + who.Email})
	})
	server := &http.Server{Addr: os.Getenv("ADDR"), ReadHeaderTimeout: time.Second}
	context.AfterFunc(over, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// tapToNowhere is a tap without a PostgreSQL behind it.
func tapToNowhere(t *testing.T) *pgtap.Tap {
	t.Helper()
	tap, err := pgtap.New(func() (net.Conn, error) { return nil, errors.New("there is no PostgreSQL") }, pgtap.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tap.Close() })
	return tap
}

func migrate() error {
	schema, err := os.ReadFile(os.Getenv("SCHEMA"))
	if err != nil {
		return fmt.Errorf("no schema: %w", err)
	}
	db, err := sqlx.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(string(schema))
	return err
}
