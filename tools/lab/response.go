package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Response is the answer to a [Request].
type Response struct {
	// Status is the HTTP status code, 0 when there was no answer.
	Status int
	// Header is the answer's header.
	Header http.Header
	// Body is the whole body.
	Body []byte
	// Err says why there was no answer, or why it broke off.
	Err error

	app     *App
	request *Request
	before  []*Request // those that the test sent before it to change something
}

// bodyShown is how much of a body a finding shows, in bytes.
const bodyShown = 240

// Expect ends the test with a finding when the status is another one; why says
// in a sentence why the status matters in production.
func (r *Response) Expect(status int, why string) *Response {
	r.app.t.Helper()
	if r.Status != status {
		r.app.t.Fatal(Finding{
			Measured: fmt.Sprintf("%s answered %s\n%s", r.request, statusText(r.Status), r.excerpt()),
			Expected: statusText(status),
			Why:      why,
			Try:      r.Curl(),
		}.String())
	}
	r.requireOneAnswer()
	return r
}

// requireOneAnswer demands that a JSON body holds one value. A handler that has
// answered and goes on writes the next answer behind it.
func (r *Response) requireOneAnswer() {
	r.app.t.Helper()
	values := countJSON(r.Header.Get("Content-Type"), r.Body)
	Require(r.app.t, values <= 1, Finding{
		Measured: fmt.Sprintf("%s answered %s with %d JSON values, one behind the other\n%s", r.request, statusText(r.Status), values, r.excerpt()),
		Expected: "one JSON value",
		Why:      "A handler that has answered doesn't end by itself. What it does next was never meant to happen, and no client can read what it writes.",
		Try:      r.Curl(),
	})
}

// countJSON counts the values in a body that says it is JSON.
func countJSON(contentType string, body []byte) (values int) {
	if !strings.Contains(contentType, "json") {
		return 0
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var value any
		if decoder.Decode(&value) != nil {
			return values
		}
		values++
	}
}

// JSON decodes the body into v, and ends the test with a finding when it is not
// JSON of that shape.
func (r *Response) JSON(v any) *Response {
	r.app.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.app.t.Fatal(Finding{
			Measured: fmt.Sprintf("%s answered a body that can't be read: %v\n%s", r.request, err, r.excerpt()),
			Expected: "JSON as the API's contract says",
			Why:      "A client that can't read the answer has no answer.",
			Try:      r.Curl(),
		}.String())
	}
	return r
}

// Curl is the command lines that send the same request to the API as
// `go tool workshop run` starts it, on the same data: after what the test sent
// before it to change something, and as the same user.
func (r *Response) Curl() string {
	run := strings.Join(append(quoteAll(r.app.environment), runCommand()), " ")
	if r.request.front != nil {
		run += fmt.Sprintf(" --instances %d", len(r.app.Instances))
	}
	script := &script{lines: []string{run + "     (in another terminal)"}}
	if len(r.before) > beforeShown {
		script.lines = append(script.lines, fmt.Sprintf("(the test sent %d other requests first)", len(r.before)))
	} else {
		for _, earlier := range r.before {
			script.send(r.app, earlier)
		}
	}
	script.send(r.app, r.request)
	return strings.Join(script.lines, "\n")
}

// beforeShown is how many earlier requests are worth repeating by hand.
const beforeShown = 5

// script is a list of commands for a shell, which remembers whose token it holds.
type script struct {
	lines []string
	token string
}

func (s *script) send(app *App, r *Request) {
	token, ok := strings.CutPrefix(r.header.Get("Authorization"), "Bearer ")
	if user, known := app.tokens.Load(token); ok && known && token != s.token {
		s.lines = append(s.lines, logInLine(user.(User)))
		s.token = token
	}
	s.lines = append(s.lines, r.curl())
}

// logInLine is a shell command that logs the user in and keeps the token.
func logInLine(u User) string {
	if u.Password != Buyer.Password { // nobody of the seed
		return "TOKEN=$(go tool workshop login " + quote(u.Email) + " --password " + quote(u.Password) + ")"
	}
	return "TOKEN=$(go tool workshop login " + u.Email + ")"
}

func (r *Response) excerpt() string {
	body := strings.TrimSpace(string(r.Body))
	if body == "" {
		return "(an empty body)"
	}
	return shorten(body, bodyShown)
}

func statusText(status int) string {
	if status == 0 {
		return "no answer"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// Statuses counts answers by status, as "409 ×401, 201 ×99", the most frequent
// first.
func Statuses(responses []*Response) string {
	counts := CountStatuses(responses)
	statuses := slices.SortedFunc(maps.Keys(counts), func(a, b int) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return a - b
	})
	parts := make([]string, len(statuses))
	for i, status := range statuses {
		parts[i] = fmt.Sprintf("%s ×%d", statusText(status), counts[status])
	}
	return strings.Join(parts, ", ")
}

// CountStatuses counts answers by status; those without an answer count as 0.
func CountStatuses(responses []*Response) map[int]int {
	counts := map[int]int{}
	for _, r := range responses {
		counts[r.Status]++
	}
	return counts
}
