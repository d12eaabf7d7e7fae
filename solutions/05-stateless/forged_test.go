package main_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
	"example.com/boxoffice/tools/lab/contract"
)

// forgery is an app with two instances, a real token of the buyer, and what is needed
// to make false ones.
type forgery struct {
	*forger
	app   *lab.App
	real  string
	buyer contract.User
}

// startForgery proves first that both instances take the real token: where every
// token is refused, it is easy to refuse a false one. They log as in production: what is
// checked at LOG_LEVEL=debug alone isn't checked.
func startForgery(t *testing.T) *forgery {
	t.Helper()
	app := lab.Start(t, lab.Instances(2))
	f := &forgery{app: app, real: logInAt(app, lab.Buyer, 0)}
	const when = "the real token, before any false one (task 1 comes first)"
	requireMe(t, app, f.real, 0, lab.Buyer, when, itsOwn)
	requireMe(t, app, f.real, 1, lab.Buyer, when, anyInstance)
	meAt(app, f.real, 0).JSON(&f.buyer)
	f.forger = newForger(t, app, f.real, f.buyer.ID)
	return f
}

// requireRefused demands 401 for a false token, from both instances.
func (f *forgery) requireRefused(t *testing.T, token, what, why string) {
	t.Helper()
	for instance := range f.app.Instances {
		for _, request := range []*lab.Request{lab.GET("/me"), lab.DELETE("/sessions")} {
			answer := f.app.Do(request.As(token).On(instance))
			lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
				Measured: fmt.Sprintf("%s with %s answered %d", request, what, answer.Status),
				Expected: "401",
				Why:      why,
				Try:      f.curl(token, request),
			})
		}
	}
}

// curl is a command with the token itself, if it can be copied, and if it would do the
// same elsewhere: what is signed with this test's secret is worth nothing there.
func (f *forgery) curl(token string, request *lab.Request) string {
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' || r == '\'' }
	if len(token) > 600 || strings.ContainsFunc(token, unprintable) || f.signed(token) {
		return ""
	}
	method, path, _ := strings.Cut(request.String(), " ")
	return "go tool workshop run 05     (in another terminal)\n" +
		fmt.Sprintf("curl -i -X %s -H 'Authorization: Bearer %s' localhost:8080%s", method, token, path)
}

func TestTokenExpires(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	app := start(t, lab.Env("TOKEN_TTL=3s"))
	token := freshToken(app)
	requireMe(t, app, token, 0, lab.Buyer, "TOKEN_TTL=3s, right after the log-in", itsOwn)
	requireMe(t, app, token, 1, lab.Buyer, "TOKEN_TTL=3s, right after the log-in at A (task 1 comes first)", anyInstance)
	for instance := range app.Instances {
		lab.Eventually(t, 15*time.Second, func() bool { return meAt(app, token, instance).Status == http.StatusUnauthorized }, lab.Finding{
			Measured: fmt.Sprintf("TOKEN_TTL=3s, and GET /me at instance %s still takes the token", name(instance)),
			Expected: "401 once the time is over, without leeway, however often the token was used",
			Why:      "Tokens get into logs, backups and browser histories. One that never ends is a password that nobody can change.",
		})
	}
}

// freshToken logs in until the token has some of its short life left: a machine under
// load may take seconds for a log-in.
func freshToken(app *lab.App) (token string) {
	for range 5 {
		begin := time.Now()
		token = logInAt(app, lab.Buyer, 0)
		if time.Since(begin) < time.Second {
			break
		}
	}
	return token
}

func TestUnsignedTokensAreRefused(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	f := startForgery(t)
	const why = "The sender writes the header, so the sender would choose that nothing is checked. With this, anybody is anybody."
	signature := f.real[strings.LastIndex(f.real, ".")+1:]
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "null"} {
		unsigned := forge(t, fields{"alg": alg, "typ": "JWT"}, f.claims, nil)
		f.requireRefused(t, unsigned, fmt.Sprintf("an unsigned token (alg is %q)", alg), why)
		f.requireRefused(t, strings.TrimSuffix(unsigned, "."), fmt.Sprintf("an unsigned token of two parts (alg is %q)", alg), why)
		f.requireRefused(t, unsigned+signature, fmt.Sprintf("a token with alg %q and the signature of another", alg), why)
	}
	unsigned := segment(t, f.claims)
	f.requireRefused(t, segment(t, fields{"typ": "JWT"})+"."+unsigned+".", "an unsigned token (no alg at all)", why)
	f.requireRefused(t, segment(t, fields{"alg": f.alg})+"."+unsigned+".", fmt.Sprintf("an unsigned token (alg is %q, the signature is empty)", f.alg), why)
}

func TestOtherKeysAndAlgorithmsAreRefused(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	f := startForgery(t)
	issuer, _ := f.claims["iss"].(string)
	for _, key := range []string{"", "secret", issuer, "boxoffice", "TOKEN_SECRET", "changeme", strings.Repeat("0", 32), f.app.TokenSecret[:16]} {
		f.requireRefused(t, forge(t, fields{"alg": f.alg, "typ": "JWT"}, f.claims, []byte(key)),
			fmt.Sprintf("a token signed with the key %q", key),
			"Lists of such keys are tried on every API that is found. A secret that can be guessed, or that stands in the code, is none.")
	}
	f.requireRefused(t, forge(t, fields{"alg": f.alg, "typ": "JWT", "kid": "../../../dev/null"}, f.claims, nil),
		"a token signed with an empty key, whose kid is ../../../dev/null", "The sender writes the header. It must not choose the key.")
	f.requireRefused(t, f.withKeyInside(t), "a token that brings the key to check it with", "The sender writes the header. It must not choose the key.")

	for _, alg := range slices.Sorted(maps.Keys(hmacs)) {
		if alg == f.alg {
			continue
		}
		f.requireRefused(t, forge(t, fields{"alg": alg, "typ": "JWT"}, f.claims, f.key),
			fmt.Sprintf("a token signed with %s, where the API signs with %s", alg, f.alg),
			"The sender chose the algorithm. Where that is allowed, one weak algorithm, or one key that two of them understand differently, opens the door.")
	}
}

// withKeyInside is a token signed with a key of the attacker's, which its header holds.
func (f *forgery) withKeyInside(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	jwk := fields{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	content := segment(t, fields{"alg": "EdDSA", "typ": "JWT", "jwk": jwk}) + "." + segment(t, f.claims)
	return content + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(content)))
}

// The signature is right in all of these. Another service that has the secret, or an
// older version of this one, could have made them.
func TestSignatureIsNotEnough(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	f := startForgery(t)
	const (
		forEver  = "A token without an end, or past it, is a password that nobody can change. The signature says who wrote the token, not that it still holds."
		notByUs  = "Your tokens say who issued them. Another service that shares the secret has users and ids of its own: its user 1 is not yours."
		notForUs = "The token was made for another service. Whoever runs that one could use it here, in the name of each of its users."
	)
	type change struct {
		what, why string
		claims    fields
	}
	changes := []change{
		{"a rightly signed token without exp", forEver, f.with(fields{"exp": nil})},
		{"a rightly signed token that expired an hour ago", forEver, f.with(fields{"exp": time.Now().Add(-time.Hour).Unix()})},
		{"a rightly signed token whose exp is 0", forEver, f.with(fields{"exp": 0})},
		{"a rightly signed token whose exp is no number", forEver, f.with(fields{"exp": "never"})},
		{"a rightly signed token for another service (aud)", notForUs, f.with(fields{"aud": "newsletter"})},
		{"a rightly signed token for other services (aud)", notForUs, f.with(fields{"aud": []string{"newsletter", "wiki"}})},
		{"a rightly signed token that is for nobody (no aud)", notForUs, f.with(fields{"aud": nil})},
	}
	if f.claims["iss"] != nil { // some designs do without
		changes = append(changes,
			change{"a rightly signed token that another service issued (iss)", notByUs, f.with(fields{"iss": "newsletter"})},
			change{"a rightly signed token that nobody issued (no iss)", notByUs, f.with(fields{"iss": nil})})
		for _, near := range nearly(f.claims["iss"]) {
			changes = append(changes, change{fmt.Sprintf("a rightly signed token whose iss is %q", near), notByUs, f.with(fields{"iss": near})})
		}
	}
	for _, near := range nearly(f.claims["aud"]) {
		changes = append(changes,
			change{fmt.Sprintf("a rightly signed token whose aud is %q", near), notForUs, f.with(fields{"aud": near})},
			change{fmt.Sprintf("a rightly signed token whose aud is [%q]", near), notForUs, f.with(fields{"aud": []string{near}})})
	}
	for _, changed := range changes {
		f.requireRefused(t, f.token(t, changed.claims), changed.what, changed.why)
	}
}

// nearly are names that aren't the claim's, and look like it. Other stages and services of one house
// are called so.
func nearly(claim any) (names []string) {
	if list, ok := claim.([]any); ok && len(list) > 0 {
		claim = list[0]
	}
	ours, _ := claim.(string)
	if ours == "" {
		return nil
	}
	for _, near := range []string{
		ours + "-staging", ours + ".example", ours + "/eu", ours + " ", "the-" + ours, "api." + ours, " " + ours,
		ours[:len(ours)-1], ours[1:], strings.ToUpper(ours), "",
	} {
		if near != ours {
			names = append(names, near)
		}
	}
	return names
}

func TestChangedTokensAreRefused(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	f := startForgery(t)
	const why = "A token is worth what its signature is worth. If a byte of it can be changed, so can the user's id."
	segments := strings.Split(f.real, ".")
	for i := range segments {
		f.requireRefused(t, strings.Join(replaced(segments, i, changeFirst(segments[i])), "."),
			fmt.Sprintf("a token of which the first character of part %d of %d was changed", i+1, len(segments)), why)
		if len(segments) > 1 {
			f.requireRefused(t, strings.Join(slices.Delete(slices.Clone(segments), i, i+1), "."), fmt.Sprintf("a token without its part %d", i+1), why)
			f.requireRefused(t, strings.Join(replaced(segments, i, ""), "."), fmt.Sprintf("a token whose part %d is empty", i+1), why)
		}
	}
	if len(segments) == 3 {
		other := segment(t, f.with(fields{"sub": fmt.Sprint(f.buyer.ID + 1)}))
		f.requireRefused(t, strings.Join(replaced(segments, 1, other), "."), "a token with another user's id under the same signature", why)
	}
	f.requireRefused(t, f.real[:len(f.real)-1], "a token without its last character", why)
	f.requireRefused(t, f.real[:len(f.real)/2], "half a token", why)
	f.requireRefused(t, f.real+f.real, "a token twice", why)

	const garbage = "Anybody can send anything. What can't be read is the sender's fault (401), never yours (500)."
	for what, token := range map[string]string{
		"an empty token":                     "",
		"a word as token":                    "garbage",
		"dots as token":                      "...",
		"many dots as token":                 strings.Repeat(".", 5000),
		"a user's id as token":               fmt.Sprint(f.buyer.ID),
		"a user's id and dots as token":      fmt.Sprintf("%d.%d.%d", f.buyer.ID, f.buyer.ID, f.buyer.ID),
		"an e-mail address as token":         lab.Buyer.Email,
		"bytes that are no text as token":    "\xff\xfe\x80",
		"brackets as token":                  "{}.{}.{}",
		"null as token":                      segment(t, nil) + "." + segment(t, nil) + "." + segment(t, nil),
		"a token of 20,000 bytes":            strings.Repeat("A", 20_000),
		"a token with 20,000 bytes in front": strings.Repeat("A", 20_000) + f.real,
		"SQL as token":                       "' OR '1'='1",
		"a pattern of Redis keys as token":   "*",
		"a token whose claims are a list":    segment(t, fields{"alg": f.alg}) + "." + segment(t, []int{1}) + "." + segments[len(segments)-1],
		"a token whose header is a list":     segment(t, []int{1}) + "." + segments[len(segments)/2] + "." + segments[len(segments)-1],
	} {
		f.requireRefused(t, token, what, garbage)
	}
}

// replaced are the segments with another one at place i.
func replaced(segments []string, i int, with string) []string {
	changed := slices.Clone(segments)
	changed[i] = with
	return changed
}

// changeFirst changes the first character. The last one of a segment may hold bits
// that mean nothing.
func changeFirst(s string) string {
	if strings.HasPrefix(s, "A") {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestIdentityComesFromTheTokenAlone(t *testing.T) {
	lab.Task(t, 3)
	t.Parallel()
	f := startForgery(t)
	var other contract.User
	meAt(f.app, logInAt(f.app, lab.OtherBuyer, 1), 0).JSON(&other)
	id := fmt.Sprint(other.ID)

	for _, header := range []string{"X-User-ID", "X-User", "X-Auth-User", "X-Forwarded-User", "X-Authenticated-Userid"} {
		answer := f.app.Do(lab.GET("/me").Header(header, id))
		lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
			Measured: fmt.Sprintf("GET /me without a token, but with %s: %s, answered %d", header, id, answer.Status),
			Expected: "401",
			Why:      "Anybody can send a header. A proxy that sets it, and removes what clients send, can be passed by.",
			Try:      answer.Curl(),
		})
		var me contract.User
		f.app.Do(lab.GET("/me").As(f.real).Header(header, id).On(1)).Expect(http.StatusOK, "The token is valid.").JSON(&me)
		lab.Require(t, me.ID == f.buyer.ID, lab.Finding{
			Measured: fmt.Sprintf("GET /me with the token of user %d and %s: %s answered user %d", f.buyer.ID, header, id, me.ID),
			Expected: fmt.Sprintf("user %d, whose token it is", f.buyer.ID),
			Why:      "Whoever has any account has all of them.",
		})
	}

	const leaks = "Addresses stand in logs, histories and Referer headers, and cookies are sent by any page that links here. The contract knows one place for a token."
	for what, request := range map[string]*lab.Request{
		"in the query (token)":         lab.GET("/me?token=%s", f.real),
		"in the query (access_token)":  lab.GET("/me?access_token=%s", f.real),
		"in a cookie":                  lab.GET("/me").Header("Cookie", "token="+f.real+"; session="+f.real+"; access_token="+f.real),
		"under another scheme (Basic)": lab.GET("/me").Header("Authorization", "Basic "+f.real),
		"in X-Token":                   lab.GET("/me").Header("X-Token", f.real),
	} {
		answer := f.app.Do(request)
		lab.Require(t, answer.Status == http.StatusUnauthorized, lab.Finding{
			Measured: fmt.Sprintf("GET /me with the token %s answered %d", what, answer.Status),
			Expected: "401: the token comes as Authorization: Bearer, and in no other way",
			Why:      leaks,
		})
	}
}
