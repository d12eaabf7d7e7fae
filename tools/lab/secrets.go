package lab

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
)

// scanVariable makes each test look for secrets in the logs when it ends.
const scanVariable = "BOXOFFICE_SCAN_LOGS"

// shortestSecret is how long a secret is at least, in bytes: what is shorter stands
// in logs by chance.
const shortestSecret = 8

// secrets are the texts of one test that must not stand in any log.
type secrets struct {
	mu   sync.Mutex
	list []string
}

// Secrets returns what the test has used and been given so far that must not stand
// in any log: tokens that were handed out, passwords and bearer tokens that were
// sent, TOKEN_SECRET and the passwords of the database and of Redis.
func (a *App) Secrets() []string {
	a.secrets.mu.Lock()
	defer a.secrets.mu.Unlock()
	return slices.Clone(a.secrets.list)
}

func (s *secrets) add(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) >= shortestSecret && !slices.Contains(s.list, secret) {
		s.list = append(s.list, secret)
	}
}

// addEnvironment adds TOKEN_SECRET and the passwords of URLs.
func (s *secrets) addEnvironment(environment []string) {
	for _, assignment := range environment {
		name, value, _ := strings.Cut(assignment, "=")
		if name == "TOKEN_SECRET" {
			s.add(value)
		}
		if u, err := url.Parse(value); err == nil && u.User != nil {
			password, _ := u.User.Password()
			s.add(password)
		}
	}
}

// addRequest adds the bearer token and the passwords of a request.
func (s *secrets) addRequest(r *Request) {
	if token, ok := strings.CutPrefix(r.header.Get("Authorization"), "Bearer "); ok {
		s.add(token)
	}
	s.addMembers(r.body, "password")
}

// addAnswer adds the tokens that an answer hands out.
func (s *secrets) addAnswer(body []byte) { s.addMembers(body, "token") }

// addMembers adds the texts that JSON objects hold under a name that ends so,
// wherever they are.
func (s *secrets) addMembers(body []byte, name string) {
	if !strings.Contains(strings.ToLower(string(body)), name) {
		return
	}
	var value any
	if json.Unmarshal(body, &value) == nil {
		s.walk(value, name)
	}
}

func (s *secrets) walk(value any, name string) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			s.walk(item, name)
		}
	case map[string]any:
		for key, member := range value {
			if text, ok := member.(string); ok && strings.HasSuffix(strings.ToLower(key), name) {
				s.add(text)
			}
			s.walk(member, name)
		}
	}
}

// noSecretsInLogs is set by [NoSecretsInLogs].
var noSecretsInLogs bool

// NoSecretsInLogs is a [Setting] that makes each test fail when a secret stands in the logs,
// whatever the test is about: outages and refusals log what an ordinary day doesn't. It is for
// the steps behind the one whose task this is.
func NoSecretsInLogs() { noSecretsInLogs = true }

// scanLogs fails the test when a secret stands in the logs. It runs only where it
// is asked for: a learner's log is the learner's, until a task is about it.
func (a *App) scanLogs() {
	if !noSecretsInLogs && os.Getenv(scanVariable) != "1" {
		return
	}
	for _, instance := range a.processes() {
		for _, line := range instance.Logs() {
			if masked, leaks := mask(line.Text, a.Secrets()); leaks {
				a.t.Error(Finding{
					Measured: fmt.Sprintf("%s logged a secret: %s", instance.title(), shorten(masked, bodyShown)),
					Expected: "no token, no password and no key in any log",
					Why:      "Logs are copied, kept and read by many. Whoever reads a token there is that customer.",
				}.String())
				return
			}
		}
	}
}

// mask hides the secrets in a line, and reports whether there were any.
func mask(line string, secrets []string) (masked string, leaks bool) {
	for _, secret := range secrets {
		for _, form := range []string{secret, quoted(secret), url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(line, form) {
				line = strings.ReplaceAll(line, form, "•••")
				leaks = true
			}
		}
	}
	return line, leaks
}

// quoted is a text as it stands within a JSON string.
func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(encoded[1 : len(encoded)-1])
}
