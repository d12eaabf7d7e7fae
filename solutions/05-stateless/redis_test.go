package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// Redis is one more thing that can be gone. These tests are guards.

func TestPublicRoutesNeedNoRedis(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	app.Redis.Refuse(true)
	app.Redis.CutAll()
	const why = "Fans who only look must not notice that the sessions are out of reach."
	app.Do(lab.GET("/events")).Expect(http.StatusOK, why)
	app.Do(lab.GET("/events/%d", lab.OnSale.ID)).Expect(http.StatusOK, why)
	requireHonest(t, app.Do(lab.GET("/me").As(token)), http.StatusOK, "Redis refuses connections")
	requireHonest(t, app.Do(credentials(lab.Buyer.Email, lab.Buyer.Password)), http.StatusCreated, "Redis refuses connections")

	app.Redis.Refuse(false)
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
	release := app.Redis.Stall()
	defer release()
	app.Do(lab.GET("/events")).Expect(http.StatusOK, "Fans who only look must not notice that the sessions are out of reach.")
	requireHonest(t, app.Do(lab.GET("/me").As(token)), http.StatusOK, "Redis takes commands and answers none")
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
