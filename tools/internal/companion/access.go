package companion

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/learner"
)

// tokenHeader holds the page's token.
const tokenHeader = "X-Workshop-Token"

// handler answers what comes for this address, and nothing that comes from elsewhere.
func (c *Companion) handler(addr net.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/state", only(http.MethodGet, http.HandlerFunc(c.serveState)))
	mux.Handle("/api/about", only(http.MethodGet, http.HandlerFunc(c.serveAbout)))
	mux.Handle("/api/events", only(http.MethodGet, http.HandlerFunc(c.stream)))
	mux.Handle("/api/run", c.action(c.runNow))
	mux.Handle("/api/hint", c.action(c.openHint))
	mux.Handle("/api/step", c.action(c.goTo))
	mux.Handle("/api/reset", c.restore(learner.NewReset))
	mux.Handle("/api/solve", c.restore(learner.NewSolve))
	mux.Handle("/", only(http.MethodGet, http.HandlerFunc(c.servePage)))
	return harden(c.ownOnly(addr, insideOnly(mux)))
}

// policy allows what a page of the site needs: its own files, and no code or style in it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// harden says to browsers what they may do with answers: nothing from elsewhere in them,
// nothing of them elsewhere, nothing kept.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// ownOnly refuses what another site sent: a name that leads here but isn't one of ours
// (DNS rebinding), and a request that a foreign page made.
//
// Every name of the loopback interface is ours, with any port: a forwarded port may have another
// number at the browser's end. No name server can lead these names elsewhere, and a page that
// another program of this machine serves has another origin.
func (c *Companion) ownOnly(addr net.Addr, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, here := r.Header.Get("Origin"), isLoopback(r.Host)
		named := func(o string) bool { return strings.HasSuffix(o, "://"+r.Host) }
		switch {
		case !here && !slices.ContainsFunc(c.Origins, named):
			c.refuseForeign(w, r, addr)
		case origin != "" && !(here && origin == "http://"+r.Host) && !slices.Contains(c.Origins, origin):
			c.refuseForeign(w, r, addr)
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && strings.HasPrefix(r.URL.Path, "/api/"):
			refuse(w, "this companion doesn't answer to pages of other sites")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopback reports whether a host, perhaps with a port, is a name of this machine alone.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ErrNoOrigin says that a text is no origin.
var ErrNoOrigin = errors.New("an origin is what stands before the path in the browser's address bar, such as https://name-8090.example.dev")

// Origin is the origin at the beginning of a URL.
func Origin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", ErrNoOrigin
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// refuseForeign says to whoever comes by another name how to be let in. It tells a foreign page
// nothing that this one doesn't know.
func (c *Companion) refuseForeign(w http.ResponseWriter, r *http.Request, addr net.Addr) {
	came := r.Header.Get("Origin")
	if came == "" || came == "null" {
		came = "https://" + r.Host
		if r.Header.Get("X-Forwarded-Proto") == "http" {
			came = "http://" + r.Host
		}
	}
	no := &refusal{status: http.StatusForbidden, Err: fmt.Sprintf("this companion answers at http://%s, and not to pages of other sites", addr)}
	if origin, err := Origin(came); err == nil && plainOrigin.MatchString(origin) {
		no.Next = "go tool workshop start --origin " + origin
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		reply(w, nil, no)
		return
	}
	w.Header().Set("Content-Type", types[".html"])
	w.WriteHeader(no.status)
	_ = foreignPage.Execute(w, map[string]string{"Addr": addr.String(), "Command": no.Next})
}

// plainOrigin is an origin that can be pasted into a shell.
var plainOrigin = regexp.MustCompile(`^https?://[a-z0-9.:-]+$`)

// foreignPage is for the person whose port is forwarded. It stands alone: the browser gets no style
// from here either.
var foreignPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not at this address</title>
<h1>The companion doesn't know this address</h1>
<p>It answers at <code>http://{{.Addr}}</code> on the machine that it runs on, so that no other site can use it.</p>
{{with .Command}}<p>If that machine is another one and you have forwarded its port to this address, end the companion with Ctrl-C, and start it again with</p>
<pre><code>{{.}}</code></pre>
<p>Keep the forwarded port private: whoever opens these pages can run and replace your code.</p>
{{end}}<p>The guide <q>On another machine</q> has the other ways: <code>site/content/guides/remote.md</code></p>
</html>
`))

func refuse(w http.ResponseWriter, why string) {
	reply(w, nil, &refusal{status: http.StatusForbidden, Err: why})
}

// insideOnly refuses paths that lead out of the site, however they are written. Pages are
// looked up by name, so they would lead nowhere; saying so at once is plainer.
func insideOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := r.URL.Path
		if !strings.HasPrefix(p, "/") || (path.Clean(p) != p && path.Clean(p)+"/" != p) || strings.ContainsAny(p, "\\\x00") {
			reply(w, nil, &refusal{status: http.StatusNotFound, Err: "there is no such page"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only lets requests of one method through; HEAD is a kind of GET.
func only(method string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
			w.Header().Set("Allow", method)
			reply(w, nil, &refusal{status: http.StatusMethodNotAllowed, Err: r.URL.Path + " takes " + method + " only"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// needsToken lets requests through that hold the token, which only pages of this
// companion know.
func (c *Companion) needsToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(c.token)) != 1 {
			refuse(w, "the page's token is missing or old; load the page again")
			return
		}
		next.ServeHTTP(w, r)
	})
}
