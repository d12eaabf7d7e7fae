package balancer

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UnknownError says that the stand-in doesn't know what nginx may know.
type UnknownError struct {
	Line int
	// What it doesn't know, in words.
	What string
}

func (e *UnknownError) Error() string { return "the stand-in for nginx doesn't know " + e.What }

// location is a part of the URLs, with all that holds in it.
type location struct {
	prefix  string
	exact   bool           // =
	final   bool           // ^~: no pattern is tried once this prefix is the longest
	pattern *regexp.Regexp // ~ and ~*; nil for one that has a prefix
	settings
}

// settings are what holds in a block: what stands in it, and else what holds around it.
type settings struct {
	pass     string      // the address or upstream of proxy_pass; "" without one
	headers  [][2]string // of proxy_set_header: name and value
	version  string
	timeouts timeouts
	maxBody  int64 // bytes; 0: any

	next        map[string]bool // when to try the next server
	nextTries   int
	nextTimeout time.Duration

	status int // of return; 0 without
	text   string
	access []accessRule // the first that fits decides
}

// accessRule is an allow or a deny.
type accessRule struct {
	allow bool
	who   netip.Prefix // the zero value: everybody
}

// defaults are nginx's own.
var defaults = settings{
	version:  "1.0",
	timeouts: timeouts{connect: time.Minute, send: time.Minute, read: time.Minute},
	maxBody:  1 << 20,
	next:     map[string]bool{"error": true, "timeout": true},
}

// directives are those that mean something to the stand-in, with what they set.
var directives = map[string]func(*settings, []string) error{
	"proxy_pass": func(s *settings, args []string) (err error) {
		s.pass, err = passTo(args[0])
		return err
	},
	"proxy_http_version": func(s *settings, args []string) error {
		if args[0] != "1.0" && args[0] != "1.1" {
			return fmt.Errorf("invalid value %q", args[0])
		}
		s.version = args[0]
		return nil
	},
	"proxy_connect_timeout":       func(s *settings, args []string) error { return setTime(&s.timeouts.connect, args[0]) },
	"proxy_send_timeout":          func(s *settings, args []string) error { return setTime(&s.timeouts.send, args[0]) },
	"proxy_read_timeout":          func(s *settings, args []string) error { return setTime(&s.timeouts.read, args[0]) },
	"proxy_next_upstream_timeout": func(s *settings, args []string) error { return setTime(&s.nextTimeout, args[0]) },
	"proxy_next_upstream_tries": func(s *settings, args []string) (err error) {
		s.nextTries, err = strconv.Atoi(args[0])
		return err
	},
	"proxy_next_upstream": func(s *settings, args []string) error {
		s.next = map[string]bool{}
		for _, arg := range args {
			if !slices.Contains(nextReasons, arg) {
				return fmt.Errorf("invalid value %q", arg)
			}
			s.next[arg] = true
		}
		if s.next["off"] {
			s.next = nil
		}
		return nil
	},
	"client_max_body_size": func(s *settings, args []string) (err error) {
		s.maxBody, err = parseSize(args[0])
		return err
	},
	"return": func(s *settings, args []string) (err error) {
		s.status, err = strconv.Atoi(args[0])
		s.text = strings.Join(args[1:], " ")
		return err
	},
}

// accessOf reads an allow or a deny.
func accessOf(name string, args []string) (accessRule, error) {
	r := accessRule{allow: name == "allow"}
	if len(args) != 1 {
		return r, fmt.Errorf("invalid number of arguments")
	}
	if args[0] == "all" {
		return r, nil
	}
	address, err := netip.ParseAddr(args[0])
	if err == nil {
		r.who = netip.PrefixFrom(address, address.BitLen())
		return r, nil
	}
	if r.who, err = netip.ParsePrefix(args[0]); err != nil {
		return r, fmt.Errorf("invalid parameter %q", args[0])
	}
	return r, nil
}

// lets reports whether the client at the address gets past allow and deny.
func (s *settings) lets(address string) bool {
	client, _ := netip.ParseAddr(address)
	for _, rule := range s.access {
		if rule.who == (netip.Prefix{}) || rule.who.Contains(client) {
			return rule.allow
		}
	}
	return true
}

// nextReasons are the values of proxy_next_upstream.
var nextReasons = []string{
	"error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504", "http_403", "http_404",
	"http_429", "non_idempotent", "off",
}

// harmless are directives that change nothing of what the steps look at.
var harmless = words(`access_log error_log log_format log_not_found types default_type charset index root server_name
	server_tokens sendfile tcp_nopush tcp_nodelay keepalive_timeout keepalive_requests keepalive_time send_timeout
	reset_timedout_connection client_body_timeout client_header_timeout client_body_buffer_size
	client_header_buffer_size large_client_header_buffers client_body_temp_path proxy_temp_path
	proxy_buffering proxy_buffer_size proxy_buffers proxy_busy_buffers_size proxy_max_temp_file_size proxy_redirect
	proxy_hide_header proxy_pass_header proxy_socket_keepalive proxy_headers_hash_max_size
	proxy_headers_hash_bucket_size gzip gzip_types gzip_min_length gzip_comp_level gzip_vary gzip_proxied
	gzip_disable gzip_buffers gzip_http_version add_header expires etag error_page variables_hash_max_size
	server_names_hash_bucket_size`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		set[word] = true
	}
	return set
}

// unknown is what the stand-in doesn't know; the line is put in later.
func unknown(format string, args ...any) error {
	return &UnknownError{What: fmt.Sprintf(format, args...)}
}

// inherit are the settings of a block within another.
func (s settings) inherit(block []directive, but ...string) (settings, error) {
	s.next = maps.Clone(s.next)
	s.pass, s.status = "", 0
	headers, access := [][2]string(nil), []accessRule(nil)
	for _, d := range block {
		name, args := d.name.text, d.arguments()
		set, means := directives[name]
		var err error
		switch {
		case slices.Contains(but, name) || harmless[name]:
		case name == "proxy_request_buffering" && slices.Equal(args, []string{"on"}):
		case name == "proxy_set_header":
			if err = checkHeader(args); err == nil {
				headers = append(headers, [2]string{args[0], args[1]})
			}
		case name == "allow" || name == "deny":
			var rule accessRule
			rule, err = accessOf(name, args)
			access = append(access, rule)
		case !means:
			err = unknown("%q", name)
		case len(args) == 0:
			err = fmt.Errorf("invalid number of arguments")
		case s.status != 0 && name == "return": // the first counts
		default:
			err = set(&s, args)
		}
		if err != nil {
			return s, d.blame(err)
		}
	}
	if headers != nil { // one header set here, and none of around holds any more
		s.headers = headers
	}
	if access != nil { // likewise
		s.access = access
	}
	return s, nil
}

func (d directive) arguments() []string {
	args := make([]string, len(d.args))
	for i, arg := range d.args {
		args[i] = arg.text
	}
	return args
}

// blame says which directive an error is about.
func (d directive) blame(err error) error {
	switch e := err.(type) {
	case *syntaxError:
		return e
	case *UnknownError:
		if e.Line == 0 {
			e.Line = d.name.line
		}
		return e
	}
	return wrong(d.name.line, "%v in %q directive", err, d.name.text)
}

// variable matches a variable in a value, as $name or ${name}.
var variable = regexp.MustCompile(`\$(?:\w+|\{\w+\})`)

// checkHeader checks the arguments of proxy_set_header.
func checkHeader(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("invalid number of arguments")
	}
	for _, name := range variable.FindAllString(args[1], -1) {
		if name = strings.Trim(name, "${}"); !plainVariables[name] && !strings.HasPrefix(name, "http_") {
			return unknown("the variable $%s", name)
		}
	}
	return nil
}

// passTo is the host of a proxy_pass without a path.
func passTo(target string) (string, error) {
	host, ok := strings.CutPrefix(target, "http://")
	switch {
	case !ok:
		return "", unknown("proxy_pass to %s", target)
	case strings.ContainsAny(host, "/$"):
		return "", unknown("proxy_pass with a path or a variable, as in %s", target)
	}
	return host, nil
}

func setTime(to *time.Duration, text string) (err error) {
	*to, err = parseTime(text)
	return err
}

// timeUnits are nginx's; a number without one is in seconds.
var timeUnits = map[string]time.Duration{
	"ms": time.Millisecond, "": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseTime reads a time as nginx writes it: 500ms, 5s, 5, 1m30s.
func parseTime(text string) (time.Duration, error) {
	var total time.Duration
	for rest := text; rest != "" || text == ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		letters := len(rest[digits:]) - len(strings.TrimLeft(rest[digits:], "mshd"))
		number, err := strconv.Atoi(rest[:digits])
		unit, known := timeUnits[rest[digits:digits+letters]]
		if err != nil || !known {
			return 0, fmt.Errorf("invalid value %q", text)
		}
		total += time.Duration(number) * unit
		rest = rest[digits+letters:]
	}
	return total, nil
}

// parseSize reads a size in bytes, or with k, m or g.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(strings.ToLower(text), "kmg")
	number, err := strconv.ParseInt(digits, 10, 64)
	shift, known := map[string]int{"": 0, "k": 10, "m": 20, "g": 30}[strings.ToLower(text)[len(digits):]]
	if err != nil || !known {
		return 0, fmt.Errorf("invalid value %q", text)
	}
	return number << shift, nil
}

// upstreamOf reads an upstream block.
func upstreamOf(d directive) (*upstream, error) {
	u := &upstream{pool: pool{idle: time.Minute, requests: 1000}}
	if len(d.args) != 1 {
		return nil, d.blame(fmt.Errorf("invalid number of arguments"))
	}
	u.name = d.args[0].text
	for _, inner := range d.block {
		if err := u.set(inner.name.text, inner.arguments()); err != nil {
			return nil, inner.blame(err)
		}
	}
	if len(u.peers) == 0 {
		return nil, wrong(d.name.line, "no servers are inside upstream")
	}
	return u, nil
}

// upstreamDirectives are those of an upstream that have arguments.
var upstreamDirectives = words("server keepalive keepalive_timeout keepalive_requests keepalive_time")

func (u *upstream) set(name string, args []string) (err error) {
	if len(args) == 0 && upstreamDirectives[name] {
		return fmt.Errorf("invalid number of arguments")
	}
	switch name {
	case "server":
		var p *peer
		if p, err = peerOf(args); err == nil {
			u.peers = append(u.peers, p)
		}
	case "keepalive":
		u.pool.size, err = strconv.Atoi(args[0])
	case "keepalive_timeout":
		u.pool.idle, err = parseTime(args[0])
	case "keepalive_requests":
		u.pool.requests, err = strconv.Atoi(args[0])
	case "least_conn":
		u.leastConn = true
	case "zone", "keepalive_time":
	default:
		err = unknown("%q in an upstream", name)
	}
	return err
}

func peerOf(args []string) (*peer, error) {
	p := &peer{address: args[0], weight: 1, maxFails: 1, failTimeout: 10 * time.Second}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "weight":
			p.weight, err = strconv.Atoi(value)
		case "max_fails":
			p.maxFails, err = strconv.Atoi(value)
		case "fail_timeout":
			p.failTimeout, err = parseTime(value)
		case "max_conns":
			p.maxConns, err = strconv.Atoi(value)
		case "down":
			p.down = true
		case "backup":
			p.backup = true
		default:
			err = unknown("the parameter %q of a server", arg)
		}
		if err != nil {
			return nil, err
		}
	}
	p.effective = p.weight
	return p, nil
}
