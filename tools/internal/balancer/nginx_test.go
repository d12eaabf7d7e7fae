package balancer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/services/nginx"
)

// upstreamUnderTest is an instance that does as it is told, and remembers what it was
// asked.
type upstreamUnderTest struct {
	address string
	// behave answers a request; false closes the connection.
	behave func(r *http.Request, w net.Conn) bool

	mu          sync.Mutex
	connections int
	ended       int // connections
	requests    []*http.Request
	bodies      []string
}

func startUpstream(t *testing.T, behave func(*http.Request, net.Conn) bool) *upstreamUnderTest {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &upstreamUnderTest{address: listener.Addr().String(), behave: behave}
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		_ = listener.Close()
	})
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			u.connections++
			u.mu.Unlock()
			go func() {
				<-over
				_ = c.Close()
			}()
			go u.serve(c)
		}
	}()
	return u
}

func (u *upstreamUnderTest) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		u.mu.Lock()
		defer u.mu.Unlock()
		u.ended++
	}()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.requests, u.bodies = append(u.requests, r), append(u.bodies, string(body))
		u.mu.Unlock()
		if !u.behave(r, c) || r.Close {
			return
		}
	}
}

func (u *upstreamUnderTest) asked() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.requests)
}

func (u *upstreamUnderTest) connected() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.connections
}

func (u *upstreamUnderTest) over() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended
}

// Ways to behave.

func says(status int, body string) func(*http.Request, net.Conn) bool {
	return func(_ *http.Request, w net.Conn) bool {
		_, err := fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
		return err == nil
	}
}

// hangsUp closes the connection when it has read the request, as a process does that is
// killed in the middle.
func hangsUp(*http.Request, net.Conn) bool { return false }

// stalls never answers.
func stalls(_ *http.Request, w net.Conn) bool {
	_, _ = io.Copy(io.Discard, w)
	return false
}

func babbles(_ *http.Request, w net.Conn) bool {
	_, _ = fmt.Fprint(w, "HTTP/1.1 200 OK\r\nGood morning\r\n\r\n")
	return false
}

func breaksOff(_ *http.Request, w net.Conn) bool {
	_, _ = fmt.Fprint(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	return false
}

// answersOnce says OK, and closes the connection when the next request comes.
func answersOnce() func(*http.Request, net.Conn) bool {
	var mu sync.Mutex
	seen := map[net.Conn]bool{}
	return func(r *http.Request, w net.Conn) bool {
		mu.Lock()
		again := seen[w]
		seen[w] = true
		mu.Unlock()
		return !again && says(200, "OK")(r, w)
	}
}

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// front is the stand-in or nginx itself.
type front struct {
	url      string
	records  func() []Record
	answered func()
	keeps    bool // from 1.29.7 on, nginx keeps connections unasked; the stand-in does as before
}

// keepsByDefault reports whether an nginx keeps its connections to upstreams unasked.
func keepsByDefault(version string) bool {
	var major, minor, patch int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	return slices.Compare([]int{major, minor, patch}, []int{1, 29, 7}) >= 0
}

// eachProxy runs a test with the stand-in and, where there is one, with nginx.
func eachProxy(t *testing.T, conf string, instances func(t *testing.T) []string, test func(t *testing.T, f *front)) {
	t.Helper()
	t.Run("stand-in", func(t *testing.T) {
		t.Parallel()
		c, err := ReadConf(conf, instances(t), func(port string) string { return port })
		require.NoError(t, err)
		s, err := StartStandIn(c)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		test(t, &front{url: s.URL, records: s.Records, answered: func() {}})
	})
	t.Run("nginx", func(t *testing.T) {
		t.Parallel()
		program, err := nginx.Find()
		if err != nil {
			t.Skip(err)
		}
		addresses := instances(t)
		var n *Nginx
		for range 5 { // another test may take the port in the meantime
			address := refusing(t)
			c, err := ReadConf(conf, addresses, func(string) string { return address })
			require.NoError(t, err)
			if n, err = StartNginx(program, c, address, io.Discard); err == nil {
				break
			}
			t.Log(err)
		}
		require.NotNil(t, n)
		t.Cleanup(n.Close)
		test(t, &front{n.URL, n.Records, n.Answered, keepsByDefault(program.Version)})
	})
}

// told writes records as attempt:instance:status.
func (f *front) told() string {
	var parts []string
	for _, r := range f.records() {
		parts = append(parts, fmt.Sprintf("%d:%d:%d", r.Attempt, r.Instance, r.Status))
	}
	return strings.Join(parts, " ")
}

// send sends a request on a connection of its own and returns the status, 0 when there
// was no answer or half of one.
func (f *front) send(t *testing.T, method, path string, change ...func(*http.Request)) (int, string) {
	t.Helper()
	var body io.Reader
	if method == http.MethodPost || method == http.MethodPatch || method == http.MethodPut {
		body = strings.NewReader(`{"quantity":1}`)
	}
	r, err := http.NewRequest(method, f.url+path, body)
	require.NoError(t, err)
	for _, change := range change {
		change(r)
	}
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	f.answered()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(text)
}

// conf is a configuration with something in its upstream and in its location; the
// upstream may bring servers of its own.
func conf(upstream, location string) string {
	if !strings.Contains(upstream, "server ") {
		upstream = "server api-1:8080; server api-2:8080; " + upstream
	}
	return `upstream boxoffice {
  ` + upstream + `
}
server {
  listen 8080;
  listen [::]:8080;
  server_name _;
  location / {
    proxy_pass http://boxoffice;
    ` + location + `
  }
}
`
}

// The stand-in must do what nginx does: each case says what both do.
func TestBothPassARequestOnAlike(t *testing.T) {
	t.Parallel()
	type behaviour = func(*http.Request, net.Conn) bool
	const short = "proxy_read_timeout 200ms;"
	cases := []struct {
		name               string
		upstream, location string
		first, second      behaviour // nil: the connection is refused
		methods            string
		want               string // statuses
		told               string // attempt:instance:status
	}{
		{"one after another", "", "", says(200, "a"), says(200, "b"), "GET GET GET GET", "200 200 200 200", "1:0:200 1:1:200 1:0:200 1:1:200"},
		{"a refused GET goes on", "", "", nil, says(200, "b"), "GET", "200", "1:0:0 2:1:200"},
		{"a refused POST goes on", "", "", nil, says(200, "b"), "POST", "200", "1:0:0 2:1:200"},
		{"after a failure the server is passed over", "", "", nil, says(200, "b"), "GET GET GET", "200 200 200", "1:0:0 2:1:200 1:1:200 1:1:200"},
		{"a GET whose server dies goes on", "", "", hangsUp, says(200, "b"), "GET", "200", "1:0:0 2:1:200"},
		{"a PUT and a DELETE whose server dies go on", "", "", hangsUp, says(200, "b"), "PUT DELETE", "200 200", "1:0:0 2:1:200 1:1:200"},
		{"a POST whose server dies doesn't", "", "", hangsUp, says(200, "b"), "POST", "502", "1:0:0"},
		{"a PATCH whose server dies doesn't", "", "", hangsUp, says(200, "b"), "PATCH", "502", "1:0:0"},
		{"a POST that may run twice does", "", "proxy_next_upstream error timeout non_idempotent;", hangsUp, says(200, "b"), "POST", "200", "1:0:0 2:1:200"},
		{"off goes nowhere", "", "proxy_next_upstream off;", nil, says(200, "b"), "GET", "502", "1:0:0"},
		{"only what is named goes on", "", "proxy_next_upstream http_503;", hangsUp, says(200, "b"), "GET", "502", "1:0:0"},
		{"one try", "", "proxy_next_upstream_tries 1;", nil, says(200, "b"), "GET", "502", "1:0:0"},
		{"a 503 is passed on", "", "", says(503, "draining"), says(200, "b"), "GET GET GET", "503 200 503", "1:0:503 1:1:200 1:0:503"},
		{"a 503 goes on when named", "", "proxy_next_upstream error timeout http_503;", says(503, "draining"), says(200, "b"), "GET GET", "200 200", "1:0:503 2:1:200 1:1:200"},
		{"a POST's 503 doesn't", "", "proxy_next_upstream error timeout http_503;", says(503, "draining"), says(200, "b"), "POST", "503", "1:0:503"},
		{"the last 503 is passed on", "", "proxy_next_upstream http_503;", says(503, "draining"), says(503, "draining"), "GET", "503", "1:0:503 2:1:503"},
		{"a 502, a 504 and a 429 go on when named", "", "proxy_next_upstream http_502 http_504 http_429;", says(429, ""), says(200, "b"), "GET", "200", "1:0:429 2:1:200"},
		{"nobody lives", "", "", nil, nil, "GET GET", "502 502", "1:0:0 2:1:0 1:-1:0"},
		{"failures aren't counted", "server api-1:8080 max_fails=0; server api-2:8080;", "", nil, says(200, "b"), "GET GET GET", "200 200 200", "1:0:0 2:1:200 1:1:200 1:0:0 2:1:200"},
		{"two failures count", "server api-1:8080 max_fails=2; server api-2:8080;", "", nil, says(200, "b"), "GET GET GET GET GET GET", "200 200 200 200 200 200", "1:0:0 2:1:200 1:1:200 1:0:0 2:1:200 1:1:200 1:1:200 1:1:200"},
		{"weights", "server api-1:8080 weight=3; server api-2:8080;", "", says(200, "a"), says(200, "b"), "GET GET GET GET GET", "200 200 200 200 200", "1:0:200 1:0:200 1:1:200 1:0:200 1:0:200"},
		{"a backup waits", "server api-1:8080; server api-2:8080 backup;", "", says(200, "a"), says(200, "b"), "GET GET", "200 200", "1:0:200 1:0:200"},
		{"a backup helps", "server api-1:8080; server api-2:8080 backup;", "", nil, says(200, "b"), "GET GET", "200 200", "1:0:0 2:1:200 1:1:200"},
		{"one is down", "server api-1:8080 down; server api-2:8080;", "", says(200, "a"), says(200, "b"), "GET GET", "200 200", "1:1:200 1:1:200"},
		{"the least busy", "least_conn; zone boxoffice 64k;", "", says(200, "a"), says(200, "b"), "GET GET GET", "200 200 200", "1:0:200 1:1:200 1:0:200"},
		{"a single server is never passed over", "server api-1:8080;", "", nil, says(200, "b"), "GET GET", "502 502", "1:0:0 1:0:0"},
		{"no time for another try", "", short + " proxy_next_upstream_timeout 100ms;", stalls, says(200, "b"), "GET", "504", "1:0:0"},
		{"a slow GET goes on", "", short, stalls, says(200, "b"), "GET", "200", "1:0:0 2:1:200"},
		{"a slow POST is a 504", "", short, stalls, says(200, "b"), "POST", "504", "1:0:0"},
		{"two slow ones are a 504", "", short, stalls, stalls, "GET", "504", "1:0:0 2:1:0"},
		{"no HTTP is a 502", "", "", babbles, says(200, "b"), "GET", "502", "1:0:0"},
		{"no HTTP goes on when named", "", "proxy_next_upstream invalid_header;", babbles, says(200, "b"), "GET", "200", "1:0:0 2:1:200"},
		{"half a body is cut off", "", "", breaksOff, says(200, "b"), "GET", "0", "1:0:200"},
		{"an instance's 413 and 404 are passed on", "", "", says(413, "large"), says(404, "no"), "POST GET", "413 404", "1:0:413 1:1:404"},
		{"HEAD, 204 and 304 have no body", "", "", says(204, ""), says(304, ""), "HEAD HEAD", "204 304", "1:0:204 1:1:304"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			instances := func(t *testing.T) []string {
				addresses := []string{refusing(t), refusing(t)}
				for i, behave := range []behaviour{c.first, c.second} {
					if behave != nil {
						addresses[i] = startUpstream(t, behave).address
					}
				}
				return addresses
			}
			eachProxy(t, conf(c.upstream, c.location), instances, func(t *testing.T, f *front) {
				var statuses []string
				for method := range strings.FieldsSeq(c.methods) {
					status, _ := f.send(t, method, "/orders")
					statuses = append(statuses, fmt.Sprint(status))
				}
				require.Equal(t, c.want, strings.Join(statuses, " "))
				require.Equal(t, c.told, f.told())
			})
		})
	}
}

// one is an upstream in the place of two.
func one(behave func(*http.Request, net.Conn) bool, test func(t *testing.T, f *front, u *upstreamUnderTest)) (func(t *testing.T) []string, func(t *testing.T, f *front)) {
	var byTest sync.Map
	start := func(t *testing.T) []string {
		u := startUpstream(t, behave)
		byTest.Store(t, u)
		return []string{u.address, u.address}
	}
	return start, func(t *testing.T, f *front) {
		u, _ := byTest.Load(t)
		test(t, f, u.(*upstreamUnderTest))
	}
}

const single = "server api-1:8080; "

func TestBothSendTheSameHeaders(t *testing.T) {
	t.Parallel()
	const versioned = "HTTP/1.0 and close, or since 1.29.7 HTTP/1.1"
	cases := []struct {
		name, location string
		want           map[string]string // of what the upstream sees; "" for none
	}{
		{"by default", "", map[string]string{
			":version": versioned, ":host": "boxoffice",
			"X-Forwarded-For": "203.0.113.9", "X-Request-Id": "abc", "Te": "", "Keep-Alive": "", "X_odd": "", "Content-Length": "14",
		}},
		{"as a deployment sets them", `proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header X-Real-IP $remote_addr;
			proxy_set_header X-Trace "id ${http_x_request_id}/$http_x_nothing";
			proxy_set_header X-Request-ID "";`, map[string]string{
			":proto": "HTTP/1.1", ":host": "tickets.example.com", ":close": "false",
			"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Real-Ip": "127.0.0.1",
			"X-Trace": "id abc/", "X-Request-Id": "", "Content-Length": "14",
		}},
		{"X-Forwarded-For of the proxy alone", "proxy_set_header X-Forwarded-For $remote_addr;", map[string]string{"X-Forwarded-For": "127.0.0.1"}},
		{"Host with its port", "proxy_set_header Host $http_host;", map[string]string{":host": "Tickets.example.com:8080", ":version": versioned}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
				status, _ := f.send(t, http.MethodPost, "/orders?n=1", func(r *http.Request) {
					r.Host = "Tickets.example.com:8080"
					r.Header = http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Request-Id": {"abc"}, "Te": {"trailers"}, "Keep-Alive": {"timeout=5"}, "X_odd": {"1"}}
				})
				require.Equal(t, 200, status)
				r := u.asked()[0]
				require.Equal(t, "/orders?n=1", r.RequestURI)
				require.Equal(t, `{"quantity":1}`, u.bodies[0])
				byDefault := r.Proto == "HTTP/1.0" && r.Close
				if f.keeps {
					byDefault = r.Proto == "HTTP/1.1" && !r.Close
				}
				for name, want := range c.want {
					got := map[string]string{":proto": r.Proto, ":host": r.Host, ":close": fmt.Sprint(r.Close)}[name]
					if name == ":version" && byDefault {
						got = versioned
					}
					if got == "" {
						got = strings.Join(r.Header.Values(name), " + ")
					}
					require.Equal(t, want, got, name)
				}
			})
			eachProxy(t, conf(single, c.location), start, test)
		})
	}
}

const kept = `proxy_http_version 1.1; proxy_set_header Connection "";`

func TestBothKeepConnectionsAlike(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, upstream, location string
		want                     int // connections for six requests
		since                    int // the same from nginx 1.29.7 on
	}{
		{"not by default", single, "", 6, 1},
		{"not with HTTP/1.0 by default", single + "keepalive 8;", "", 6, 1},
		{"not with HTTP/1.0", single + "keepalive 8;", "proxy_http_version 1.0;", 6, 6},
		{"not while Connection says close by default", single + "keepalive 8;", "proxy_http_version 1.1;", 6, 1},
		{"not while Connection says close", single + "keepalive 8;", "proxy_http_version 1.1; proxy_set_header Connection close;", 6, 6},
		{"not without keepalive", single, kept, 6, 1},
		{"with all three", single + "keepalive 8;", kept, 1, 1},
		{"for so many requests", single + "keepalive 8; keepalive_requests 3;", kept, 2, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
				for range 6 {
					status, _ := f.send(t, http.MethodGet, "/")
					require.Equal(t, 200, status)
				}
				want := c.want
				if f.keeps {
					want = c.since
				}
				require.Equal(t, want, u.connected())
			})
			eachProxy(t, conf(c.upstream, c.location), start, test)
		})
	}
}

// A connection that nobody needs is closed, also when no request ever comes again.
func TestBothLetGoOfAnIdleConnection(t *testing.T) {
	t.Parallel()
	start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
		status, _ := f.send(t, http.MethodGet, "/")
		require.Equal(t, 200, status)
		require.Eventually(t, func() bool { return u.over() == 1 }, 30*time.Second, 5*time.Millisecond)
	})
	eachProxy(t, conf(single+"keepalive 8; keepalive_timeout 100ms;", kept), start, test)
}

// A kept connection that the server closes as a request arrives costs a request that
// must not run twice, and an idempotent one is sent again, even to the same server.
func TestBothTreatADyingKeptConnectionAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ methods, want, told string }{
		{"GET GET", "200 200", "1:0:200 1:0:0 2:0:200"},
		{"GET POST", "200 502", "1:0:200 1:0:0"},
	} {
		t.Run(c.methods, func(t *testing.T) {
			t.Parallel()
			start := func(t *testing.T) []string {
				address := startUpstream(t, answersOnce()).address
				return []string{address, refusing(t)}
			}
			eachProxy(t, conf(single+"keepalive 8;", kept), start, func(t *testing.T, f *front) {
				var statuses []string
				for method := range strings.FieldsSeq(c.methods) {
					status, _ := f.send(t, method, "/")
					statuses = append(statuses, fmt.Sprint(status))
				}
				require.Equal(t, c.want, strings.Join(statuses, " "))
				require.Equal(t, c.told, f.told())
			})
		})
	}
}

// locationsConf is a configuration with other locations beside the one that is passed on.
func locationsConf(server string) string {
	return strings.Replace(conf(single, ""), "  location / {", server+"\n  location / {", 1)
}

func TestBothChooseTheSameLocation(t *testing.T) {
	t.Parallel()
	const server = `
  location /metrics { return 404; }
  location = /readyz { return 403; }
  location ^~ /static/ { return 410; }
  location ~ ^/(healthz|faults)(/|$) { return 401; }
  location ~ /panic$ { return 402; }
  location ~* \.php$ { return 451; }`
	start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
		for path, want := range map[string]int{
			"/metrics": 404, "/metrics/": 404, "/metricsx": 404, "/metrics?a=b": 404, "/METRICS": 200,
			"//metrics": 404, "/%6Detrics": 404, "/./metrics": 404, "/events/../metrics": 404, "/events/%2e%2e/metrics": 404, "/events/metrics": 200,
			"/readyz": 403, "/readyz/": 200, "/readyz/.": 200, "/x/../readyz": 403,
			"/healthz": 401, "/healthz/": 401, "/healthzx": 200, "/faults/panic": 401, "/other/panic": 402,
			"/static/a.PHP": 410, "/events.PHP": 451, "/a/../../metrics": 400,
		} {
			status, _ := f.send(t, http.MethodGet, path)
			require.Equal(t, want, status, path)
		}
	})
	eachProxy(t, locationsConf(server), start, test)
}

func TestBothLetTheSameClientsIn(t *testing.T) {
	t.Parallel()
	const server = `
  deny 127.0.0.1;
  location /inherits { proxy_pass http://boxoffice; }
  location /others { allow 127.0.0.2; allow 10.0.0.0/8; deny all; proxy_pass http://boxoffice; }
  location /here { allow 127.0.0.0/8; deny all; proxy_pass http://boxoffice; }
  location /not-here { deny 127.0.0.1; allow all; proxy_pass http://boxoffice; }
  location /all { allow all; proxy_pass http://boxoffice; }
  location /first { return 204; deny all; }`
	start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
		for path, want := range map[string]int{
			"/": 403, "/inherits": 403, "/others": 403, "/here": 200, "/not-here": 403, "/all": 200, "/first": 204,
		} {
			status, _ := f.send(t, http.MethodGet, path)
			require.Equal(t, want, status, path)
		}
	})
	eachProxy(t, locationsConf(server), start, test)
}

func TestBothLimitBodiesAlike(t *testing.T) {
	t.Parallel()
	body := func(n int) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", n))), int64(n)
		}
	}
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	for _, c := range []struct {
		name, location string
		size           int
		also           func(*http.Request)
		want           int
	}{
		{"a megabyte by default", "", 1 << 20, func(*http.Request) {}, 200},
		{"and not a byte more", "", 1<<20 + 1, func(*http.Request) {}, 413},
		{"as it is said", "client_max_body_size 10k;", 10<<10 + 1, func(*http.Request) {}, 413},
		{"in chunks too", "client_max_body_size 10k;", 10<<10 + 1, chunked, 413},
		{"0 is no limit", "client_max_body_size 0;", 3 << 20, func(*http.Request) {}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start, test := one(says(200, "ok"), func(t *testing.T, f *front, u *upstreamUnderTest) {
				status, _ := f.send(t, http.MethodPost, "/", body(c.size), c.also)
				require.Equal(t, c.want, status)
				if c.want == 200 {
					require.Len(t, u.bodies[0], c.size)
				} else {
					require.Empty(t, u.asked(), "the instance sees nothing of it")
				}
			})
			eachProxy(t, conf(single, c.location), start, test)
		})
	}
}

func TestBothTryAServerAgainAfterItsFailTimeout(t *testing.T) {
	t.Parallel()
	servers := "server api-1:8080 fail_timeout=1s; server api-2:8080;"
	start := func(t *testing.T) []string { return []string{refusing(t), startUpstream(t, says(200, "b")).address} }
	eachProxy(t, conf(servers, ""), start, func(t *testing.T, f *front) {
		f.send(t, http.MethodGet, "/")
		f.send(t, http.MethodGet, "/")
		require.Equal(t, "1:0:0 2:1:200 1:1:200", f.told())
		require.Eventually(t, func() bool {
			f.send(t, http.MethodGet, "/")
			records := f.records()
			return records[len(records)-1].Attempt == 2
		}, 20*time.Second, 50*time.Millisecond, "after the time-out it is tried again")
	})
}

func TestBothLetGoOfTheServerWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	left := make(chan string, 2)
	behave := func(r *http.Request, w net.Conn) bool {
		_, _ = io.Copy(io.Discard, w)
		left <- "left"
		return false
	}
	start, test := one(behave, func(t *testing.T, f *front, u *upstreamUnderTest) {
		c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		require.NoError(t, err)
		_, _ = fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.Eventually(t, func() bool { return len(u.asked()) == 1 }, 10*time.Second, time.Millisecond)
		_ = c.Close()
		select {
		case <-left:
		case <-time.After(10 * time.Second):
			t.Fatal("the server works on for a client that is gone")
		}
		f.answered()
		require.Eventually(t, func() bool { return f.told() == "1:0:0" }, 10*time.Second, time.Millisecond)
		require.Equal(t, "the client hung up", f.records()[0].Err)
	})
	eachProxy(t, conf(single, ""), start, test)
}

func TestBothRefuseABrokenFile(t *testing.T) {
	t.Parallel()
	good := conf("", "")
	for _, c := range []struct {
		name, conf string
		line       int
		says       string
	}{
		{"a missing semicolon", strings.Replace(good, "http://boxoffice;", "http://boxoffice", 1), 11, `unexpected "}"`},
		{"a brace too few", strings.TrimSuffix(good, "}\n"), 12, `unexpected end of file`},
		{"a wrong value", conf("", "proxy_read_timeout soon;"), 10, `invalid value`},
		{"an upstream that isn't there", strings.Replace(good, "http://boxoffice", "http://box", 1), 9, `host not found in upstream "box"`},
		{"an unknown reason", conf("", "proxy_next_upstream http_200;"), 10, `invalid value "http_200"`},
		{"an address that is none", conf("", "deny everybody;"), 10, `invalid parameter "everybody"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start := map[string]func(*Conf) error{
				"stand-in": func(read *Conf) error { _, err := StartStandIn(read); return err },
			}
			if program, err := nginx.Find(); err == nil {
				start["nginx"] = func(read *Conf) error { _, err := StartNginx(program, read, "", io.Discard); return err }
			}
			for name, start := range start {
				read, err := ReadConf(c.conf, []string{"127.0.0.1:1", "127.0.0.1:2"}, func(string) string { return "127.0.0.1:1" })
				if err == nil {
					err = start(read)
				}
				var wrong *ConfError
				require.ErrorAs(t, err, &wrong, name)
				require.Contains(t, wrong.What, c.says, name)
				require.Equal(t, c.line, wrong.Line, name)
			}
		})
	}
}

func TestTheStandInSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		conf, says string
		line       int
	}{
		{conf("ip_hash;", ""), `"ip_hash" in an upstream`, 2},
		{conf("server api-1:8080 slow_start=30s;", ""), `the parameter "slow_start=30s" of a server`, 2},
		{conf("", "proxy_cache tickets;"), `"proxy_cache"`, 10},
		{conf("", "proxy_request_buffering off;"), `"proxy_request_buffering"`, 10},
		{conf("", "proxy_set_header X-Id $connection;"), "the variable $connection", 10},
		{conf("", "") + "server { listen 8081; }", "a second server", 13},
		{strings.Replace(conf("", ""), "location /", "location @away", 1), "location @away", 8},
		{strings.Replace(conf("", ""), "location /", "location ~ ^/(?!metrics)", 1), "location ~ ^/(?!metrics)", 8},
	} {
		read, err := ReadConf(c.conf, []string{"127.0.0.1:1", "127.0.0.1:2"}, func(port string) string { return port })
		require.NoError(t, err)
		_, err = StartStandIn(read)
		var unknown *UnknownError
		require.ErrorAs(t, err, &unknown)
		require.Contains(t, unknown.Error(), "doesn't know "+c.says)
		require.Equal(t, c.line, unknown.Line, c.says)
	}
}
