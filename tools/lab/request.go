package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// requestTimeout is how long a request may take before the lab calls it stuck. Where a new connection
// costs PostgreSQL 20 ms, as on some virtual machines, the first steps take seconds for a list.
const requestTimeout = 20 * time.Second

// Request is a request to the API. Its methods return it, so that a test reads
// as one line.
type Request struct {
	method   string
	path     string
	body     []byte
	header   http.Header
	instance int
	front    *Front // nil: the request goes to the instance itself
	chunked  bool
}

// GET makes a GET request; the path may have formatting verbs.
func GET(format string, args ...any) *Request {
	return newRequest(http.MethodGet, fmt.Sprintf(format, args...), nil)
}

// DELETE makes a DELETE request without a body.
func DELETE(path string) *Request { return newRequest(http.MethodDelete, path, nil) }

// POST makes a POST request. The body is sent as it is when it is a string,
// as JSON when it is anything else, and left out when it is nil.
func POST(path string, body any) *Request { return newRequest(http.MethodPost, path, body) }

// PATCH makes a PATCH request, with a body as [POST] takes it.
func PATCH(path string, body any) *Request { return newRequest(http.MethodPatch, path, body) }

// PUT makes a PUT request, with a body as [POST] takes it.
func PUT(path string, body any) *Request { return newRequest(http.MethodPut, path, body) }

// Body is a request's body, to be sent as JSON.
type Body map[string]any

// OrderOf makes a request for that many tickets of an event. The quantity is a number,
// or something that is none.
func OrderOf(event Event, quantity any) *Request {
	return POST(fmt.Sprintf("/events/%d/orders", event.ID), Body{"quantity": quantity})
}

func newRequest(method, path string, body any) *Request {
	r := &Request{method: method, path: path, header: http.Header{}}
	switch body := body.(type) {
	case nil:
		return r
	case string:
		r.body = []byte(body)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			panic(fmt.Sprintf("lab: encode the body of %s %s: %v", method, path, err))
		}
		r.body = encoded
	}
	r.header.Set("Content-Type", "application/json")
	return r
}

// As sends the bearer token of somebody who has logged in.
func (r *Request) As(token string) *Request { return r.Header("Authorization", "Bearer "+token) }

// Header sets a header field; an empty value removes it.
func (r *Request) Header(name, value string) *Request {
	if value == "" {
		r.header.Del(name)
		return r
	}
	r.header.Set(name, value)
	return r
}

// On sends the request to the nth instance, counted from 0, instead of the first.
func (r *Request) On(instance int) *Request {
	r.instance = instance
	return r
}

// through is a copy of the request that goes through a front.
func (r *Request) through(f *Front) *Request {
	passed := *r
	passed.front = f
	return &passed
}

// Chunked sends the body without telling its length before, as a client does that
// makes it on the way.
func (r *Request) Chunked() *Request {
	r.chunked = true
	return r
}

// String is the request's first line: "GET /events/42".
func (r *Request) String() string { return r.method + " " + r.path }

// newClient makes a client that never follows redirects and shares no
// connection with other tests.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 512},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Do sends the request and returns the answer. Without an answer, the test ends
// with a finding that says what happened to the instance.
func (a *App) Do(r *Request) *Response {
	a.t.Helper()
	response := a.send(r)
	if response.Err != nil {
		a.t.Fatal(a.noAnswer(response).String())
	}
	return response
}

// Times sends the same request n times, one after another.
func (a *App) Times(n int, r *Request) []*Response {
	a.t.Helper()
	responses := make([]*Response, n)
	for i := range responses {
		responses[i] = a.Do(r)
	}
	return responses
}

// Burst sends n requests at the same moment, the i-th as request(i) makes it,
// and returns their answers in that order. A request without an answer has Err
// set and the status 0.
func (a *App) Burst(n int, request func(i int) *Request) []*Response {
	responses := make([]*Response, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		request := request(i)
		group.Go(func() {
			<-start
			responses[i] = a.send(request)
		})
	}
	close(start)
	group.Wait()
	return responses
}

func (a *App) send(r *Request) *Response {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return a.sendUntil(ctx, r)
}

// sendUntil sends a request whose client hangs up when ctx ends.
func (a *App) sendUntil(ctx context.Context, r *Request) *Response {
	before := a.changes.before(r)
	a.secrets.addRequest(r)
	response := a.exchange(ctx, r)
	a.secrets.addAnswer(response.Body)
	response.before = before
	if errors.Is(ctx.Err(), context.Canceled) { // the test hung up itself
		return response
	}
	failed := response.Status >= http.StatusInternalServerError && response.Status != http.StatusNotImplemented
	if response.Err != nil || failed {
		a.troubled.Store(true)
	}
	return response
}

// changes are the requests of a test that change something, in the order in which
// they were sent.
type changes struct {
	mu       sync.Mutex
	requests []*Request
}

// before returns the changes so far, and adds the request to them if it is one.
// Logging in is none: a session is no part of the data.
func (c *changes) before(r *Request) []*Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.requests[:len(c.requests):len(c.requests)]
	if r.method != http.MethodGet && r.path != "/sessions" {
		c.requests = append(c.requests, r)
	}
	return before
}

func (a *App) exchange(ctx context.Context, r *Request) *Response {
	response := &Response{app: a, request: r}
	request, err := http.NewRequestWithContext(ctx, r.method, a.base(r)+r.path, r.reader())
	if err != nil {
		response.Err = err
		return response
	}
	request.Header = r.header.Clone()
	answer, err := a.client.Do(request)
	if err != nil {
		response.Err = err
		return response
	}
	defer func() { _ = answer.Body.Close() }()
	if r.front != nil {
		r.front.answered()
	}
	response.Status, response.Header = answer.StatusCode, answer.Header
	response.Body, response.Err = io.ReadAll(answer.Body)
	return response
}

// base is the URL of the instance, or of the front, that the request is for.
func (a *App) base(r *Request) string {
	if r.front != nil {
		return r.front.URL
	}
	return a.Instances[r.instance].URL
}

// reader is the body; net/http tells the length before when it knows the type.
func (r *Request) reader() io.Reader {
	if r.chunked {
		return struct{ io.Reader }{bytes.NewReader(r.body)}
	}
	return bytes.NewReader(r.body)
}

// exitNotice is how long the lab waits to hear that a process has ended whose
// connection broke.
const exitNotice = 500 * time.Millisecond

// noAnswer tells why a request has no answer.
func (a *App) noAnswer(r *Response) Finding {
	if r.request.front != nil {
		return r.request.front.noAnswer(r)
	}
	instance := a.Instances[r.request.instance]
	f := Finding{
		Measured: fmt.Sprintf("%s got no answer: %v", r.request, r.Err),
		Expected: "an answer, whatever it says",
		Why:      "A client that gets no answer doesn't know whether its order went through, and asks again.",
		Try:      r.Curl(),
	}
	if closesWithin(instance.Exited(), exitNotice) {
		f.Measured = fmt.Sprintf("%s got no answer, since the API ended while it ran (%s)", r.request, instance.member.Process().Ending())
		f.Why = "One bad request must never take down the requests of everybody else."
	}
	return f
}

// LogIn logs a seeded user in at the first instance and returns the token.
func (a *App) LogIn(u User) string {
	a.t.Helper()
	var session struct{ Token string }
	credentials := map[string]string{"email": u.Email, "password": u.Password}
	a.Do(POST("/sessions", credentials)).
		Expect(http.StatusCreated, "Without a session, nobody can buy anything.").
		JSON(&session)
	Require(a.t, session.Token != "", Finding{
		Measured: "POST /sessions answered 201 without a token",
		Expected: `201 {"token":"…"}`,
		Why:      "Without a token, nobody can buy anything.",
	})
	a.tokens.Store(session.Token, u)
	return session.Token
}

// curl is the command line that sends the request to an API that listens on
// the default address.
func (r *Request) curl() string {
	var b strings.Builder
	b.WriteString("curl -i")
	if r.method != http.MethodGet {
		b.WriteString(" -X " + r.method)
	}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		if name == "Authorization" {
			b.WriteString(` -H "Authorization: Bearer $TOKEN"`)
			continue
		}
		b.WriteString(" -H " + quote(name+": "+r.header.Get(name)))
	}
	if r.chunked {
		b.WriteString(" -H 'Transfer-Encoding: chunked'")
	}
	if len(r.body) > 0 {
		b.WriteString(" -d " + quote(shorten(string(r.body), 200)))
	}
	b.WriteString(" " + quote("localhost:8080"+r.path))
	return b.String()
}

// quote quotes s for a POSIX shell where it must be.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\n\"'\\$&|;<>()*?[]#~!{}`") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return quoted
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
