package lab_test

import (
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const patience = 10 * time.Second

// redis asks the miniature to send a command to its Redis.
func redis(command string) *lab.Request { return lab.GET("/redis?do=%s", url.QueryEscape(command)) }

func TestTheRedisTapCountsWhatARequestCosts(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	before := app.Redis.Stats()
	require.Equal(t, "OK", string(app.Do(redis("SET k v")).Body))
	require.Equal(t, "v", app.RedisDo("GET", "k"))
	require.Equal(t, 1, app.RedisDo("DBSIZE"))
	require.Nil(t, app.RedisDo("GET", "nothing"))
	cost := app.Redis.Stats().Since(before)
	require.Equal(t, 1, cost.Commands, "what the test looks at is not counted")
	require.Equal(t, 1, cost.Connections)
	require.Equal(t, []string{"SET", "k", "v"}, app.Redis.CommandsSince(before)[0].Args)
}

func TestAnErrorOfTheTestsOwnCommandEndsIt(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t).RedisDo("GET") })
	require.Contains(t, said, `RedisDo["GET"]: ERR wrong number of arguments`)
}

func TestEachTestHasARedisOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := lab.Start(t), lab.Start(t)
	first.Do(redis("SET k v"))
	require.Equal(t, "<nil>", string(second.Do(redis("GET k")).Body))
}

func TestRedisGatesHoldARequest(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	gate := app.Redis.Hold(lab.RedisNamed("SET"))
	pending := app.Begin(redis("SET k v"))
	<-gate.Reached()
	require.False(t, pending.Answered())
	require.Nil(t, app.RedisDo("GET", "k"))
	gate.Open()
	require.Equal(t, "OK", string(pending.Wait(patience).Body))
	require.True(t, pending.Answered())
}

func TestTheTokenSecretIsLongEnough(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	require.GreaterOrEqual(t, len(app.TokenSecret), 32)
	require.Equal(t, app.TokenSecret, string(app.Do(lab.GET("/env?TOKEN_SECRET")).Body))
}

func TestAChunkedBodyHasNoLength(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	require.Equal(t, "5 of 5", string(app.Do(lab.POST("/length", "12345")).Body))
	require.Equal(t, "5 of -1", string(app.Do(lab.POST("/length", "12345").Chunked()).Body))
}

func waits(t testing.TB, app *lab.App, message string) {
	t.Helper()
	lab.Eventually(t, patience, func() bool { return len(app.LogsWith("msg", message)) > 0 }, lab.Finding{
		Measured: "no log line has the message " + message,
		Expected: "it comes",
	})
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	pending := app.Begin(lab.GET("/wait"))
	waits(t, app, "waiting")
	pending.Leave()
	<-pending.Done()
	waits(t, app, "client left")
	require.False(t, pending.Answered())
	require.Error(t, pending.Wait(0).Err)
}

func TestARequestThatStillWaitsIsNamed(t *testing.T) {
	t.Parallel()
	said := failureOf(t, func(t testing.TB) { lab.Start(t).Begin(lab.GET("/wait")).Wait(20 * time.Millisecond) })
	require.Contains(t, said, "GET /wait is still waiting for its answer after 20ms")
}

func TestARawClientSpeaksAsItLikes(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	client := app.Dial(0)
	require.NoError(t, client.Send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"))
	client.Drip("abc", time.Millisecond)
	response, err := client.Response(patience)
	require.NoError(t, err)
	require.Equal(t, "3 of 3", string(response.Expect(200, "it is whole").Body))
	require.False(t, client.Closed(10*time.Millisecond), "the connection is kept")
	require.NoError(t, client.Send("nonsense\r\n\r\n"))
	require.True(t, client.Closed(patience))
}

func TestARawClientTellsThatNoAnswerCame(t *testing.T) {
	t.Parallel()
	client := lab.Start(t).Dial(0)
	require.NoError(t, client.Send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"))
	_, err := client.Response(20 * time.Millisecond)
	require.ErrorContains(t, err, "GET /wait got no answer within 20ms")
}

func TestADripEndsWithTheTest(t *testing.T) {
	t.Parallel()
	t.Run("drips", func(t *testing.T) {
		lab.Start(t).Dial(0).Drip("GET / HTTP/1.1\r\n", time.Hour)
	})
}

func TestMetricsAreRead(t *testing.T) {
	t.Parallel()
	m := lab.Start(t).Metrics(0)
	require.Equal(t, 7, m.Series())
	require.InDelta(t, 5, m.Sum("http_requests_total"), 0)
	require.InDelta(t, 3, m.Sum("http_requests_total", "method", "GET", "route", "/events/:id"), 0)
	require.Zero(t, m.Sum("http_requests_total", "method", "PUT"))
	require.True(t, m.Has("http_request_seconds_count"))
	require.False(t, m.Has("http_request_seconds"))
	odd := m.Samples("odd")
	require.Len(t, odd, 1)
	require.Equal(t, map[string]string{"text": "a \"quoted\" \\ line\n"}, odd[0].Labels)
	require.True(t, math.IsInf(odd[0].Value, 1))
}

func TestLogLinesAreFoundByTheirFields(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	lab.Within(5*time.Second, func() bool { return len(app.LogsWith("msg", "ready")) == 2 })
	n := len(app.Instances[1].Logs())
	line := `{"msg":"request","status":200,"error":null,"user":{"id":7}}`
	app.Do(lab.GET("/log?line=%s", url.QueryEscape(line)).On(1))
	waits(t, app, "request")
	for field, value := range map[string]string{"status": "200", "user.id": "7", "error": "null"} {
		require.Len(t, app.LogsWith(field, value), 1, field)
	}
	require.Empty(t, app.LogsWith("user.name", "7"))
	require.Empty(t, app.LogsWith("status.code", "200"))
	require.Len(t, app.LogsWith("msg", "ready"), 2, "of all instances")
	require.Len(t, app.Instances[1].LogsSince(n), 1)
	require.Empty(t, app.Instances[1].LogsSince(99))
}

func TestSecretsAreWhatTheTestUsedAndWasGiven(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(lab.GET("/who").As("a-bearer-token"))
	app.Do(lab.POST("/length", map[string]any{"new_password": "short", "users": []map[string]string{{"password": "long enough"}}}))
	secrets := app.Secrets()
	require.Subset(t, secrets, []string{app.TokenSecret, token, lab.Buyer.Password, "a-bearer-token", "long enough"})
	require.NotContains(t, secrets, "short", "it would stand in logs by chance")
	database, err := url.Parse(string(app.Do(lab.GET("/env?DATABASE_URL")).Body))
	require.NoError(t, err)
	if password, ok := database.User.Password(); ok {
		require.Contains(t, secrets, password)
	}
}

func TestLogsAreScannedForSecretsWhereAskedFor(t *testing.T) {
	leak := func(t testing.TB) {
		app := lab.Start(t)
		app.LogIn(lab.Buyer)
		app.Do(lab.GET("/log?line=%s", url.QueryEscape(`{"msg":"leak","body":"tok\u0026en-of-nobody"}`)))
		waits(t, app, "leak")
	}
	leak(t) // a learner's run says nothing
	t.Setenv("BOXOFFICE_SCAN_LOGS", "1")
	said := failureOf(t, leak)
	require.Contains(t, said, `instance A logged a secret: {"msg":"leak","body":"•••"}`)
	require.NotContains(t, said, "of-nobody")
}
