package backing

import (
	"context"
	"database/sql"
	"net/smtp"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/seed"
	"example.com/boxoffice/tools/internal/services/postgres"
)

func TestMain(m *testing.M) {
	postgres.RunIfSupervisor()
	os.Exit(m.Run())
}

// migrate makes the schema that internal/seed is tested with.
func migrate(ctx context.Context, databaseURL string) error {
	schema, err := os.ReadFile("../seed/testdata/schema.sql")
	if err != nil {
		return err
	}
	db, err := sql.Open("postgres", databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, string(schema))
	return err
}

func open(t *testing.T) *Servers {
	t.Helper()
	servers, err := Open(t.Context(), migrate, nil)
	require.NoError(t, err)
	t.Cleanup(servers.Close)
	return servers
}

// attach gives a test services of its own.
func attach(t *testing.T) *Services {
	t.Helper()
	own, err := open(t).Attach(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Close(context.WithoutCancel(t.Context()))) })
	return own
}

// value is what an environment holds under a name.
func value(t *testing.T, environment []string, name string) string {
	t.Helper()
	var found []string
	for _, assignment := range environment {
		if text, ok := strings.CutPrefix(assignment, name+"="); ok {
			found = append(found, text)
		}
	}
	require.Len(t, found, 1, name)
	return found[0]
}

// events counts them, as an API does that is told of this database.
func events(t *testing.T, databaseURL string) (n int) {
	t.Helper()
	db, err := sql.Open("postgres", databaseURL)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM events`).Scan(&n))
	return n
}

func ping(t *testing.T, redisURL string) {
	t.Helper()
	options, err := redis.ParseURL(redisURL)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	require.NoError(t, client.Set(t.Context(), "seat", "A1", 0).Err())
}

func TestEachWayLeadsToTheSameServices(t *testing.T) {
	t.Parallel()
	own := attach(t)
	through := own.Env()
	require.Equal(t, 20_000, events(t, value(t, through, "DATABASE_URL")))
	require.Equal(t, 1, own.Postgres.Stats().Queries)
	ping(t, value(t, through, "REDIS_URL"))
	require.NotZero(t, own.Redis.Stats().Commands)

	past, err := own.DirectEnv(t.Context())
	require.NoError(t, err)
	commands := own.Redis.Stats().Commands
	require.Equal(t, 20_000, events(t, value(t, past, "DATABASE_URL")))
	ping(t, value(t, past, "REDIS_URL"))
	require.Equal(t, 1, own.Postgres.Stats().Queries, "what goes past the tap isn't counted")
	require.Equal(t, commands, own.Redis.Stats().Commands)

	client, err := own.ConnectRedis(t.Context())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	seat, err := client.Do("GET", "seat")
	require.NoError(t, err)
	require.Equal(t, "A1", seat)
	require.Equal(t, value(t, through, "TOKEN_SECRET"), value(t, past, "TOKEN_SECRET"))
	require.GreaterOrEqual(t, len(own.TokenSecret), 32, "HS256 asks for as much")
}

func TestEveryWaySetsTheSameVariables(t *testing.T) {
	t.Parallel()
	own := attach(t)
	past, err := own.DirectEnv(t.Context())
	require.NoError(t, err)
	names := func(environment []string) (list []string) {
		for _, assignment := range environment {
			name, _, _ := strings.Cut(assignment, "=")
			list = append(list, name)
		}
		return list
	}
	want := []string{"TOKEN_SECRET"}
	for _, service := range own.List() {
		want = append(want, service.Variable)
	}
	require.Contains(t, want, "SMTP_ADDR")
	for _, environment := range [][]string{own.Env(), past, own.WorkerEnv("127.0.0.1:1")} {
		require.Equal(t, want, names(environment))
	}
}

func TestAWorkersWorkIsCountedApart(t *testing.T) {
	t.Parallel()
	own := attach(t)
	require.NoError(t, own.TapWorker())
	environment := own.WorkerEnv(own.Worker.Addr())
	require.Equal(t, 20_000, events(t, value(t, environment, "DATABASE_URL")))
	require.Equal(t, 1, own.Worker.Stats().Queries)
	require.Zero(t, own.Postgres.Stats().Queries)
	require.Equal(t, value(t, own.Env(), "REDIS_URL"), value(t, environment, "REDIS_URL"))
}

func TestServicesAreOfOneAPIAlone(t *testing.T) {
	t.Parallel()
	servers := open(t)
	var first, second *Services
	for _, own := range []**Services{&first, &second} {
		var err error
		*own, err = servers.Attach(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = (*own).Close(context.WithoutCancel(t.Context())) })
	}
	require.NotEqual(t, first.DirectURL, second.DirectURL)
	require.NotEqual(t, first.TokenSecret, second.TokenSecret)
	ping(t, value(t, first.Env(), "REDIS_URL"))
	client, err := second.ConnectRedis(t.Context())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	seat, err := client.Do("GET", "seat")
	require.NoError(t, err)
	require.Nil(t, seat, "one API's keys aren't the other's")
}

func TestMailIsReceived(t *testing.T) {
	t.Parallel()
	own := attach(t)
	address := value(t, own.Env(), "SMTP_ADDR")
	letter := "Date: " + time.Now().Format(time.RFC1123Z) + "\r\nFrom: boxoffice@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Yours\r\n\r\nA1\r\n"
	require.NoError(t, smtp.SendMail(address, nil, "boxoffice@example.com", []string{"buyer@example.com"}, []byte(letter)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, own.Mail.WaitFor(ctx, 1))
	require.Equal(t, "Yours", own.Mail.Messages()[0].Subject)
}

func TestCloseDropsTheDatabaseAndOpensGates(t *testing.T) {
	t.Parallel()
	servers := open(t)
	own, err := servers.Attach(t.Context())
	require.NoError(t, err)
	past, err := sql.Open("postgres", own.DirectURL)
	require.NoError(t, err)
	defer func() { _ = past.Close() }()
	_, err = past.Exec(`DELETE FROM orders WHERE id = 1`) // what nobody has changed is used again
	require.NoError(t, err)
	own.Postgres.Hold(pgtap.Any)
	db, err := sql.Open("postgres", value(t, own.Env(), "DATABASE_URL"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	asked := make(chan error, 1)
	go func() { asked <- db.QueryRow(`SELECT 1`).Err() }()
	require.NoError(t, own.Close(t.Context()))
	<-asked // whatever it says: nobody waits for a gate that is gone

	name, err := url.Parse(own.DirectURL)
	require.NoError(t, err)
	other, drop, err := servers.Database(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, drop(context.WithoutCancel(t.Context()))) }()
	left, err := sql.Open("postgres", other)
	require.NoError(t, err)
	defer func() { _ = left.Close() }()
	var n int
	require.NoError(t, left.QueryRow(`SELECT count(*) FROM pg_database WHERE datname = $1`, name.Path[1:]).Scan(&n))
	require.Zero(t, n)
}

func TestVersionsNameTheServers(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^PostgreSQL \d+.*, (Redis \d|a stand-in)`, open(t).Versions(t.Context()))
}

func TestAMigrationThatFailsIsTold(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), func(context.Context, string) error { return os.ErrDeadlineExceeded }, nil)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// databases counts those of this process: others run beside it.
func databases(t *testing.T, s *Servers) (n int) {
	t.Helper()
	own, err := seed.Empty(t.Context(), s.postgres)
	require.NoError(t, err)
	defer func() { require.NoError(t, own.Drop(t.Context())) }()
	prefix := own.Name[:strings.LastIndex(own.Name, "_")+1]
	db, err := sql.Open("postgres", s.postgres.URL(""))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)`, prefix).Scan(&n))
	return n
}

func TestTryingLeavesNothing(t *testing.T) {
	servers := open(t)
	before := databases(t, servers)
	version, origin, err := TryPostgres(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, servers.postgres.Version(), version)
	require.Equal(t, servers.postgres.Origin(), origin)
	require.Equal(t, before, databases(t, servers))

	status, err := TryRedis(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, status.Origin)
}

func TestTryingSaysWhatIsInTheWay(t *testing.T) {
	t.Setenv("WORKSHOP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none?sslmode=disable") // nobody listens
	_, _, err := TryPostgres(t.Context(), nil)
	require.ErrorContains(t, err, "unset WORKSHOP_DATABASE_URL")
	t.Setenv("WORKSHOP_REDIS_URL", "redis://127.0.0.1:1")
	_, err = TryRedis(t.Context())
	require.ErrorContains(t, err, "unset WORKSHOP_REDIS_URL")
}
