package main_test

import (
	"fmt"
	"net/http"
	"testing"

	"example.com/boxoffice/tools/lab"
)

const leftBehind = "Somebody logs out because the computer isn't theirs. A token that works on at any instance is found by the next one who sits there."

// sessionsOf logs the user in twice and has both instances take both tokens: a token
// that works nowhere proves nothing by being refused.
func sessionsOf(t *testing.T, app *lab.App, user lab.User) (phone, laptop string) {
	t.Helper()
	phone, laptop = logInAt(app, user, 0), logInAt(app, user, 1)
	for instance := range app.Instances {
		requireMe(t, app, phone, instance, user, "logged in at instance A, and not yet out (task 1 comes first)", anyInstance)
		requireMe(t, app, laptop, instance, user, "logged in at instance B, and not yet out (task 1 comes first)", anyInstance)
	}
	return phone, laptop
}

// logOutAt ends the session at an instance.
func logOutAt(app *lab.App, token string, instance int) {
	app.Do(lab.DELETE("/sessions").As(token).On(instance)).Expect(http.StatusNoContent, "Logging out works.")
}

func TestLogOutHoldsEverywhere(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	for instance := range app.Instances {
		requireNobody(t, app, phone, instance, "logged out at instance A", leftBehind)
		requireMe(t, app, laptop, instance, lab.Buyer, "the same user has logged out elsewhere", "Logging out on the phone doesn't log out the laptop.")
	}
	answer := app.Do(orderOf(lab.OnSale, 1).As(phone).On(1))
	lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
		Measured: fmt.Sprintf("an order at instance B after the log-out at A answered %d", answer.Status),
		Expected: "401",
		Why:      leftBehind,
	})
}

func TestLogOutSurvivesARestart(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	restart(t, app, 0, 1)
	const when = "logged out at instance A, then both instances were killed and started again"
	for instance := range app.Instances {
		requireNobody(t, app, phone, instance, when, "Otherwise each deploy logs in again whoever has logged out.")
		requireMe(t, app, laptop, instance, lab.Buyer, "the other session of that user, after the restart", "Logging out on the phone doesn't log out the laptop.")
	}
}

func TestLogOutTwiceIsNoFault(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	phone, laptop := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	for instance := range app.Instances {
		answer := app.Do(lab.DELETE("/sessions").As(phone).On(instance))
		lab.Require(t, answer.Status == http.StatusUnauthorized || answer.Status == http.StatusNoContent, lab.Finding{
			Measured: fmt.Sprintf("the second log-out with the same token, at instance %s, answered %d", name(instance), answer.Status),
			Expected: "401 or 204: the session is over, and that was the wish",
			Why:      "People press the button twice. A 5xx for that wakes somebody at night.",
			Try:      answer.Curl(),
		})
		requireNobody(t, app, phone, instance, "logged out twice", leftBehind)
	}
	requireMe(t, app, laptop, 0, lab.Buyer, "the user has logged out twice elsewhere", "Logging out on the phone doesn't log out the laptop.")
}

// Whoever can't find out whether a session was ended has to decide. A design that
// asks Redis for nothing here has nothing to decide.
func TestLogOutHoldsWithoutRedis(t *testing.T) {
	lab.Task(t, 2)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	phone, _ := sessionsOf(t, app, lab.Buyer)
	logOutAt(app, phone, 0)
	app.Redis.Refuse(true)
	app.Redis.CutAll()
	for instance := range app.Instances {
		answer := meAt(app, phone, instance)
		lab.Require(t, answer.Status == http.StatusUnauthorized || answer.Status == http.StatusServiceUnavailable, lab.Finding{
			Measured: fmt.Sprintf("Redis is gone; GET /me at instance %s with a token that was logged out answered %d", name(instance), answer.Status),
			Expected: "503, or 401 where the answer is known without Redis",
			Why: "\"I could not find out\" is not \"no\". If it is, whoever can disturb Redis for a second makes every stolen token valid again, " +
				"and any other status hides from the operator what is broken.",
		})
	}
}
