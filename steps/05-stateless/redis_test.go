package main_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// Redis is one more thing that can be gone. These tests are guards.

func TestPublicRoutesNeedNoRedis(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	up := app.Redis.Down()
	const why = "Fans who only look must not notice that the sessions are out of reach."
	app.Do(lab.GET("/events")).Expect(http.StatusOK, why)
	app.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, why)
	requireHonest(t, app.Do(lab.GET("/me").As(token)), http.StatusOK, "Redis refuses connections")
	requireHonest(t, app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password)), http.StatusCreated, "Redis refuses connections")

	up()
	lab.Eventually(t, 10*time.Second, func() bool { return meAt(app, token, 0).Status == http.StatusOK }, lab.Finding{
		Measured: "Redis is back, and GET /me with a valid token still isn't 200",
		Expected: "200 again, without a restart",
		Why:      "An instance that has to be restarted after each hiccup of Redis turns a second into an outage.",
	})
}

func TestStalledRedisIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	resume := app.Redis.Stall()
	defer resume()
	app.Do(lab.GET("/events")).Expect(http.StatusOK, "Fans who only look must not notice that the sessions are out of reach.")
	requireHonest(t, app.Do(lab.GET("/me").As(token)), http.StatusOK, "Redis takes commands and answers none")
}

// What one request waits for, the others must not wait for as well. A client that sends all commands
// on one connection, and waits for no answer before the next, holds nobody up.
func TestRequestsDontWaitForEachOther(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Do(lab.GET("/me").As(token)).Expect(http.StatusOK, "The token is valid.")
	var seen atomic.Int64
	gate := app.Redis.Hold(func(lab.RedisCommand) bool { return seen.Add(1) == 1 })
	defer gate.Open()
	first := app.Begin(lab.GET("/me").As(token))
	select {
	case <-gate.Reached():
	case <-first.Done(): // it asks nothing of Redis
		return
	}
	const others = 5
	before := app.Redis.Stats()
	pending := app.BeginAll(others, func(int) *lab.Request { return lab.GET("/me").As(token) })
	sent, answered := 0, 0
	lab.Require(t, lab.Within(1500*time.Millisecond, func() bool {
		sent, answered = app.Redis.Stats().Since(before).Commands, 0
		for _, other := range pending {
			if other.Answered() {
				answered++
			}
		}
		return max(sent, answered) >= others
	}), lab.Finding{
		Measured: fmt.Sprintf("a command to Redis is held; of %d requests that came after it, %d have sent theirs", others, sent),
		Expected: "that each sends its own at once",
		Why: "When all requests of an instance queue up for one connection, a single command that hangs stops everybody, " +
			"and each millisecond to Redis is paid by all, one after another.",
	})
}

// Opening a connection takes longer than any command, and Redis takes no more than maxclients of them.
func TestConnectionsToRedisAreKept(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	const times = 40
	for what, request := range map[string]*lab.Request{
		"GET /me":                     lab.GET("/me").As(token),
		"log-ins to unknown accounts": credentials("nobody@example.com", "wrong guess"),
	} {
		app.Times(3, request)
		before := app.Redis.Stats()
		app.Times(times, request)
		opened := app.Redis.Stats().Since(before).Connections
		lab.Require(t, opened <= times/4, lab.Finding{
			Measured: fmt.Sprintf("%s, %d in a row, opened %d connections to Redis", what, times, opened),
			Expected: "no more than a few, which all of them use",
			Why:      "Whoever opens one for each request pays for it with each, and one day Redis refuses at its maxclients, or the instance at its file descriptors.",
		})
	}
}

// A server with a certificate that nobody vouches for is whoever has got between an instance and Redis.
func TestRedisMustProveWhoItIs(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewUnstartedServer(nil)
	stranger.StartTLS() // for its certificate
	defer stranger.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: stranger.TLS.Certificates})
	require.NoError(t, err)
	defer listener.Close()
	var believed atomic.Bool
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if n, _ := conn.Read(make([]byte, 1)); n > 0 {
					believed.Store(true)
				}
			}()
		}
	}()
	app := lab.Start(t, lab.Env("REDIS_URL=rediss://"+listener.Addr().String()))
	requireHonest(t, app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password)), http.StatusCreated, "Redis has a certificate that nobody vouches for")
	lab.Require(t, !believed.Load(), lab.Finding{
		Measured: "REDIS_URL=rediss://…, where a server answers that has a certificate that nobody vouches for: it was sent commands",
		Expected: "that the certificate is checked before anything is sent",
		Why: "Whoever gets in between reads the password of Redis, and answers as they like: no session was ended, " +
			"and each guess at a password is the first.",
	})
}

// requireHonest demands 503 from what needs Redis, or success from what doesn't.
func requireHonest(t *testing.T, answer *lab.Response, success int, when string) {
	t.Helper()
	lab.Require(t, answer.Status == success || answer.Status == http.StatusServiceUnavailable, lab.Finding{
		Measured: fmt.Sprintf("%s; a request that needs the sessions answered %d", when, answer.Status),
		Expected: fmt.Sprintf("503, or %d where nothing is asked of Redis", success),
		Why:      "503 says \"later\": clients wait and ask again. 401 logs everybody out, and 500 says that you don't know what is broken.",
		Try:      answer.Curl(),
	})
}
