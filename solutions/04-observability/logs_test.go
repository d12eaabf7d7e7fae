package main_test

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

const (
	// soon is how long a test waits for a line or a count that must be there by now:
	// it only has to come through a pipe.
	soon = 2 * time.Second
	// patience is how long a test waits for an answer.
	patience = 5 * time.Second
	// moreThanASecond is for what must be measured whole, and not in parts of a second alone.
	moreThanASecond = 1100 * time.Millisecond
)

const idHeader = "X-Request-ID"

var wellFormedID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func TestRequestIsOneLine(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	token := app.LogIn(lab.Buyer)
	const template = "/events/:id"
	for i, want := range []struct {
		request *lab.Request
		method  string
		route   string // any, when empty: there is no route
		status  int
	}{
		{lab.GET("/events/%d", lab.OnSale.ID), "GET", template, 200},
		{lab.GET("/events/%d?color=blue", lab.OnSale.ID), "GET", template, 200},
		{lab.GET("/events/999999999"), "GET", template, 404},
		{lab.GET("/events/abc"), "GET", template, 400},
		{lab.GET("/me"), "GET", "/me", 401},
		{lab.POST("/users", `{"email":`), "POST", "/users", 400},
		{lab.OrderOf(lab.OnSale, 1).As(token), "POST", "/events/:id/orders", 201},
		{lab.OrderOf(lab.Past, 1).As(token), "POST", "/events/:id/orders", 422},
		{lab.GET("/nowhere"), "GET", "", 404},
		{lab.GET("/events/"), "GET", "", 404}, // gin's own redirect has no line
		{lab.PUT("/events", lab.Body{}), "PUT", "", 405},
		{lab.GET("/faults/error"), "GET", "/faults/error", 500},
	} {
		id := fmt.Sprintf("one-line-%d", i)
		answer := app.Do(want.request.Header(idHeader, id))
		answer.Expect(want.status, "The contract with the clients says so.")
		line := requestLine(t, app, want.request, id)
		requireField(t, want.request, line, "method", want.method)
		requireStatus(t, want.request, line, want.status)
		if want.route != "" {
			requireField(t, want.request, line, "route", want.route)
		}
	}
	requireDuration(t, app)

	left := lab.GET("/events/%d", lab.FewLeft.ID).Header(idHeader, "left")
	leave(t, app, left, "events", 0)
	requestLine(t, app, left, "left")

	requireLinesOutliveTheProcess(t, app)
}

// requireLinesOutliveTheProcess demands that a request's line is out when its answer is:
// whoever is killed in that moment takes along what they kept for later.
func requireLinesOutliveTheProcess(t *testing.T, app *lab.App) {
	t.Helper()
	instance := app.Instances[0]
	for i := range 3 {
		id := fmt.Sprintf("killed-%d", i)
		request := lab.GET("/me").Header(idHeader, id)
		app.Do(request)
		instance.Kill()
		lab.Require(t, len(requestLines(app, id)) == 1, lab.Finding{
			Measured: fmt.Sprintf("%s was answered, and the process was killed right after that; the request has no line", request),
			Expected: "its line, written by the time that the answer is there",
			Why:      "A process that crashes, or that the kernel ends for its memory, takes along what it has kept for later. Those are the lines that say why.",
		})
		require.NoError(t, instance.Restart(), "start the instance again")
	}
}

// requireDuration demands that duration_ms is what the request took: a statement of
// it is held for a while, so that this is no matter of luck.
func requireDuration(t *testing.T, app *lab.App) {
	t.Helper()
	request := lab.GET("/events/%d", lab.OnSale.ID).Header(idHeader, "duration")
	start := time.Now()
	_, waited := hold(t, app, request, lab.Touches("events"), moreThanASecond)
	line := requestLine(t, app, request, "duration")
	took := time.Since(start)
	logged, isNumber := line.Fields["duration_ms"].(float64)
	lab.Require(t, isNumber && logged >= milliseconds(waited) && logged <= milliseconds(took), lab.Finding{
		Measured: fmt.Sprintf("%s waited %v for PostgreSQL, and its line says duration_ms %s\n%s", request, waited.Round(time.Millisecond), fieldText(line, "duration_ms"), line.Text),
		Expected: fmt.Sprintf("a number between %.0f and %.0f", milliseconds(waited), milliseconds(took)),
		Why:      durationWhy(line, took, "The first question about a slow page is how long it really took, from the first handler to the last."),
	})
}

// durationWhy is why, and where a number came from that is far too large.
func durationWhy(line lab.LogLine, most time.Duration, why string) string {
	if logged, _ := line.Fields["duration_ms"].(float64); logged > 100*milliseconds(most) {
		why += " The field's name says milliseconds; slog writes a time.Duration as nanoseconds."
	}
	return why
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// The whole log, from the first line of the start on. The lab sets no variable for the API that
// production doesn't set.
func TestEveryLineIsJSON(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	app.Do(lab.GET("/events/%d", lab.OnSale.ID))
	app.Do(lab.GET("/events/999999999"))
	app.Do(lab.GET("/faults/error"))
	forged := app.Do(lab.GET("/events/x%s/", url.QueryEscape("\n"+`{"level":"INFO","msg":"request","request_id":"forged"}`+"\n")))
	answer := app.Do(lab.GET("/faults/panic"))
	lab.Eventually(t, soon, func() bool { return len(app.Instances[0].Logs()) > 0 }, lab.Finding{
		Measured: "five requests, and not one line in the log",
		Expected: "a line for each",
		Why:      "Without a log, the only one who knows what happened is the customer.",
	})
	for _, line := range app.Instances[0].Logs() {
		lab.Require(t, line.Fields != nil || line.Text == "", lab.Finding{
			Measured: "a line of the log isn't JSON:\n" + line.Text,
			Expected: "one JSON object a line, all of them",
			Why:      "What collects logs reads fields. A line of another form is dropped, or found by nobody; and a stack trace over many lines is many of them.",
			Try:      answer.Curl(),
		})
		lab.Require(t, text(line, "request_id") != "forged", lab.Finding{
			Measured: "a line break in the path ended a line of the log, and what came behind it is a line of its own:\n" + line.Text,
			Expected: "lines that the API has written, and nobody else",
			Why:      "Whoever can write into your log writes there what never happened, and hides what did.",
			Try:      forged.Curl(),
		})
	}
}

func TestPanickedRequestIsLogged(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	panicked := lab.GET("/faults/panic").Header(idHeader, "panic")
	app.Do(panicked)
	requireStatus(t, panicked, requestLine(t, app, panicked, "panic"), http.StatusInternalServerError)

	for _, path := range []string{"/faults/abort", "/faults/late-panic"} {
		id := strings.ReplaceAll(path[1:], "/", "-")
		request := lab.GET("%s", path).Header(idHeader, id)
		app.Burst(1, func(int) *lab.Request { return request }) // the answer breaks off, as it must
		requestLine(t, app, request, id)
	}
}

func TestRequestIDIsTaken(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, id := range []string{"7", "checkout-7f3a.B_2", strings.Repeat("x", 64)} {
		request := lab.GET("/events/%d", lab.OnSale.ID).Header(idHeader, id)
		requireTaken(t, app, request, id, "")
		requestLine(t, app, request, id)
		requireTaken(t, app, request, id, ", as one before it did")
	}
}

// requireTaken demands that the answer has the id of the request.
func requireTaken(t *testing.T, app *lab.App, request *lab.Request, id, how string) {
	t.Helper()
	answer := app.Do(request)
	lab.Require(t, answer.Header.Get(idHeader) == id, lab.Finding{
		Measured: fmt.Sprintf("the request came with %s: %s%s, and the answer has %s", idHeader, id, how, headerText(answer)),
		Expected: "the same id",
		Why:      "The balancer, or the shop before you, has given the request its id, and keeps it when it tries again. With another one, their logs and yours can't be put together.",
		Try:      answer.Curl(),
	})
}

func TestRequestIDIsMade(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	request := lab.GET("/events/%d", lab.OnSale.ID)
	seen := map[string]bool{}
	for range 20 {
		answer := app.Do(request)
		id := answer.Header.Get(idHeader)
		lab.Require(t, wellFormedID.MatchString(id) && !seen[id], lab.Finding{
			Measured: fmt.Sprintf("a request without %s was answered with %s", idHeader, headerText(answer)),
			Expected: "an id that no other request had, of 1 to 64 letters, digits, dots, dashes and underscores",
			Why:      "Support asks a customer for the id. It must lead to one request, not to none and not to two.",
			Try:      answer.Curl(),
		})
		seen[id] = true
		requestLine(t, app, request, id)
	}
}

// Requests of the same moment, at two instances, one of which has been started anew.
func TestRequestIDIsMadeOnce(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Instances(2))
	seen := map[string]string{}
	burst := func(when string) {
		for i, answer := range app.Burst(200, func(i int) *lab.Request { return lab.GET("/nowhere").On(i % 2) }) {
			id, here := answer.Header.Get(idHeader), fmt.Sprintf("instance %d, %s", i%2+1, when)
			lab.Require(t, id != "" && seen[id] == "", lab.Finding{
				Measured: fmt.Sprintf("a request at %s was answered with %s, and so was one at %s", here, headerText(answer), cmp.Or(seen[id], "another")),
				Expected: "an id that no other request has, at any instance, at any time",
				Why:      "Counters begin anew with each process, and a clock gives two requests the same time. The lines of both are then one story, and none of it happened.",
				Try:      answer.Curl(),
			})
			seen[id] = here
		}
	}
	burst("at first")
	for _, instance := range app.Instances {
		instance.Kill()
		require.NoError(t, instance.Restart(), "start an instance again")
	}
	burst("after it was started again")
}

// Requests of the same moment, each of another kind. gin uses its contexts again: a line that is
// written when the request is over tells of the one that has the context then.
func TestEachLineIsOfItsOwnRequest(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	kinds := []struct {
		request func() *lab.Request
		status  int
	}{
		{func() *lab.Request { return lab.GET("/events/abc") }, http.StatusBadRequest},
		{func() *lab.Request { return lab.GET("/me") }, http.StatusUnauthorized},
		{func() *lab.Request { return lab.POST("/nowhere", lab.Body{}) }, http.StatusNotFound},
		{func() *lab.Request { return lab.PUT("/events", lab.Body{}) }, http.StatusMethodNotAllowed},
	}
	const requests = 400
	id := func(i int) string { return fmt.Sprintf("own-%d", i) }
	app.Burst(requests, func(i int) *lab.Request { return kinds[i%len(kinds)].request().Header(idHeader, id(i)) })
	requestLines(app, id(requests-1))
	lines := map[string][]lab.LogLine{}
	lab.Within(soon, func() bool {
		clear(lines)
		for _, line := range app.LogsWith("msg", "request") {
			lines[text(line, "request_id")] = append(lines[text(line, "request_id")], line)
		}
		return len(lines) >= requests
	})
	for i := range requests {
		kind := kinds[i%len(kinds)]
		own := lines[id(i)]
		lab.Require(t, len(own) == 1, lab.Finding{
			Measured: fmt.Sprintf("%d requests at the same moment, each with an id of its own; %s has %d lines", requests, id(i), len(own)),
			Expected: "one line",
			Why:      "A request without a line never happened, as far as you can tell; one with two happened twice. gin gives a context to the next request as soon as this one is over.",
		})
		requireStatus(t, kind.request(), own[0], kind.status)
	}
}

func TestHostileRequestIDIsReplaced(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, hostile := range []string{
		strings.Repeat("x", 65), strings.Repeat("long", 500), "two words", "a\tb", `a"b`, `","user_id":"1`,
		`{"level":"ERROR"}`, "a%0Ab", "<b>a</b>", "größe", "a;b", "a,b", "../../etc", " ",
	} {
		request := lab.GET("/events/%d", lab.OnSale.ID).Header(idHeader, hostile)
		answer := app.Do(request)
		id := answer.Header.Get(idHeader)
		lab.Require(t, wellFormedID.MatchString(id) && id != strings.TrimSpace(hostile), lab.Finding{
			Measured: fmt.Sprintf("the request came with %s: %s, and the answer has %s", idHeader, shortText(hostile), headerText(answer)),
			Expected: "an id of your own, of 1 to 64 letters, digits, dots, dashes and underscores",
			Why:      "The id goes into logs, headers, tickets and terminals. Whoever may write anything there writes lines that never happened.",
			Try:      answer.Curl(),
		})
		requestLine(t, app, request, id)
	}
}

func TestRefusalsCarryTheID(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	for _, request := range []*lab.Request{
		lab.GET("/events/999999999"), lab.GET("/events?limit=0"), lab.GET("/me"), lab.GET("/nowhere"), lab.PUT("/events", lab.Body{}),
		lab.GET("/faults/error"), lab.GET("/faults/panic"),
	} {
		answer := app.Do(request)
		var problem struct {
			RequestID string `json:"request_id"`
		}
		_ = json.Unmarshal(answer.Body, &problem)
		lab.Require(t, problem.RequestID != "" && problem.RequestID == answer.Header.Get(idHeader), lab.Finding{
			Measured: fmt.Sprintf("%s was refused with %s and this body: %s", request, headerText(answer), shortText(strings.TrimSpace(string(answer.Body)))),
			Expected: `"request_id" in the body, with the same id as in the header`,
			Why:      "People copy what they see on the page, or what their program prints: the body. Support asks them for the id, and finds the line.",
			Try:      answer.Curl(),
		})
	}
}

func TestLinesOnTheWayCarryTheID(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"))
	token := app.LogIn(lab.Buyer)

	refusal := app.Mail.Refuse(550, "no such mailbox")
	before := len(app.Instances[0].Logs())
	request := lab.OrderOf(lab.OnSale, 1).As(token).Header(idHeader, "no-mail")
	app.Do(request).Expect(http.StatusCreated, "The tickets are sold, whether the mail goes out or not.")
	if refusal.Hits() > 0 { // a worker may send it later, and log it elsewhere
		requireDetail(t, app, request, "no-mail", "550", before)
	}
	requireIDs(t, app, request, before)

	before = len(app.Instances[0].Logs())
	for path, detail := range map[string]string{
		"/faults/error": "secret detail of an error",
		"/faults/panic": "secret detail of a bug",
	} {
		id := strings.ReplaceAll(path[1:], "/", "-")
		request := lab.GET("%s", path).Header(idHeader, id)
		app.Do(request).Expect(http.StatusInternalServerError, "It is our fault, and none of the client's business.")
		requireDetail(t, app, request, id, detail, before)
		requireIDs(t, app, request, before)
	}
}

// requireDetail demands a line with the id that tells the detail.
func requireDetail(t *testing.T, app *lab.App, request *lab.Request, id, detail string, before int) {
	t.Helper()
	told := func(line lab.LogLine) bool { return strings.Contains(line.Text, detail) }
	var stray string
	found := lab.Within(soon, func() bool {
		for _, line := range app.Instances[0].LogsSince(before) {
			if told(line) && text(line, "request_id") == id {
				return true
			}
			if told(line) {
				stray = line.Text
			}
		}
		return false
	})
	measured := fmt.Sprintf("no line tells %q after %s", detail, request)
	if stray != "" {
		measured = fmt.Sprintf("%s came with %s: %s, and logged on its way\n%s", request, idHeader, id, shortText(stray))
	}
	lab.Require(t, found, lab.Finding{
		Measured: measured,
		Expected: fmt.Sprintf("a line that tells it, with request_id %q", id),
		Why:      "On sale day, a thousand requests write into this log at once. A line without an id is a symptom without a patient.",
	})
}

// requireIDs demands that whatever was logged since then belongs to a request.
func requireIDs(t *testing.T, app *lab.App, request *lab.Request, before int) {
	t.Helper()
	for _, line := range app.Instances[0].LogsSince(before) {
		lab.Require(t, text(line, "request_id") != "", lab.Finding{
			Measured: fmt.Sprintf("%s logged on its way, without request_id\n%s", request, shortText(line.Text)),
			Expected: "the request's id on each line that is logged for it",
			Why:      "On sale day, a thousand requests write into this log at once. A line without an id is a symptom without a patient.",
		})
	}
}

func TestLineNamesTheUser(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t)
	for _, user := range []lab.User{lab.Buyer, lab.OtherBuyer} {
		id := fmt.Sprintf("user-%d", user.ID)
		request := lab.GET("/me").As(app.LogIn(user)).Header(idHeader, id)
		app.Do(request).Expect(http.StatusOK, "A client shows who is logged in.")
		requireField(t, request, requestLine(t, app, request, id), "user_id", fmt.Sprint(user.ID))
	}
	request := lab.GET("/events/%d", lab.OnSale.ID).Header(idHeader, "nobody")
	app.Do(request)
	line := requestLine(t, app, request, "nobody")
	_, named := line.Fields["user_id"]
	lab.Require(t, !named, lab.Finding{
		Measured: "nobody was logged in, and the line names a user:\n" + line.Text,
		Expected: "no user_id",
		Why:      "When a customer calls, their requests are found by this field. Those of others don't belong there.",
	})
}

func TestLogHoldsNoSecret(t *testing.T) {
	lab.Task(t, 1)
	t.Parallel()
	app := lab.Start(t, lab.Env("FAULTS=on"), lab.Env("LOG_LEVEL=debug"))
	const password, mistyped, broken = "tr0ub4dor-and-3", "tr0ub4dor-and-4", "tr0ub4dor-and-5"
	visitor := lab.User{Email: "visitor@example.com", Password: password}
	app.Do(lab.POST("/users", lab.Body{"email": visitor.Email, "password": password}))
	app.Do(lab.POST("/users", lab.Body{"email": visitor.Email, "password": password}))
	token := app.LogIn(visitor)
	requests := []*lab.Request{
		lab.POST("/sessions", lab.Body{"email": visitor.Email, "password": mistyped}),
		lab.POST("/sessions", fmt.Sprintf(`{"email":5,"password":%q}`, broken)),
		lab.POST("/sessions", fmt.Sprintf(`{"email":"a@example.com","password":%q`, broken)),
		lab.POST("/sessions", fmt.Sprintf(`{"pass":%q}`, broken)),
		lab.POST("/users?password="+broken, lab.Body{}),
		lab.GET("/events/%d?access_token=%s", lab.OnSale.ID, token),
		lab.GET("/me?token=%s", token),
		lab.GET("/nowhere?token=%s", token),
		lab.GET("/me").As(token),
		lab.GET("/me").Header("Cookie", "token="+token),
		lab.GET("/orders/abc").As(token),
		lab.GET("/faults/error").As(token),
		lab.GET("/faults/panic").As(token),
		lab.DELETE("/sessions").As(token),
		lab.GET("/me").As(token),
	}
	requireNone := func(after *lab.Request, answer *lab.Response) {
		t.Helper()
		for _, line := range app.Instances[0].Logs() {
			masked := line.Text
			for _, secret := range append(app.Secrets(), password, mistyped, broken, token) {
				masked = strings.ReplaceAll(masked, secret, "•••")
				masked = strings.ReplaceAll(masked, url.QueryEscape(secret), "•••")
			}
			lab.Require(t, masked == line.Text, lab.Finding{
				Measured: fmt.Sprintf("after %s, a secret stands in the log (here as •••):\n%s", maskPath(after), shortText(masked)),
				Expected: "no password and no token, at no level, wherever the client put it",
				Why:      "Logs are copied, kept for years and read by many. Whoever reads a token there is that customer.",
				Try:      answer.Curl(),
			})
		}
	}
	var last *lab.Response
	for _, request := range requests {
		last = app.Do(request.Header(idHeader, "secrets"))
		requireNone(request, last)
	}
	requests[0].Header(idHeader, "last")
	app.Do(requests[0])
	requestLine(t, app, requests[0], "last")
	requireNone(requests[len(requests)-1], last) // its lines are there only now
}

// maskPath is the request without its query.
func maskPath(r *lab.Request) string {
	path, _, _ := strings.Cut(r.String(), "?")
	return path
}

// requestLine waits for the one line of the request that had this id.
func requestLine(t *testing.T, app *lab.App, request *lab.Request, id string) lab.LogLine {
	t.Helper()
	lines := requestLines(app, id)
	if len(lines) > 0 { // a second line would be there before that of a later request
		next := fmt.Sprint(later, laterRequests.Add(1))
		answer := app.Do(lab.GET("/me").Header(idHeader, next))
		requestLines(app, idOf(answer, next))
		lines = requestLines(app, id)
	}
	measured := fmt.Sprintf("%d lines with msg %q and request_id %q after %s", len(lines), "request", id, maskPath(request))
	if len(lines) == 0 {
		measured += "; the last line of the log is\n" + lastLine(app)
	}
	lab.Require(t, len(lines) == 1, lab.Finding{
		Measured: measured,
		Expected: "one line",
		Why:      "A request without a line never happened, as far as you can tell; one with two happened twice.",
	})
	return lines[0]
}

// lastLine is the last line of the log that the test didn't ask for itself.
func lastLine(app *lab.App) string {
	for _, line := range slices.Backward(app.Instances[0].Logs()) {
		if !strings.HasPrefix(text(line, "request_id"), later) {
			return shortText(line.Text)
		}
	}
	return "(no line at all)"
}

// later begins the ids of requests that only wait for the log, and laterRequests
// numbers them.
const later = "later-"

var laterRequests atomic.Int64

// requestLines waits for lines of the request that had this id.
func requestLines(app *lab.App, id string) (lines []lab.LogLine) {
	lab.Within(soon, func() bool {
		lines = nil
		for _, line := range app.LogsWith("request_id", id) {
			if text(line, "msg") == "request" {
				lines = append(lines, line)
			}
		}
		return len(lines) > 0
	})
	return lines
}

// idOf is the id that the request went by: the one in the answer, else the one that
// was sent.
func idOf(answer *lab.Response, sent string) string {
	return cmp.Or(answer.Header.Get(idHeader), sent)
}

// requireStatus demands the status in a request's line, as a number.
func requireStatus(t *testing.T, request *lab.Request, line lab.LogLine, want int) {
	t.Helper()
	requireField(t, request, line, "status", strconv.Itoa(want))
	_, isNumber := line.Fields["status"].(float64)
	lab.Require(t, isNumber, lab.Finding{
		Measured: fmt.Sprintf("the line of %s has status %s\n%s", request, fieldText(line, "status"), line.Text),
		Expected: fmt.Sprintf("status %d, a number in JSON", want),
		Why:      "You ask a log for all lines with a status of 500 and above. Texts aren't above one another.",
	})
}

// requireField demands a field of a request's line.
func requireField(t *testing.T, request *lab.Request, line lab.LogLine, field, want string) {
	t.Helper()
	lab.Require(t, text(line, field) == want, lab.Finding{
		Measured: fmt.Sprintf("the line of %s has %s\n%s", request, fieldNamed(line, field), line.Text),
		Expected: fmt.Sprintf("%s %s", field, want),
		Why:      fieldReasons[field],
	})
}

var fieldReasons = map[string]string{
	"method":  "Reading and ordering are different things on the same path.",
	"route":   "You ask a log for all requests of a route. Paths with ids in them are a hundred thousand routes.",
	"status":  "The log must say what the client saw. An error that it counts as a success is found by customers.",
	"user_id": "When a customer calls, you look for what they did. Who that is turns out while the handlers run: only the context that the request has afterwards knows it.",
}

// text is a field of a line as text, "" when it isn't there.
func text(line lab.LogLine, field string) string {
	switch value := line.Fields[field].(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return fmt.Sprint(value)
	}
}

// fieldText is a field of a line as it stands there: texts are quoted.
func fieldText(line lab.LogLine, field string) string {
	if value, isText := line.Fields[field].(string); isText {
		return strconv.Quote(value)
	}
	return cmp.Or(text(line, field), "nothing")
}

// fieldNamed is a field and its value, or that there is no such field.
func fieldNamed(line lab.LogLine, field string) string {
	if _, there := line.Fields[field]; !there {
		return "no " + field
	}
	return field + " " + fieldText(line, field)
}

func headerText(r *lab.Response) string {
	id := r.Header.Get(idHeader)
	if id == "" {
		return "no " + idHeader
	}
	return idHeader + ": " + shortText(id)
}

func shortText(s string) string {
	if len(s) <= 240 {
		return s
	}
	return s[:240] + "…"
}

// hold sends the request, keeps its statements that match from PostgreSQL for at
// least that long, and returns the answer, and for how long the first one waited.
func hold(t *testing.T, app *lab.App, request *lab.Request, match lab.Match, atLeast time.Duration) (*lab.Response, time.Duration) {
	t.Helper()
	gate := app.Postgres.Hold(match)
	defer gate.Open()
	pending := app.Begin(request)
	select {
	case <-gate.Reached():
	case <-pending.Done():
	case <-time.After(patience):
	}
	lab.Require(t, gate.Hits() > 0, lab.Finding{
		Measured: fmt.Sprintf("%s ran no statement that could be held", request),
		Expected: "the statement that it needs, at PostgreSQL",
		Why:      "The test slows this statement down, to see what you can see.",
	})
	start := time.Now()
	<-time.After(atLeast)
	waited := time.Since(start)
	gate.Open()
	return pending.Wait(patience), waited
}

// leave sends the request, keeps the table from it for at least that long, and has the client
// hang up then. It returns what the client has: no answer.
func leave(t *testing.T, app *lab.App, request *lab.Request, table string, atLeast time.Duration) *lab.Response {
	t.Helper()
	lock := lockTable(t, app, table)
	pending := app.Begin(request)
	lock.awaitWaiting(t)
	<-time.After(atLeast)
	pending.Leave()
	lab.Within(soon, func() bool { return lock.waiting(t) == 0 }) // one that doesn't notice gets the table then
	lock.release(t)
	return pending.Wait(patience)
}

// tableLock keeps a table from everybody else.
type tableLock struct {
	app *lab.App
	tx  *sql.Tx
}

func lockTable(t *testing.T, app *lab.App, table string) tableLock {
	t.Helper()
	tx, err := app.DB().Begin()
	require.NoError(t, err)
	_, err = tx.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err, "keep the database from answering")
	return tableLock{app, tx}
}

func (l tableLock) release(t *testing.T) { require.NoError(t, l.tx.Rollback()) }

// whoWaits are the sessions that wait for a lock.
const whoWaits = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

func (l tableLock) waiting(t *testing.T) (n int) {
	require.NoError(t, l.app.DB().QueryRow("SELECT count(*) "+whoWaits).Scan(&n))
	return n
}

func (l tableLock) awaitWaiting(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return l.waiting(t) > 0 }, patience, 10*time.Millisecond, "the statement waits for the lock")
}

// cancel ends the statements that wait, as whoever runs the database does.
func (l tableLock) cancel(t *testing.T) {
	_, err := l.app.DB().Exec("SELECT pg_cancel_backend(pid) " + whoWaits)
	require.NoError(t, err, "cancel the statement")
}
