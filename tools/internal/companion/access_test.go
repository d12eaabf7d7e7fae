package companion

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestForeignRequestsAreRefused(t *testing.T) {
	r := newRig(t).start()
	_, port, err := net.SplitHostPort(r.addr)
	require.NoError(t, err)
	for name, change := range map[string]func(*http.Request){
		"foreign host":          func(q *http.Request) { q.Host = "evil.example" },
		"foreign host, port":    func(q *http.Request) { q.Host = "evil.example:" + port },
		"a name that begins so": func(q *http.Request) { q.Host = "localhost.evil.example:" + port },
		"an address that isn't": func(q *http.Request) { q.Host = "192.0.2.1:" + port },
		"foreign origin":        func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
		"opaque origin":         func(q *http.Request) { q.Header.Set("Origin", "null") },
		"origin of a neighbour": func(q *http.Request) { q.Header.Set("Origin", "http://127.0.0.1:1") },
		"origin by https":       func(q *http.Request) { q.Header.Set("Origin", "https://"+q.Host) },
		"another site's script": func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		for _, path := range []string{"/api/state", "/api/events", "/api/about"} {
			assert.Equal(t, http.StatusForbidden, r.ask(http.MethodGet, path, "", change).StatusCode, "%s %s", name, path)
		}
		assert.Equal(t, http.StatusForbidden, r.ask(http.MethodPost, "/api/run", "{}", change).StatusCode, name)
		if !strings.Contains(name, "script") {
			assert.Equal(t, http.StatusForbidden, r.ask(http.MethodGet, "/index.html", "", change).StatusCode, "%s: no page, so no token", name)
		}
	}
}

func TestOwnNamesAreAnswered(t *testing.T) {
	r := newRig(t).start()
	_, port, err := net.SplitHostPort(r.addr)
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port, "localhost:1234", "localhost", "[::1]"} {
		answer := r.ask(http.MethodPost, "/api/hint", `{"step":"01-adding","task":1,"number":1}`, func(q *http.Request) {
			q.Host = host
			q.Header.Set("Origin", "http://"+host)
			q.Header.Set("Sec-Fetch-Site", "same-origin")
		})
		assert.Equal(t, http.StatusOK, answer.StatusCode, host)
	}
}

func TestAForwardedPortIsLetInByItsOrigin(t *testing.T) {
	r := newRig(t)
	r.origins = []string{"https://name-8090.example.dev"}
	r.start()
	hint := func(host, origin string) int {
		return r.ask(http.MethodPost, "/api/hint", `{"step":"01-adding","task":1,"number":1}`, func(q *http.Request) {
			q.Host = host
			q.Header.Set("Origin", origin)
		}).StatusCode
	}
	assert.Equal(t, http.StatusOK, hint("name-8090.example.dev", "https://name-8090.example.dev"))
	assert.Equal(t, http.StatusOK, hint(r.addr, "https://name-8090.example.dev"), "the service may change the name")
	assert.Equal(t, http.StatusForbidden, hint("name-8090.example.dev", "http://name-8090.example.dev"))
	assert.Equal(t, http.StatusForbidden, hint("other-8090.example.dev", "https://name-8090.example.dev"))
	assert.Equal(t, http.StatusForbidden, hint("example.dev", "https://example.dev"))
	assert.Equal(t, http.StatusForbidden, hint("name-8090.example.dev", "https://evil.example"))
}

func TestWhoIsRefusedLearnsTheCommand(t *testing.T) {
	r := newRig(t).start()
	look := func(change func(*http.Request)) string {
		answer := r.ask(http.MethodGet, "/", "", change)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusForbidden, answer.StatusCode)
		assert.NotContains(t, string(text), r.token)
		return string(text)
	}
	browser := func(q *http.Request) {
		q.Host = "name-8090.example.dev"
		q.Header.Set("Accept", "text/html,application/xhtml+xml")
	}
	page := look(browser)
	assert.Contains(t, page, "<code>go tool workshop start --origin https://name-8090.example.dev</code>")
	assert.Contains(t, page, "http://"+r.addr)
	assert.Contains(t, look(func(q *http.Request) { q.Host = "name-8090.example.dev" }), `"next":"go tool workshop start --origin https://name-8090.example.dev"`)
	strange := look(func(q *http.Request) {
		browser(q)
		q.Host = "$(reboot).example.dev"
	})
	assert.NotContains(t, strange, "reboot", "nothing that a shell would run")
}

func TestOrigins(t *testing.T) {
	for text, want := range map[string]string{
		"https://name-8090.example.dev":              "https://name-8090.example.dev",
		"https://Name-8090.example.dev/":             "https://name-8090.example.dev",
		"http://box:9000/steps/01-baseline.html?x#y": "http://box:9000",
		"name.example.dev":                           "",
		"ftp://name.example.dev":                     "",
		"https://":                                   "",
		"https://user@name.example.dev":              "",
	} {
		got, err := Origin(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want == "", err != nil, text)
	}
}

func TestActionsNeedTokenMethodAndJSON(t *testing.T) {
	r := newRig(t).start()
	for _, path := range []string{"/api/run", "/api/hint", "/api/step", "/api/reset", "/api/solve"} {
		for name, c := range map[string]struct {
			method, body string
			status       int
			change       func(*http.Request)
		}{
			"no token":          {"POST", "{}", http.StatusForbidden, func(q *http.Request) { q.Header.Del(tokenHeader) }},
			"wrong token":       {"POST", "{}", http.StatusForbidden, func(q *http.Request) { q.Header.Set(tokenHeader, "A"+r.token[1:]+"A") }},
			"GET":               {"GET", "", http.StatusMethodNotAllowed, nil},
			"PUT":               {"PUT", "{}", http.StatusMethodNotAllowed, nil},
			"a form":            {"POST", "a=b", http.StatusUnsupportedMediaType, func(q *http.Request) { q.Header.Set("Content-Type", "application/x-www-form-urlencoded") }},
			"plain text":        {"POST", "{}", http.StatusUnsupportedMediaType, func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }},
			"no type":           {"POST", "{}", http.StatusUnsupportedMediaType, func(q *http.Request) { q.Header.Del("Content-Type") }},
			"no JSON":           {"POST", "run", http.StatusBadRequest, nil},
			"an unknown field":  {"POST", `{"command":"rm"}`, http.StatusBadRequest, nil},
			"more than it asks": {"POST", `{"step":"` + strings.Repeat("x", mostBody) + `"}`, http.StatusBadRequest, nil},
		} {
			answer := r.ask(c.method, path, c.body, c.change)
			assert.Equal(t, c.status, answer.StatusCode, "%s: %s", path, name)
		}
	}
	assert.Equal(t, http.StatusMethodNotAllowed, r.ask("POST", "/index.html", "{}", nil).StatusCode)
	assert.Equal(t, http.StatusMethodNotAllowed, r.ask("POST", "/api/events", "{}", nil).StatusCode)
}

func TestPathsOutsideTheSiteAreRefused(t *testing.T) {
	r := newRig(t).start()
	for _, path := range []string{
		"/../go.mod", "/%2e%2e/go.mod", "/..%2fgo.mod", "/assets/../../go.mod", "/assets/%2e%2e/%2e%2e/go.mod", "/assets/..%2f..%2fgo.mod",
		"/steps/../../README.md", "/steps/01-adding/../../../go.work", "/..\\go.mod", "/%5c..%5cgo.mod", "//etc/passwd", "/etc/passwd",
		"/steps/..%2f..%2fgo.mod/diff.html", "/steps/x/diff.html", "/01-adding/diff.html", "/x/01-adding/diff.html", "/assets/sub/live.js", "/go.mod", "/assets/", "/steps/01-adding.html%00.css",
	} {
		line := r.rawRequest("GET " + path + " HTTP/1.1\r\nHost: " + r.addr + "\r\nConnection: close\r\n\r\n")
		assert.Equal(t, "HTTP/1.1 404 Not Found", line, path)
	}
}

func TestPagesAndAssetsAreServedHardened(t *testing.T) {
	r := newRig(t).start()
	for path, want := range map[string][2]string{
		"/":                          {"page index.html token=" + r.token, "text/html; charset=utf-8"},
		"/steps/01-adding.html":      {"page steps/01-adding.html token=" + r.token, "text/html; charset=utf-8"},
		"/steps/01-adding/diff.html": {"comparison of 01-adding token=" + r.token, "text/html; charset=utf-8"},
		"/assets/live.js":            {"script", "text/javascript; charset=utf-8"},
		"/search-index.js":           {"index", "text/javascript; charset=utf-8"},
	} {
		answer := r.ask(http.MethodGet, path, "", nil)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Equal(t, want[0], string(text), path)
		assert.Equal(t, want[1], answer.Header.Get("Content-Type"), path)
		assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"), path)
		assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), path)
		csp := answer.Header.Get("Content-Security-Policy")
		assert.Contains(t, csp, "default-src 'none'; script-src 'self';", path)
		assert.NotContains(t, csp, "unsafe", path)
	}
	assert.Equal(t, http.StatusOK, r.ask(http.MethodHead, "/", "", nil).StatusCode)
	assert.Equal(t, http.StatusOK, r.ask(http.MethodHead, "/api/events", "", nil).StatusCode)
}

func TestOnlyThisMachineIsServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		_, err := Listen(addr)
		assert.ErrorIs(t, err, ErrNotLoopback, addr)
	}
	_, err := Listen("127.0.0.1")
	assert.Error(t, err)
}

func TestUnknownPageLeadsBack(t *testing.T) {
	r := newRig(t).start()
	for path, want := range map[string][2]string{
		"/steps/99.html":        {"no page steps/99.html token=" + r.token, "text/html; charset=utf-8"},
		"/steps/99":             {"no page steps/99 token=" + r.token, "text/html; charset=utf-8"},
		"/steps/x/diff.html":    {"no page steps/x/diff.html token=" + r.token, "text/html; charset=utf-8"},
		"/assets/none.css":      {"There is no assets/none.css. The first page is /index.html.\n", "text/plain; charset=utf-8"},
		"/apple-touch-icon.png": {"There is no apple-touch-icon.png. The first page is /index.html.\n", "text/plain; charset=utf-8"},
	} {
		answer := r.ask(http.MethodGet, path, "", nil)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, answer.StatusCode, path)
		assert.Equal(t, want[0], string(text), path)
		assert.Equal(t, want[1], answer.Header.Get("Content-Type"), path)
	}
}
