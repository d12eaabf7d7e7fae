package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
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
	return lab.POST("/sessions", lab.Body{"email": email, "password": password})
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
	var me contract.User
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
		app.Do(lab.OrderOf(lab.OnSale, 1).As(token).On(other)).Expect(http.StatusCreated, anyInstance)
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

// What everybody could sign by, nobody must start with. A design whose tokens aren't signed with
// TOKEN_SECRET may do without. A guard.
func TestSecretIsDemanded(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	if !newForger(t, app, token, 0).signed(token) {
		return
	}
	for what, secret := range map[string]string{"without TOKEN_SECRET": "", "with a TOKEN_SECRET of 12 bytes": "too-short-12"} {
		run := lab.RunCommand(t, "serve", "ADDR=127.0.0.1:0", "DATABASE_URL=postgres://box@127.0.0.1:1/db?sslmode=disable",
			"REDIS_URL=redis://127.0.0.1:1", "TOKEN_SECRET="+secret)
		lab.Eventually(t, 5*time.Second, run.Ended, lab.Finding{
			Measured: fmt.Sprintf("`boxoffice serve` %s started, and goes on", what),
			Expected: "that it ends, and names TOKEN_SECRET",
			Why: "An instance that makes up its own secret refuses the tokens of all others, and logs nothing: every second click gets 401. " +
				"And a short secret can be guessed from a single token.",
		})
		ending, said := run.Wait(5 * time.Second)
		lab.Require(t, ending != lab.Succeeded && strings.Contains(said, "TOKEN_SECRET"), lab.Finding{
			Measured: fmt.Sprintf("`boxoffice serve` %s ended with %s, and said:\n%s", what, ending, said),
			Expected: "an error that names TOKEN_SECRET",
			Why:      "Whoever has forgotten a variable must learn which one.",
		})
	}
}

// A token that says where it was made, and that is refused where that is another: on one machine,
// and with one build, nobody notices. A guard.
func TestTokenIsTiedToNoMachineAndNoBuild(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	token := app.LogIn(lab.Buyer)
	f := newForger(t, app, token, 0)
	if !f.signed(token) {
		return
	}
	for what, here := range whereabouts() {
		whole := regexp.MustCompile(`(\W)` + regexp.QuoteMeta(here) + `(\W)`) // box is no name in boxoffice
		changes := fields{}
		for name, value := range f.claims {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			if changed := whole.ReplaceAllString(string(text), "${1}elsewhere${2}"); name != "sub" && changed != string(text) {
				changes[name] = json.RawMessage(changed)
			}
		}
		if len(changes) == 0 {
			continue
		}
		answer := meAt(app, f.token(t, f.with(changes)), 0)
		lab.Require(t, answer.Status == http.StatusOK, lab.Finding{
			Measured: fmt.Sprintf("tokens hold the %s, %s; GET /me with one that was made elsewhere answered %d%s", what, here, answer.Status, logged(app, answer)),
			Expected: "200: whichever instance made it, on whichever machine, of whichever release",
			Why: "Each container has a name of its own, and during a deploy two releases stand behind one balancer. " +
				"If one refuses what the other has issued, every second click logs somebody out.",
		})
	}
}

// whereabouts are what a program can find out about itself, and what is different elsewhere.
func whereabouts() map[string]string {
	found := map[string]string{}
	if host, err := os.Hostname(); err == nil && host != "" && host != "boxoffice" {
		found["name of this machine"] = host
	}
	if build, ok := debug.ReadBuildInfo(); ok { // the API runs from this very program
		if build.Main.Version != "" {
			found["version of this build"] = build.Main.Version
		}
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" && setting.Value != "" {
				found["commit of this build"] = setting.Value
			}
		}
	}
	return found
}
