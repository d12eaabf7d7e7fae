package lab_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/resp"
	"example.com/boxoffice/tools/lab"
)

func TestMain(m *testing.M) { lab.Main(m, miniature, lab.Worker("work")) }

// miniature is an API of a few lines, enough to prove the lab's measurements.
func miniature() {
	log.SetFlags(0)
	switch os.Args[1] {
	case "migrate":
		migrate()
		return
	case "work":
		work()
		return
	}
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/{id}", func(w http.ResponseWriter, r *http.Request) {
		var title string
		if err := db.QueryRowContext(r.Context(), "SELECT title FROM events WHERE id = $1", r.PathValue("id")).Scan(&title); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"title": title})
	})
	mux.HandleFunc("POST /mail", func(w http.ResponseWriter, _ *http.Request) {
		body := letter("1@example.com", "Your tickets", "Enjoy.\r\n")
		if err := smtp.SendMail(os.Getenv("SMTP_ADDR"), nil, "box@example.com", []string{"buyer@example.com"}, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("GET /twice", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"error":"no"}{"id":1}`)
	})
	mux.HandleFunc("GET /who", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("GET /die", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	mux.HandleFunc("GET /env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.URL.RawQuery)) })
	mux.HandleFunc("GET /redis", askRedis)
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		log.Print(`{"msg":"waiting"}`)
		select {
		case <-r.Context().Done():
			log.Print(`{"msg":"client left"}`)
		case <-time.After(time.Minute):
		}
	})
	mux.HandleFunc("POST /length", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d of %d", len(body), r.ContentLength)
	})
	mux.HandleFunc("POST /sessions", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"token":"tok\u0026en-of-nobody"}`)
	})
	var draining atomic.Bool
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if draining.Load() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /drain", func(http.ResponseWriter, *http.Request) { draining.Store(true) })
	mux.HandleFunc("GET /log", func(_ http.ResponseWriter, r *http.Request) { log.Print(r.URL.Query().Get("line")) })
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, exposition) })
	mux.HandleFunc("POST /jobs", enqueue(db))
	log.Print(`{"level":"INFO","msg":"ready","pid":` + strconv.Itoa(os.Getpid()) + `}`)
	serve(mux)
}

// askRedis sends the query to Redis as a command, on a connection of its own.
func askRedis(w http.ResponseWriter, r *http.Request) {
	address, err := url.Parse(os.Getenv("REDIS_URL"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer conn.Close()
	client := resp.NewClient(conn)
	if password, ok := address.User.Password(); ok {
		_, _ = client.Do("AUTH", password)
	}
	_, _ = client.Do("SELECT", strings.TrimPrefix(address.Path, "/"))
	reply, err := client.Do(strings.Fields(r.URL.Query().Get("do"))...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprint(w, reply)
}

// exposition is an answer to GET /metrics.
const exposition = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/events/:id"} 3
http_requests_total{method="POST",route="/orders"} 2 1700000000000
http_request_seconds_bucket{le="0.1"} 4
http_request_seconds_bucket{le="+Inf"} 5
http_request_seconds_sum 1.5
http_request_seconds_count 5
odd{text="a \"quoted\" \\ line\n"} +Inf
`

// serve leaves with 0 on SIGTERM.
func serve(handler http.Handler) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: handler}
	go func() { log.Print(server.ListenAndServe()) }()
	<-ctx.Done()
	_ = server.Shutdown(context.Background())
}

func migrate() {
	schema, err := os.ReadFile("../internal/seed/testdata/schema.sql")
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(string(schema) + jobsTable); err != nil {
		log.Fatal(err)
	}
}

func TestTheTapCountsWhatARequestCosts(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	before := app.Postgres.Stats()
	app.Times(5, lab.GET("/events/%d", lab.OnSale.ID))
	cost := app.Postgres.Stats().Since(before)
	require.Equal(t, 5, cost.Queries)
	require.Equal(t, 5, cost.Rows)
	require.Equal(t, 1, cost.Connections, "database/sql keeps the connection")
}

func TestWhatTheTestLooksAtIsNotCounted(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	before := app.Postgres.Stats()
	var events int
	require.NoError(t, app.DB().QueryRow("SELECT count(*) FROM events").Scan(&events))
	require.Equal(t, 20_000, events)
	require.Zero(t, app.Postgres.Stats().Since(before).Queries)
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := lab.Start(t), lab.Start(t)
	_, err := first.DB().Exec("UPDATE events SET title = 'Changed' WHERE id = $1", lab.OnSale.ID)
	require.NoError(t, err)
	var event struct{ Title string }
	second.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(200, "it is there").JSON(&event)
	require.Equal(t, lab.OnSale.Title, event.Title)
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	app.Do(lab.POST("/mail", nil)).Expect(200, "the mail server accepts it")
	messages := app.Mail.Messages()
	require.Len(t, messages, 1)
	require.Equal(t, "Your tickets", messages[0].Subject)
	require.Equal(t, []string{"buyer@example.com"}, messages[0].To)
}

func TestInstancesAreProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	a, b := string(app.Do(lab.GET("/who")).Body), string(app.Do(lab.GET("/who").On(1)).Body)
	require.NotEqual(t, a, b)
	require.NotEqual(t, strconv.Itoa(os.Getpid()), a)
}

func TestAnInstanceIsKilledAndRestartsOnItsAddress(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	instance := app.Instances[0]
	url, first := instance.URL, string(app.Do(lab.GET("/who")).Body)
	instance.Kill()
	require.False(t, instance.Running())
	require.NoError(t, instance.Restart())
	require.Equal(t, url, instance.URL)
	require.NotEqual(t, first, string(app.Do(lab.GET("/who")).Body))
}

func TestStopIsSIGTERMAndTellsTheExitCode(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	code, err := app.Instances[0].Stop()
	require.NoError(t, err)
	require.Zero(t, code)
}

func TestLogLinesAreParsed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	lines := app.Instances[0].Logs()
	require.NotEmpty(t, lines)
	require.Equal(t, "ready", lines[0].Fields["msg"])
}

func TestMemoryIsRead(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	bytes, err := app.Instances[0].Memory()
	require.NoError(t, err)
	require.Greater(t, bytes, int64(1<<20))
}

func TestTheShellsEnvironmentStaysOutside(t *testing.T) {
	t.Setenv("DB_MAX_CONNS", "99")
	app := lab.Start(t, lab.Env("LOG_LEVEL=debug"))
	require.Empty(t, app.Do(lab.GET("/env?DB_MAX_CONNS")).Body)
	require.Equal(t, "debug", string(app.Do(lab.GET("/env?LOG_LEVEL")).Body))
}

func TestABurstAnswersInOrder(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	responses := app.Burst(20, func(i int) *lab.Request { return lab.GET("/events/%d", i+1) })
	require.Equal(t, "200 OK ×20", lab.Statuses(responses))
	for i, r := range responses {
		var want string
		require.NoError(t, app.DB().QueryRow("SELECT title FROM events WHERE id = $1", i+1).Scan(&want))
		require.Contains(t, string(r.Body), strconv.Quote(want))
	}
}

// recorder is a testing.TB that keeps what a failing test says.
type recorder struct {
	testing.TB
	said     strings.Builder
	failed   bool
	cleanups []func()
}

func (r *recorder) Helper() {}
func (r *recorder) Fatal(args ...any) {
	r.failed = true
	fmt.Fprintln(&r.said, args...)
	runtime.Goexit()
}
func (r *recorder) Fatalf(format string, a ...any) { r.Fatal(fmt.Sprintf(format, a...)) }
func (r *recorder) Error(args ...any) {
	r.failed = true
	fmt.Fprintln(&r.said, args...)
}
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool                 { return r.failed }
func (r *recorder) Logf(format string, a ...any) { fmt.Fprintf(&r.said, format+"\n", a...) }

// failureOf runs a test that fails, and returns what it says.
func failureOf(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanUp := range slices.Backward(r.cleanups) {
				cleanUp()
			}
		}()
		test(r)
	}()
	<-done
	require.True(t, r.failed, "the test must fail")
	return r.said.String()
}

func TestAnUnexpectedStatusTeaches(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) {
		lab.Start(t).Do(lab.GET("/events/abc")).Expect(400, "A client's mistake must not page you.")
	})
	require.Contains(t, said, "measured  GET /events/abc answered 500 Internal Server Error")
	require.Contains(t, said, "expected  400 Bad Request")
	require.Contains(t, said, "why       A client's mistake must not page you.")
	require.Contains(t, said, "curl -i localhost:8080/events/abc")
}

func TestAnAPIThatEndsIsNamedAsTheCause(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t).Do(lab.GET("/die")) })
	require.Contains(t, said, "the API ended while it ran")
}

func TestTwoAnswersInOneBodyAreNamed(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t).Do(lab.GET("/twice")).Expect(200, "tea") })
	require.Contains(t, said, "GET /twice answered 200 OK with 2 JSON values")
}

func TestCurlRepeatsWhatCameBefore(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) {
		app := lab.Start(t)
		app.Do(lab.GET("/who"))
		app.Do(lab.POST("/mail", map[string]int{"n": 1}))
		app.Do(lab.GET("/events/abc")).Expect(400, "tea")
	})
	require.Contains(t, said, `-d '{"n":1}' localhost:8080/mail`)
	require.NotContains(t, said, "/who")
	require.Less(t, strings.Index(said, "/mail"), strings.LastIndex(said, "/events/abc"))
}

func TestAPasswordIsQuotedForTheShell(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) {
		lab.Start(t).Do(lab.POST("/mail", map[string]string{"note": "it's"}).Header("X-Trace", "a b")).Expect(418, "tea")
	})
	require.Contains(t, said, `-d '{"note":"it'\''s"}'`)
	require.Contains(t, said, `-H 'X-Trace: a b'`)
}

// hangs is the environment variable that makes TestHangs hang with an instance up.
const hangs = "LAB_TEST_HANGS"

func TestHangs(t *testing.T) {
	if os.Getenv(hangs) == "" {
		t.Skip("it is a part of TestKilledTestsLeaveNoInstance")
	}
	app := lab.Start(t)
	fmt.Printf("instance=%s\n", app.Do(lab.GET("/who")).Body)
	time.Sleep(time.Minute)
}

func TestKilledTestsLeaveNoInstance(t *testing.T) {
	t.Parallel()
	command := exec.Command(os.Args[0], "-test.run=^TestHangs$", "-test.v")
	command.Env = append(os.Environ(), hangs+"=1")
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	var pid int
	for pid == 0 {
		var line string
		_, err := fmt.Fscanln(output, &line)
		if err != nil && line == "" && err.Error() == "EOF" {
			t.Fatal("the test ended before its instance was up")
		}
		_, _ = fmt.Sscanf(line, "instance=%d", &pid)
	}
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	lab.Eventually(t, 10*time.Second, func() bool { return syscall.Kill(pid, 0) != nil }, lab.Finding{
		Measured: "the API still runs after its test was killed",
		Expected: "it notices that nobody holds its stdin and ends",
	})
}

func TestAVariableThatNoAPIReadsIsRefused(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t, lab.Env("REQUEST_TIMOUT=3s")) })
	require.Contains(t, said, "the API isn't configured by REQUEST_TIMOUT")
	require.Contains(t, said, "internal/fleet/environment.go")
}
