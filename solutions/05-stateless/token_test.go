package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// Two instances behind a balancer: which of them answers is chance.

const anyInstance = "A balancer sends each request to whichever instance is free. If only one of them knows who is logged in, " +
	"every second click logs somebody out."

const itsOwn = "This instance issued the token itself. What it demands of a token, it has to put into each one first."

// whyTaken says why an instance has to take a token that was issued at another, or at itself.
func whyTaken(instance, issuedAt int) string {
	if instance == issuedAt {
		return itsOwn
	}
	return anyInstance
}

// start has two instances that log why they refuse a token.
func start(t *testing.T, options ...lab.Option) *lab.App {
	t.Helper()
	return lab.Start(t, append(options, lab.Instances(2), lab.Env("LOG_LEVEL=debug"))...)
}

// credentials are what a user logs in with.
func credentials(email, password string) *lab.Request {
	return lab.POST("/sessions", body{"email": email, "password": password})
}

// logInAt logs the user in at an instance and returns the token.
func logInAt(app *lab.App, user lab.User, instance int) string {
	var session struct{ Token string }
	app.Do(credentials(user.Email, user.Password).On(instance)).
		Expect(http.StatusCreated, "Without a session, nobody can buy anything.").JSON(&session)
	return session.Token
}

// meAt asks an instance whose token it is.
func meAt(app *lab.App, token string, instance int) *lab.Response {
	return app.Do(lab.GET("/me").As(token).On(instance))
}

// name is how the findings call an instance.
func name(instance int) string { return string(rune('A' + instance)) }

// requireMe demands that an instance takes the token, and knows whose it is.
func requireMe(t *testing.T, app *lab.App, token string, instance int, user lab.User, when, why string) {
	t.Helper()
	answer := meAt(app, token, instance)
	f := lab.Finding{
		Measured: fmt.Sprintf("%s: GET /me at instance %s answered %d", when, name(instance), answer.Status),
		Expected: fmt.Sprintf("200 and the user %s", user.Email),
		Why:      why,
	}
	if answer.Status != http.StatusOK {
		f.Measured += logged(app, answer)
	}
	lab.Require(t, answer.Status == http.StatusOK, f)
	var me userAnswer
	answer.JSON(&me)
	f.Measured += fmt.Sprintf(" and the user %q", me.Email)
	lab.Require(t, me.Email == user.Email, f)
}

// logged is the error that the log has for an answer, if it comes soon.
func logged(app *lab.App, answer *lab.Response) string {
	for range 20 {
		for _, line := range app.LogsWith("request_id", answer.Header.Get("X-Request-ID")) {
			if cause, ok := line.Fields["error"].(string); ok {
				return fmt.Sprintf(" (the log says: %s)", cause)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ""
}

// requireNobody demands that an instance refuses the token with 401.
func requireNobody(t *testing.T, app *lab.App, token string, instance int, when, why string) {
	t.Helper()
	answer := meAt(app, token, instance)
	lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
		Measured: fmt.Sprintf("%s: GET /me at instance %s answered %d", when, name(instance), answer.Status),
		Expected: "401",
		Why:      why,
	})
}

// restart kills instances and starts them again on their addresses.
func restart(t *testing.T, app *lab.App, instances ...int) {
	t.Helper()
	for _, i := range instances {
		app.Instances[i].Kill()
	}
	for _, i := range instances {
		require.NoError(t, app.Instances[i].Restart(), "start instance %s again", name(i))
	}
}

func TestTokenWorksAtEveryInstance(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t)
	for at, user := range []lab.User{lab.Buyer, lab.OtherBuyer} {
		token, other := logInAt(app, user, at), 1-at
		for _, instance := range []int{at, other} {
			requireMe(t, app, token, instance, user, fmt.Sprintf("%s logged in at instance %s", user.Email, name(at)), whyTaken(instance, at))
		}
		app.Do(orderOf(lab.OnSale, 1).As(token).On(other)).Expect(http.StatusCreated, anyInstance)
		app.Do(lab.GET("/me/orders").As(token).On(at)).Expect(http.StatusOK, anyInstance)
	}
}

func TestTokenSurvivesARestart(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := start(t)
	const why = "Each deploy restarts every instance. Whoever has just put the tickets into the basket must not have to log in again."
	token := logInAt(app, lab.Buyer, 0)
	restart(t, app, 0)
	requireMe(t, app, token, 0, lab.Buyer, "instance A was killed and started again", why)
	restart(t, app, 0, 1)
	requireMe(t, app, token, 0, lab.Buyer, "both instances were killed and started again", why)
	requireMe(t, app, token, 1, lab.Buyer, "both instances were killed and started again", why)
}
