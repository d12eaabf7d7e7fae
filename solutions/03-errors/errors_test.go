package main_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// problemAnswer is the body of a refusal, as RFC 9457 has it.
type problemAnswer struct {
	Title  string
	Status int
	Detail string
	Errors []struct{ Field, Detail string }
}

// requireProblem demands a refusal with that status, as a problem.
func requireProblem(t *testing.T, answer *lab.Response, status int, why string) problemAnswer {
	t.Helper()
	answer.Expect(status, why)
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	lab.Require(t, kind == "application/problem+json", lab.Finding{
		Measured: fmt.Sprintf("a %d with the Content-Type %q: %s", answer.Status, answer.Header.Get("Content-Type"), excerpt(answer.Body)),
		Expected: "Content-Type: application/problem+json, whatever went wrong and whoever asks",
		Why:      "A client has one piece of code for refusals. It can't have one for each way in which your API refuses.",
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
	lab.Require(t, status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") != "", lab.Finding{
		Measured: "a 401 without the header field WWW-Authenticate: " + excerpt(answer.Body),
		Expected: "WWW-Authenticate: Bearer, on each 401",
		Why:      "RFC 9110 demands it of each 401: it says how to log in.",
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

// aBrowsers is what a browser says that it takes. Proxies and link checkers say it, too.
const aBrowsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

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
		{lab.POST("/sessions", lab.Body{"email": lab.OtherBuyer.Email, "password": "wrong password"}), http.StatusUnauthorized},
		{lab.PATCH("/events/42", lab.Body{"title": "Mine"}).As(buyer), http.StatusForbidden},
		{lab.GET("/events/999999999"), http.StatusNotFound},
		{lab.PATCH("/events/999999999", lab.Body{"title": "Nothing"}).As(organiser), http.StatusNotFound},
		{lab.POST("/users", lab.Body{"email": lab.Buyer.Email, "password": "long enough"}), http.StatusConflict},
		{lab.OrderOf(lab.SoldOut, 1).As(buyer), http.StatusConflict},
		{lab.OrderOf(lab.OnSale, 9).As(buyer), http.StatusUnprocessableEntity},
		{lab.OrderOf(lab.Past, 1).As(buyer), http.StatusUnprocessableEntity},
		{lab.GET("/events/abc").Header("Accept", aBrowsers), http.StatusBadRequest},
		{lab.GET("/me").As("no token of ours").Header("Accept", aBrowsers), http.StatusUnauthorized},
		{lab.GET("/events/999999999").Header("Accept", aBrowsers), http.StatusNotFound},
	} {
		p := requireProblem(t, app.Do(c.request), c.status, "The status is what a client decides by: to ask again, to log in, or to give up.")
		lab.Require(t, p.Detail != "" || len(p.Errors) > 0, lab.Finding{
			Measured: fmt.Sprintf("%s was refused with %d and not a word why", c.request, c.status),
			Expected: "a detail that says what the client can do about it",
			Why:      "A refusal without a reason is a call to your support.",
		})
	}
	app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "Whoever was refused before may still buy.")
}

func TestNobodyIsLetInHalfway(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, request := range []*lab.Request{
		lab.GET("/me"), lab.GET("/me/orders"), lab.GET("/orders/1"), lab.DELETE("/sessions"),
		lab.PATCH("/events/42", lab.Body{"title": "Mine"}), lab.OrderOf(lab.OnSale, 1),
	} {
		before := app.Postgres.Stats()
		answer := app.Burst(1, func(int) *lab.Request { return request })[0]
		lab.Require(t, answer.Err == nil, lab.Finding{
			Measured: fmt.Sprintf("%s without a token got an answer that broke off: %v", request, answer.Err),
			Expected: "a 401, and nothing behind it",
			Why:      "Something went on after the refusal, and wanted to answer as well. What it did before that has been done.",
			Try:      answer.Curl(),
		})
		requireProblem(t, answer, http.StatusUnauthorized, "Who isn't logged in can't do this.")
		queries := app.Postgres.Stats().Since(before).Queries
		lab.Require(t, queries == 0, lab.Finding{
			Measured: fmt.Sprintf("%s without a token was answered 401, and sent %d statements to the database", request, queries),
			Expected: "none: the handler behind the check never runs",
			Why:      "The answer is all that a client sees. What ran behind it is what happened.",
			Try:      answer.Curl(),
		})
	}
}

// A route on which the check of the log-in was forgotten, as on GET /faults/no-login, is
// nobody's. A guard.
func TestForgottenCheckLetsNobodyIn(t *testing.T) {
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	for who, token := range map[string]string{"somebody without a token": "made up", "a buyer": app.LogIn(lab.Buyer)} {
		before := app.Postgres.Stats()
		answer := app.Do(lab.GET("/faults/no-login").As(token))
		queries := app.Postgres.Stats().Since(before).Queries
		lab.Require(t, (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusInternalServerError) && queries == 0, lab.Finding{
			Measured: fmt.Sprintf("GET /faults/no-login lists orders, and nothing before it asks who is logged in; %s got a %d, and %d statements went to the database: %s",
				who, answer.Status, queries, excerpt(answer.Body)),
			Expected: "401 or 500, and nothing asked of the database",
			Why: "One day, somebody adds a route and forgets the check. If nobody is then the user 0, the route answers, its tests are green, and it writes orders that " +
				"belong to nobody.",
			Try: try(answer),
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
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "SEARCH"} {
		client := app.Dial(0)
		_ = client.Send(method + " /nothing HTTP/1.1\r\nHost: boxoffice\r\nContent-Length: 0\r\n\r\n")
		answer, err := client.Response(10 * time.Second)
		require.NoError(t, err)
		requireProblem(t, answer, http.StatusNotFound, "There is nothing at this path, whatever is to be done with it.")
	}
	for _, c := range []struct {
		request *lab.Request
		allowed string
	}{
		{lab.POST("/events", lab.Body{}), "GET"},
		{lab.DELETE("/events/42"), "PATCH"},
		{lab.GET("/users"), "POST"},
	} {
		answer := app.Do(c.request)
		requireProblem(t, answer, http.StatusMethodNotAllowed,
			"The path exists. A client that is told 404 looks for a mistake in the address, and finds none.")
		lab.Require(t, strings.Contains(answer.Header.Get("Allow"), c.allowed), lab.Finding{
			Measured: fmt.Sprintf("%s was answered 405 with Allow: %q", c.request, answer.Header.Get("Allow")),
			Expected: "Allow names the methods that the path takes, " + c.allowed + " among them",
			Why:      "Whoever sent the wrong method learns the right one at once.",
			Try:      answer.Curl(),
		})
	}
}

// Paths that are nearly one of ours. gin redirects some of them by itself, before any
// middleware runs, and http.ServeMux others.
func TestNearlyRightPathsAreAnsweredByUs(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, request := range []*lab.Request{
		lab.GET("/events/"), lab.GET("/events/42/"), lab.GET("/me/"), lab.POST("/users/", lab.Body{}), lab.GET("/EVENTS"),
		lab.GET("//events"), lab.GET("/events//42"), lab.POST("//users", lab.Body{}),
	} {
		answer := app.Do(request.Header("X-Forwarded-Prefix", "/elsewhere"))
		lab.Require(t, answer.Status < 300 || answer.Status >= 400, lab.Finding{
			Measured: fmt.Sprintf("%s with X-Forwarded-Prefix: /elsewhere was answered %d with Location: %s, as %s",
				request, answer.Status, answer.Header.Get("Location"), cmp.Or(answer.Header.Get("Content-Type"), "nothing")),
			Expected: "no redirect: 404 as a problem, or what the path without the mistake answers",
			Why: "The router answers here in your place, past your middleware: nothing is logged or counted. With gin, whoever writes X-Forwarded-Prefix chooses where it leads, " +
				"and browsers and caches keep a 301 for good.",
			Try: answer.Curl(),
		})
		if answer.Status >= 400 {
			requireProblem(t, answer, answer.Status, "")
		}
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
		lab.POST("/users", lab.Body{"email": lab.Buyer.Email, "password": "long enough"}),
		lab.OrderOf(lab.SoldOut, 1).As(buyer),
	} {
		answer := app.Do(request)
		told := slices.IndexFunc(internals, func(word string) bool { return tellsClient(answer, word) != "" })
		lab.Require(t, told < 0, lab.Finding{
			Measured: fmt.Sprintf("%s was refused with %s", request, tellsClient(answer, internals[max(told, 0)])),
			Expected: "what the client did wrong, and nothing of what your functions were doing then",
			Why:      "What an error gathers on its way up is written for the log. Nobody who adds to it thinks of who may read it one day.",
			Try:      answer.Curl(),
		})
	}
	requireNoGoWords(t, app.Do(lab.POST("/users", `["no object"]`)))
}

func TestFaultsAreBareOutsideAndWholeInside(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	for _, c := range []struct{ path, detail string }{
		{"/faults/error", "secret detail of an error"},
		{"/faults/panic", "secret detail of a bug"},
	} {
		for range 2 { // the log has a fault each time
			before := len(app.Instances[0].Logs())
			answer := app.Do(lab.GET("%s", c.path))
			requireNoLeak(t, answer, "secret", "detail of", "goroutine", ".go:")
			requireProblem(t, answer, http.StatusInternalServerError, "This is a fault of ours, and the client must be told so.")
			requireLogged(t, app, before, c.detail, "GET", c.path)
		}
	}
	lab.Eventually(t, 5*time.Second, func() bool { return logged(app, 0, "faults.go:") != nil }, lab.Finding{
		Measured: "GET /faults/panic panicked, and no line of the log names faults.go, where it happened",
		Expected: "the stack of the panic in the log",
		Why:      "\"index out of range\" tells you nothing without the line. The next one like it may come in a week.",
	})
}

func TestDatabaseErrorsStayInside(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	organiser := app.LogIn(lab.Organiser)
	change := lab.PATCH("/events/42", lab.Body{"title": "Moved indoors"}).As(organiser)

	app.RefuseWrites("events")
	answer := app.Do(change)
	requireNoLeak(t, answer, append(internals, "refused by the test")...)
	requireProblem(t, answer, http.StatusInternalServerError, "Nothing that the client could change made this fail.")
	requireLogged(t, app, 0, "refused by the test", "PATCH", "/events/42")
	requireToldApart(t, app)

	app.Postgres.Down()
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

// A 4xx says that the client can mend it. While the database is gone, or refuses what it is told,
// nobody can but you, whatever the error was taken for.
func TestOurFaultsAreNotTheClients(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	buyer, organiser := app.LogIn(lab.Buyer), app.LogIn(lab.Organiser)
	var mine contract.Order
	app.Do(lab.OrderOf(lab.OnSale, 1).As(buyer)).Expect(http.StatusCreated, "All is well so far.").JSON(&mine)
	app.Postgres.Down()
	for _, request := range []*lab.Request{
		lab.GET("/events"), lab.GET("/events/%d", lab.OnSale.ID), lab.GET("/events/999999999"),
		lab.GET("/me").As(buyer), lab.GET("/me/orders").As(buyer), lab.GET("/orders/%d", mine.ID).As(buyer), lab.OrderOf(lab.FewLeft, 1).As(buyer),
		lab.PATCH("/events/42", lab.Body{"title": "Moved indoors"}).As(organiser),
		lab.POST("/users", lab.Body{"email": "ann@example.com", "password": "long enough"}),
		lab.POST("/sessions", lab.Body{"email": lab.Buyer.Email, "password": lab.Buyer.Password}),
	} {
		requireOurFault(t, app, request, "while the database is gone")
	}
	for table, request := range map[string]func(token string) *lab.Request{
		"orders": func(token string) *lab.Request { return lab.OrderOf(lab.OnSale, 1).As(token) },
		"events": func(token string) *lab.Request { return lab.OrderOf(lab.OnSale, 1).As(token) },
		"users": func(string) *lab.Request {
			return lab.POST("/users", lab.Body{"email": "ann@example.com", "password": "long enough"})
		},
	} {
		app := lab.Start(t)
		token := app.LogIn(lab.Buyer)
		app.RefuseWrites(table)
		requireOurFault(t, app, request(token), "while the database refuses writes to "+table)
		for code, meaning := range map[string]string{
			"57014": "a statement that took too long", "22003": "a number out of range", "23503": "a row that another one needs",
			"23514": "a value that a CHECK forbids", "42501": "a permission that is missing", "40001": "two transactions that met",
		} {
			_, err := app.DB().Exec(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE 'refused by the test' USING ERRCODE = '` + code + `'; END $$`)
			require.NoError(t, err)
			requireOurFault(t, app, request(token), fmt.Sprintf("when a write to %s failed with %s, %s", table, code, meaning))
		}
	}
}

// requireOurFault demands a 5xx, unless the request can be met all the same.
func requireOurFault(t *testing.T, app *lab.App, request *lab.Request, when string) {
	t.Helper()
	answer := app.Do(request)
	lab.Require(t, answer.Status < 300 || answer.Status >= http.StatusInternalServerError, lab.Finding{
		Measured: fmt.Sprintf("%s was answered %d %s: %s", request, answer.Status, when, excerpt(answer.Body)),
		Expected: "a 5xx: of all that a database may answer, only \"no rows\" is a 404, and only a duplicate address is a 409",
		Why:      "404 says that the event is gone, 409 that somebody was faster, 401 that the password is wrong. People believe it, and stop. And nobody wakes you up for a 4xx.",
		Try:      try(answer),
	})
	if answer.Status >= 300 {
		requireProblem(t, answer, answer.Status, "")
		requireNoLeak(t, answer, append(internals, "refused by the test", "127.0.0.1", "dial", "EOF")...)
	}
}

// tellsClient is the part of the answer that holds the word: its body or a field of its header.
func tellsClient(answer *lab.Response, word string) string {
	if strings.Contains(string(answer.Body), word) {
		return "this body: " + excerpt(answer.Body)
	}
	for name, values := range answer.Header {
		if value := strings.Join(values, ", "); !strings.HasSuffix(name, "-Id") && strings.Contains(value, word) { // an id is random letters
			return fmt.Sprintf("this header field: %s: %s", name, value)
		}
	}
	return ""
}

// requireNoLeak demands that neither the body nor the header holds one of the words.
func requireNoLeak(t *testing.T, answer *lab.Response, words ...string) {
	t.Helper()
	for _, word := range words {
		where := tellsClient(answer, word)
		lab.Require(t, where == "", lab.Finding{
			Measured: fmt.Sprintf("a %d tells the client %q: %s", answer.Status, word, where),
			Expected: "a body that says that it was our fault, and nothing else, nor in the header",
			Why:      "Tables, hosts and lines of code are what an attacker asks for first. For everybody else they are noise.",
			Try:      try(answer),
		})
	}
}

// requireLogged demands that the API's log holds the detail behind its first lines, and
// says which request it was that failed.
func requireLogged(t *testing.T, app *lab.App, before int, detail, method, path string) {
	t.Helper()
	lab.Eventually(t, 5*time.Second, func() bool { return logged(app, before, detail) != nil }, lab.Finding{
		Measured: fmt.Sprintf("%s %s failed with %q, and no line of the log from then on says so", method, path, detail),
		Expected: "the whole error in the log, each time",
		Why:      "What the client may not see, you must. Without a log line, a bare 500 is a riddle for you too. And a fault that is logged once counts for one.",
	})
	line := *logged(app, before, detail)
	told := func() bool { return tells(app, line, method, path) }
	lab.Eventually(t, 5*time.Second, told, lab.Finding{
		Measured: fmt.Sprintf("%s %s failed, and the log says no more than this: %s", method, path, line.Text),
		Expected: "the method and the path on the line of the error; or an id, by which another line tells the method and the path or the route",
		Why:      "At a thousand requests a second, the line before or behind it belongs to somebody else. And a route alone doesn't say which of 20,000 events breaks.",
	})
}

// tells reports whether the line says which request it is about: itself, or by the id
// that another line has, too.
func tells(app *lab.App, line lab.LogLine, method, path string) bool {
	if strings.Contains(line.Text, method) && strings.Contains(line.Text, path) {
		return true
	}
	route := strings.Join(strings.SplitAfter(path, "/")[:2], "") // up to what a route may leave open
	id, _ := line.Fields["request_id"].(string)
	return id != "" && slices.ContainsFunc(app.LogsWith("request_id", id), func(l lab.LogLine) bool {
		return strings.Contains(l.Text, method) && strings.Contains(l.Text, route)
	})
}

// logged is the first line with the text that the API has logged after so many others,
// or nil.
func logged(app *lab.App, before int, text string) *lab.LogLine {
	for _, line := range app.Instances[0].LogsSince(before) {
		if strings.Contains(line.Text, text) {
			return &line
		}
	}
	return nil
}

// requireToldApart demands that the log says what was being done when the database refused
// it. The same request fails at two of its statements, for the same reason.
func requireToldApart(t *testing.T, app *lab.App) {
	t.Helper()
	buyer := app.LogIn(lab.Buyer)
	line := func(table string) string {
		before := len(app.Instances[0].Logs())
		requireOurFault(t, app, lab.OrderOf(lab.OnSale, 1).As(buyer), "while the database refuses writes to "+table)
		requireLogged(t, app, before, "refused by the test", "POST", "/events/42/orders")
		return logged(app, before, "refused by the test").Text
	}
	events := line("events")
	_, err := app.DB().Exec("DROP TRIGGER refuse ON events")
	require.NoError(t, err)
	app.RefuseWrites("orders")
	orders := line("orders")
	lab.Require(t, !slices.Equal(words(events), words(orders)), lab.Finding{
		Measured: fmt.Sprintf("an order failed as its tickets were taken, and another as it was saved; the log has the same to say of both: %s", orders),
		Expected: "the whole error, as it came to you: with what was being done, and not the cause alone",
		Why:      "The database says \"permission denied\" of any statement. Which one it was is what your own functions add to the error on its way up.",
	})
	_, err = app.DB().Exec("DROP TRIGGER refuse ON orders")
	require.NoError(t, err)
}

// words are those of a log line that aren't times, numbers or ids, sorted, each once.
func words(line string) []string {
	found := slices.DeleteFunc(regexp.MustCompile(`[\w-]+`).FindAllString(line, -1), func(word string) bool {
		return len(word) < 3 || strings.ContainsAny(word, "0123456789")
	})
	slices.Sort(found)
	return slices.Compact(found)
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
	requireLogged(t, app, 0, "secret detail of a late bug", "GET", "/faults/late-panic")
	app.Do(lab.GET("/events/42")).Expect(http.StatusOK, "The next request knows nothing of the bug before it.")
}

func TestAbortIsNoAnswer(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	answer := app.Burst(1, func(int) *lab.Request { return lab.GET("/faults/abort-early") })[0]
	lab.Require(t, answer.Err != nil, lab.Finding{
		Measured: fmt.Sprintf("GET /faults/abort-early panics with http.ErrAbortHandler before anything is written; the client got a %d: %s",
			answer.Status, excerpt(answer.Body)),
		Expected: "no answer: a connection that breaks off",
		Why:      "This panic is no bug. It is how a handler tells net/http to hang up, and whoever answers in its place doesn't know why.",
		Try:      try(answer),
	})
	app.Do(lab.GET("/events/42")).Expect(http.StatusOK, "The next request knows nothing of it.")
}

// serverError is a status from 500 on, in a line of gin or in one of JSON.
var serverError = regexp.MustCompile(`\| 5\d\d \||"status":5\d\d`)

// A client that hangs up has lost its patience, or its network.
func TestClientsThatHangUpAreNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	app := lab.Start(t)
	held, err := app.DB().Begin()
	require.NoError(t, err)
	_, err = held.Exec("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err, "keep the database from answering")
	pending := app.Begin(lab.GET("/events/42"))
	require.Eventually(t, func() bool { return waitsForALock(t, app) }, 10*time.Second, 10*time.Millisecond, "the request waits in the database")
	pending.Leave()

	var line string
	logged := func() bool {
		for _, l := range app.Instances[0].Logs() {
			if strings.Contains(l.Text, "/events/") && (strings.Contains(l.Text, "[GIN]") || l.Fields["msg"] == "request") {
				line = l.Text
			}
		}
		return line != ""
	}
	lab.Eventually(t, 10*time.Second, logged, lab.Finding{
		Measured: "the client of GET /events/42 hung up while the database was busy, and the request has no line in the log yet",
		Expected: "a request that ends when its client has left",
		Why:      "What nobody waits for needs no connection to the database.",
	})
	require.NoError(t, held.Rollback())
	lab.Require(t, !serverError.MatchString(line), lab.Finding{
		Measured: "the client of GET /events/42 hung up, and the log says: " + line,
		Expected: "a status below 500, such as nginx's 499",
		Why:      "Each 5xx is an alarm for somebody. People leave pages all day, and most of all on sale day.",
	})
}

// waitsForALock reports whether a statement waits for the test to let go.
func waitsForALock(t *testing.T, app *lab.App) bool {
	t.Helper()
	var waiting bool
	err := app.DB().QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waiting)
	require.NoError(t, err)
	return waiting
}
