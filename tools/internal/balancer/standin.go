package balancer

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// StandIn does what open source nginx 1.22 to 1.29.6 does with a configuration, as far as it
// concerns requests that are passed on to upstreams. A table of tests compares the two.
type StandIn struct {
	// URL is where it listens, as http://127.0.0.1:PORT.
	URL string

	instances []string
	upstreams map[string]*upstream
	locations []*location
	records   records
	stop      func()
}

// StartStandIn starts the stand-in. The error is a *ConfError, an *UnknownError, or that
// it can't listen.
func StartStandIn(c *Conf) (*StandIn, error) {
	s := &StandIn{instances: c.instances, upstreams: map[string]*upstream{}}
	if err := s.configure(c.directives); err != nil {
		if _, ok := err.(*UnknownError); ok {
			return nil, err
		}
		return nil, confError(err)
	}
	address, stop, err := listen("127.0.0.1:0", http.HandlerFunc(s.serve))
	if err != nil {
		return nil, fmt.Errorf("start the stand-in for nginx: %w", err)
	}
	s.URL, s.stop = "http://"+address, stop
	return s, nil
}

// Close ends it, and the requests that it is busy with.
func (s *StandIn) Close() {
	s.stop()
	for _, u := range s.upstreams {
		u.pool.close()
	}
}

// Records are the tries so far, in the order in which they were decided.
func (s *StandIn) Records() []Record { return s.records.all() }

// configure reads what stands inside http{}.
func (s *StandIn) configure(list []directive) error {
	around, err := defaults.inherit(list, "upstream", "server")
	if err != nil {
		return err
	}
	for _, d := range list {
		if d.name.text == "upstream" {
			u, err := upstreamOf(d)
			if err != nil {
				return err
			}
			s.upstreams[u.name] = u
		}
	}
	servers := 0
	for _, d := range list {
		if d.name.text != "server" {
			continue
		}
		if servers++; servers > 1 {
			return d.blame(unknown("a second server"))
		}
		if err := s.server(around, d); err != nil {
			return err
		}
	}
	if servers == 0 {
		return wrong(1, "there is no server")
	}
	return nil
}

func (s *StandIn) server(around settings, d directive) error {
	within, err := around.inherit(d.block, "listen", "location")
	if err != nil {
		return err
	}
	if within.status != 0 {
		s.locations = append(s.locations, &location{prefix: "/", settings: within})
		return nil
	}
	for _, inner := range d.block {
		if inner.name.text != "location" {
			continue
		}
		l, err := locationOf(inner, within)
		if err != nil {
			return err
		}
		if l.pass != "" && s.upstreams[l.pass] == nil {
			if _, _, err := net.SplitHostPort(l.pass); err != nil {
				return wrong(lineOf(inner, "proxy_pass"), "host not found in upstream %q", l.pass)
			}
			s.upstreams[l.pass] = &upstream{name: l.pass, peers: []*peer{{address: l.pass, weight: 1, effective: 1}}}
		}
		s.locations = append(s.locations, l)
	}
	return nil
}

// lineOf is the line of a directive in a block.
func lineOf(d directive, name string) int {
	for _, inner := range d.block {
		if inner.name.text == name {
			return inner.name.line
		}
	}
	return d.name.line
}

func locationOf(d directive, within settings) (*location, error) {
	args := d.arguments()
	l := &location{}
	var err error
	switch {
	case len(args) == 1 && strings.HasPrefix(args[0], "/"):
		l.prefix = args[0]
	case len(args) == 2 && (args[0] == "=" || args[0] == "^~"):
		l.prefix, l.exact, l.final = args[1], args[0] == "=", args[0] == "^~"
	case len(args) == 2 && (args[0] == "~" || args[0] == "~*"):
		flags := map[string]string{"~": "", "~*": "(?i)"}[args[0]]
		l.pattern, err = regexp.Compile(flags + args[1])
	}
	if l.prefix == "" && l.pattern == nil || err != nil { // or a pattern that only nginx's library knows
		return nil, d.blame(unknown("location %s", strings.Join(args, " ")))
	}
	l.settings, err = within.inherit(d.block)
	return l, err
}

// locate finds the location of a path: an exact one, else the first whose pattern fits,
// else the longest prefix.
func (s *StandIn) locate(path string) *location {
	var best, fits *location
	for _, l := range s.locations {
		switch {
		case l.exact && l.prefix == path:
			return l
		case l.exact:
		case l.pattern != nil && fits == nil && l.pattern.MatchString(path):
			fits = l
		case l.pattern == nil && strings.HasPrefix(path, l.prefix) && (best == nil || len(l.prefix) > len(best.prefix)):
			best = l
		}
	}
	if fits != nil && (best == nil || !best.final) {
		return fits
	}
	return best
}

// normal is a path as locations see it: without dots and doubled slashes. ok is false for
// one that leads above the root.
func normal(asked string) (p string, ok bool) {
	depth := 0
	for part := range strings.SplitSeq(asked, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return "", false
			}
		default:
			depth++
		}
	}
	p = path.Clean(asked)
	last := asked[strings.LastIndex(asked, "/")+1:]
	if p != "/" && (last == "" || last == "." || last == "..") {
		p += "/"
	}
	return p, true
}

func (s *StandIn) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "nginx")
	asked, ok := normal(r.URL.Path)
	if !ok {
		page(w, http.StatusBadRequest)
		return
	}
	l := s.locate(asked)
	switch {
	case l == nil:
		page(w, http.StatusNotFound)
		return
	case l.status != 0 && l.text != "":
		w.WriteHeader(l.status)
		_, _ = w.Write([]byte(l.text))
		return
	case l.status != 0:
		page(w, l.status)
		return
	case !l.lets(remoteAddr(r)):
		page(w, http.StatusForbidden)
		return
	case l.pass == "":
		page(w, http.StatusNotFound)
		return
	}
	body, err := readWhole(r, l.maxBody)
	switch {
	case err == errTooLarge:
		// As nginx does: whoever is still sending would else hear of a reset connection.
		_, _ = io.CopyN(io.Discard, r.Body, lingering)
		page(w, http.StatusRequestEntityTooLarge)
	case err != nil:
		panic(http.ErrAbortHandler) // the client broke off
	default:
		s.proxy(w, r, l, l.forward(r, body))
	}
}

// lingering is how much of a body that is too large is read and thrown away, in bytes.
const lingering = 64 << 20

// page is an answer of nginx itself.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%[1]s</title></head>\r\n<body>\r\n<center><h1>%[1]s</h1></center>\r\n<hr><center>nginx (stand-in)</center>\r\n</body>\r\n</html>\r\n", title)
}

// proxy asks one server after another, as ngx_http_upstream_next does.
func (s *StandIn) proxy(w http.ResponseWriter, r *http.Request, l *location, out *outgoing) {
	u := s.upstreams[l.pass]
	turn, began := u.turn(l.nextTries), time.Now()
	var freed sync.Once
	for attempt := 1; ; attempt++ {
		record := Record{Method: r.Method, Path: r.RequestURI, Instance: -1, Attempt: attempt, At: time.Now()}
		p := turn.next()
		if p == nil {
			record.Err = "no live upstreams"
			s.records.add(record)
			page(w, http.StatusBadGateway)
			return
		}
		record.Instance = slices.Index(s.instances, p.address)
		reply, failed := u.pool.try(r.Context(), p.address, r.Method, out.send, l.timeouts)
		if failed == nil {
			record.Status = reply.StatusCode
			why := fmt.Sprintf("http_%d", reply.StatusCode)
			if turn.left > 1 && slices.Contains(nextReasons, why) && l.mayGoOn(why, r.Method, true, began) {
				reply.done(false)
				turn.free(p, true)
				s.records.add(record)
				continue
			}
			letGo := reply.done
			reply.done = func(whole bool) {
				freed.Do(func() { turn.free(p, false) })
				letGo(whole)
			}
			finish(r.Context(), w, reply, &s.records, s.records.add(record))
			return
		}
		record.Err = failed.Error()
		s.records.add(record)
		turn.free(p, failed.reason != left)
		if failed.reason == left {
			return
		}
		if failed.old && failed.reason == broken {
			turn.left++
		}
		if why := ways[failed.reason]; turn.left == 0 || !l.mayGoOn(why.name, r.Method, failed.sent, began) {
			page(w, why.status)
			return
		}
	}
}

// ways are the words of proxy_next_upstream for failures, and what the client hears when
// there is no next.
var ways = map[reason]struct {
	name   string
	status int
}{
	broken:  {"error", http.StatusBadGateway},
	late:    {"timeout", http.StatusGatewayTimeout},
	invalid: {"invalid_header", http.StatusBadGateway},
}

// mayGoOn reports whether the configuration lets a request be tried again. Methods that
// must not run twice need non_idempotent once the request was sent.
func (l *location) mayGoOn(why, method string, sent bool, began time.Time) bool {
	once := sent && (method == http.MethodPost || method == http.MethodPatch || method == "LOCK")
	switch {
	case !l.next[why], once && !l.next["non_idempotent"]:
		return false
	}
	return l.nextTimeout == 0 || time.Since(began) < l.nextTimeout
}

// forward is the request as the servers get it.
func (l *location) forward(r *http.Request, body []byte) *outgoing {
	header := passable(r.Header)
	for name := range header {
		if strings.Contains(name, "_") {
			delete(header, name) // underscores_in_headers is off
		}
	}
	header["Host"], header["Connection"] = []string{l.pass}, []string{"close"}
	vars := variables{r, l.pass, ""}
	for _, set := range l.headers {
		name := http.CanonicalHeaderKey(set[0])
		if value := vars.expand(set[1]); value != "" {
			header[name] = []string{value}
		} else {
			delete(header, name)
		}
	}
	return &outgoing{
		method: r.Method, target: r.RequestURI, version: l.version, header: header,
		body: body, hasBody: announcesBody(r),
	}
}

// variables are what nginx knows of a request.
type variables struct {
	r    *http.Request
	pass string
	id   string // of the request, once it was asked for
}

// expand puts the values of variables into a text.
func (v *variables) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		return v.value(strings.Trim(name, "${}"))
	})
}

// plainVariables are those whose name says all; $http_NAME and $arg_NAME exist besides.
var plainVariables = words(`remote_addr proxy_add_x_forwarded_for host http_host proxy_host request_id scheme
	request_method request_uri server_protocol`)

func (v *variables) value(name string) string {
	switch name {
	case "remote_addr":
		return remoteAddr(v.r)
	case "proxy_add_x_forwarded_for":
		return forwardedFor(v.r)
	case "host":
		host := v.r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		return strings.ToLower(host)
	case "http_host":
		return v.r.Host
	case "proxy_host":
		return v.pass
	case "scheme":
		return "http"
	case "request_method":
		return v.r.Method
	case "request_uri":
		return v.r.RequestURI
	case "server_protocol":
		return v.r.Proto
	case "request_id":
		if v.id == "" {
			random := make([]byte, 16)
			_, _ = rand.Read(random)
			v.id = hex.EncodeToString(random)
		}
		return v.id
	}
	header := strings.ReplaceAll(strings.TrimPrefix(name, "http_"), "_", "-")
	return strings.Join(v.r.Header.Values(header), ", ")
}
