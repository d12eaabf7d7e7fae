package companion

import (
	"crypto/subtle"
	"net"
	"net/http"
	"path"
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
	return harden(ownOnly(hostsOf(addr), insideOnly(mux)))
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

// hostsOf are the names under which a browser on this machine reaches the address.
func hostsOf(addr net.Addr) []string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	var hosts []string
	for _, name := range []string{"127.0.0.1", "localhost", "::1", host} {
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return hosts
}

// ownOnly refuses what another site sent: a name that leads here but isn't one of ours
// (DNS rebinding), and a request that a foreign page made.
func ownOnly(hosts []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		switch {
		case !slices.Contains(hosts, r.Host):
			refuse(w, "this companion answers at "+hosts[0]+" only")
		case origin != "" && origin != "http://"+r.Host:
			refuse(w, "this companion doesn't answer to pages of other sites")
		case r.Header.Get("Sec-Fetch-Site") == "cross-site" && strings.HasPrefix(r.URL.Path, "/api/"):
			refuse(w, "this companion doesn't answer to pages of other sites")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

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
