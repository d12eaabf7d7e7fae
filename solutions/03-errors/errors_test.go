package main_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/boxoffice/tools/lab"
)

// problemAnswer is the body of an answer that says no, as RFC 9457 has it.
type problemAnswer struct {
	Title  string
	Status int
	Detail string
	Errors []struct{ Field, Detail string }
}

// requireProblem demands that the answer says no with that status, as a problem.
func requireProblem(t *testing.T, answer *lab.Response, status int, why string) problemAnswer {
	t.Helper()
	answer.Expect(status, why)
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	lab.Require(t, kind == "application/problem+json", lab.Finding{
		Measured: fmt.Sprintf("a %d with the Content-Type %q: %s", answer.Status, answer.Header.Get("Content-Type"), excerpt(answer.Body)),
		Expected: "Content-Type: application/problem+json, whatever went wrong",
		Why:      "A client has one piece of code for a no. It can't have one for each way in which your API says it.",
		Try:      try(answer),
	})
	var p problemAnswer
	err := json.Unmarshal(answer.Body, &p)
	lab.Require(t, err == nil && p.Title != "" && p.Status == status, lab.Finding{
		Measured: fmt.Sprintf("a %d with this body: %s", answer.Status, excerpt(answer.Body)),
		Expected: fmt.Sprintf(`one JSON object with a title and "status":%d`, status),
		Why:      "That is the shape that clients, gateways and log searches know: RFC 9457.",
		Try:      try(answer),
	})
	return p
}

func excerpt(body []byte) string {
	switch text := strings.TrimSpace(string(body)); {
	case text == "":
		return "(an empty body)"
	case len(text) > 300:
		return text[:300] + "…"
	default:
		return text
	}
}

// try is how to repeat the request by hand. The routes that fail on purpose must be
// switched on.
func try(answer *lab.Response) string {
	if curl := answer.Curl(); strings.Contains(curl, "/faults/") {
		return "FAULTS=on " + curl
	}
	return answer.Curl()
}

func TestEveryRefusalIsAProblem(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	for _, c := range []struct {
		request *lab.Request
		status  int
	}{
		{lab.GET("/events/abc"), http.StatusBadRequest},
		{lab.GET("/events?limit=0"), http.StatusBadRequest},
		{lab.POST("/users", `{"email":`), http.StatusBadRequest},
		{lab.GET("/me").As("no token of ours"), http.StatusUnauthorized},
		{lab.POST("/sessions", body{"email": lab.OtherBuyer.Email, "password": "wrong password"}), http.StatusUnauthorized},
		{lab.PATCH("/events/42", body{"title": "Mine"}).As(buyer), http.StatusForbidden},
		{lab.GET("/events/999999999"), http.StatusNotFound},
		{lab.PATCH("/events/999999999", body{"title": "Nothing"}).As(organiser), http.StatusNotFound},
		{lab.POST("/users", body{"email": lab.Buyer.Email, "password": "long enough"}), http.StatusConflict},
		{orderOf(lab.SoldOut, 1).As(buyer), http.StatusConflict},
		{orderOf(lab.OnSale, 9).As(buyer), http.StatusUnprocessableEntity},
		{orderOf(lab.Past, 1).As(buyer), http.StatusUnprocessableEntity},
	} {
		p := requireProblem(t, app.Do(c.request), c.status, "The status is what a client decides by: to ask again, to log in, or to give up.")
		lab.Require(t, p.Detail != "" || len(p.Errors) > 0, lab.Finding{
			Measured: fmt.Sprintf("%s was refused with %d and not a word why", c.request, c.status),
			Expected: "a detail that says what the client can do about it",
			Why:      "A refusal without a reason is a call to your support.",
		})
	}
	app.Do(orderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Whoever was refused before may still buy.")
}

func TestNobodyIsLetInHalfway(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, request := range []*lab.Request{
		lab.GET("/me"), lab.GET("/me/orders"), lab.GET("/orders/1"), lab.DELETE("/sessions"),
		lab.PATCH("/events/42", body{"title": "Mine"}), orderOf(lab.OnSale, 1),
	} {
		before := app.Postgres.Stats()
		answer := app.Burst(1, func(int) *lab.Request { return request })[0]
		lab.Require(t, answer.Err == nil, lab.Finding{
			Measured: fmt.Sprintf("%s without a token got an answer that broke off: %v", request, answer.Err),
			Expected: "a 401, and nothing behind it",
			Why:      "Something went on after the no, and wanted to answer as well. What it did before that has been done.",
			Try:      answer.Curl(),
		})
		requireProblem(t, answer, http.StatusUnauthorized, "Who isn't logged in can't do this.")
		lab.Require(t, answer.Header.Get("WWW-Authenticate") != "", lab.Finding{
			Measured: fmt.Sprintf("%s was answered 401 without the header field WWW-Authenticate", request),
			Expected: "WWW-Authenticate: Bearer",
			Why:      "RFC 9110 demands it of each 401: it says how to log in.",
			Try:      answer.Curl(),
		})
		queries := app.Postgres.Stats().Since(before).Queries
		lab.Require(t, queries == 0, lab.Finding{
			Measured: fmt.Sprintf("%s without a token was answered 401, and sent %d statements to the database", request, queries),
			Expected: "none: the handler behind the check never runs",
			Why:      "The answer is all that a client sees. What ran behind it is what happened.",
			Try:      answer.Curl(),
		})
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, path := range []string{"/nothing", "/events/42/seats", "/faults/panic"} {
		requireProblem(t, app.Do(lab.GET("%s", path)), http.StatusNotFound, "There is nothing at this path.")
	}
	for _, c := range []struct {
		request *lab.Request
		allowed string
	}{
		{lab.POST("/events", body{}), "GET"},
		{lab.DELETE("/events/42"), "PATCH"},
		{lab.GET("/users"), "POST"},
	} {
		answer := app.Do(c.request)
		requireProblem(t, answer, http.StatusMethodNotAllowed,
			"The path exists. A client that is told 404 looks for a mistake in the address, and finds none.")
		lab.Require(t, strings.Contains(answer.Header.Get("Allow"), c.allowed), lab.Finding{
			Measured: fmt.Sprintf("%s was answered 405 with Allow: %q", c.request, answer.Header.Get("Allow")),
			Expected: "Allow names the methods that the path knows, " + c.allowed + " among them",
			Why:      "Whoever sent the wrong method learns the right one at once.",
			Try:      answer.Curl(),
		})
	}
}

// What only our own code says: what was being done when it failed, and what the
// driver had to say about it.
var internals = []string{
	"find user", "find event", "find order", "create user", "create order", "insert order", "take tickets",
	"list events", "update event", "pq:", "sql:", "SQLSTATE", "duplicate key",
}

func TestRefusalsTellNothingOfTheCode(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	buyer := app.LogIn(lab.Buyer)
	for _, request := range []*lab.Request{
		lab.GET("/events/999999999"),
		lab.GET("/orders/999999999").As(buyer),
		lab.POST("/users", body{"email": lab.Buyer.Email, "password": "long enough"}),
		orderOf(lab.SoldOut, 1).As(buyer),
	} {
		answer := app.Do(request)
		told := slices.IndexFunc(internals, func(word string) bool { return strings.Contains(string(answer.Body), word) })
		lab.Require(t, told < 0, lab.Finding{
			Measured: fmt.Sprintf("%s was refused with this body: %s", request, excerpt(answer.Body)),
			Expected: "what the client did wrong, and nothing of what your functions were doing then",
			Why:      "What an error gathers on its way up is written for the log. Nobody who adds to it thinks of who may read it one day.",
			Try:      answer.Curl(),
		})
	}
}

func TestFaultsAreBareOutsideAndWholeInside(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	for _, c := range []struct{ path, detail string }{
		{"/faults/error", "secret detail of an error"},
		{"/faults/panic", "secret detail of a bug"},
	} {
		answer := app.Do(lab.GET("%s", c.path))
		requireNoLeak(t, answer, "secret", "detail of", "goroutine", ".go:")
		requireProblem(t, answer, http.StatusInternalServerError, "This is a fault of ours, and the client must be told so.")
		requireLogged(t, app, c.detail, "GET "+c.path)
	}
}

func TestDatabaseErrorsStayInside(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	change := lab.PATCH("/events/42", body{"title": "Moved indoors"}).As(organiser)

	refuseWrites(t, app, "events")
	answer := app.Do(change)
	requireNoLeak(t, answer, append(internals, "refused by the test")...)
	requireProblem(t, answer, http.StatusInternalServerError, "Nothing that the client could change made this fail.")
	requireLogged(t, app, "refused by the test", "PATCH /events/42")

	app.Postgres.Refuse(true)
	app.Postgres.CutAll()
	answer = app.Do(change)
	requireNoLeak(t, answer, append(internals, "127.0.0.1", "dial", "EOF", "reset", "connection", "connect to")...)
	lab.Require(t, answer.Status >= http.StatusInternalServerError, lab.Finding{
		Measured: fmt.Sprintf("%s answered %d while the database is gone", change, answer.Status),
		Expected: "a 5xx",
		Why:      "A client that reads 4xx believes that it did something wrong, and doesn't ask again.",
		Try:      answer.Curl(),
	})
	requireProblem(t, answer, answer.Status, "")
}

// requireNoLeak demands that the body holds none of the words.
func requireNoLeak(t *testing.T, answer *lab.Response, words ...string) {
	t.Helper()
	for _, word := range words {
		lab.Require(t, !strings.Contains(string(answer.Body), word), lab.Finding{
			Measured: fmt.Sprintf("a %d tells the client %q: %s", answer.Status, word, excerpt(answer.Body)),
			Expected: "a body that says that it was our fault, and nothing else",
			Why:      "Tables, hosts and lines of code are what an attacker asks for first. For everybody else they are noise.",
			Try:      try(answer),
		})
	}
}

// requireLogged demands that the API's log holds the detail.
func requireLogged(t *testing.T, app *lab.App, detail, request string) {
	t.Helper()
	logged := func() bool {
		return slices.ContainsFunc(app.Instances[0].Logs(), func(line lab.LogLine) bool { return strings.Contains(line.Text, detail) })
	}
	lab.Eventually(t, 5*time.Second, logged, lab.Finding{
		Measured: fmt.Sprintf("%s failed with %q, and no line of the log says so", request, detail),
		Expected: "the whole error in the log",
		Why:      "What the client may not see, you must. Without a log line, a bare 500 is a riddle for you too.",
	})
}

func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	for _, c := range []struct{ path, happens string }{
		{"/faults/abort", "panics with http.ErrAbortHandler"},
		{"/faults/late-panic", "panics by mistake"},
	} {
		answer := app.Burst(1, func(int) *lab.Request { return lab.GET("%s", c.path) })[0]
		lab.Require(t, answer.Err != nil, lab.Finding{
			Measured: fmt.Sprintf("GET %s sends half an answer and then %s; the client got a %d that ended as if it were whole: %s",
				c.path, c.happens, answer.Status, excerpt(answer.Body)),
			Expected: "a connection that breaks off, so that the client sees that something is missing",
			Why:      "A list cut in the middle that says 200 and ends cleanly is believed. Caches keep it, too.",
			Try:      try(answer),
		})
	}
	requireLogged(t, app, "secret detail of a late bug", "GET /faults/late-panic")
	app.Do(lab.GET("/events/42")).Expect(http.StatusOK, "The next request knows nothing of the bug before it.")
}
