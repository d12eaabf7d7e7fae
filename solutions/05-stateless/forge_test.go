package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

// How to forge a token. Everything here is public: RFC 7515 and RFC 7519.

// fields are those of a token's header, or its claims.
type fields map[string]any

// forger makes tokens that look like those of the API. Where these are JSON Web Tokens
// under TOKEN_SECRET, the forged ones are the same but for what a test changes. Where
// they are something else, the forged ones are what an attacker would guess.
type forger struct {
	key    []byte
	alg    string
	claims fields
}

// hmacs are the algorithms that sign with a shared secret.
var hmacs = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}

// newForger studies a token of the user.
func newForger(t *testing.T, app *lab.App, token string, userID int64) *forger {
	t.Helper()
	now := time.Now()
	f := &forger{key: []byte(app.TokenSecret), alg: "HS256", claims: fields{
		"sub": strconv.FormatInt(userID, 10), "jti": "forged", "iss": "boxoffice", "aud": "boxoffice",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}}
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return f
	}
	var header struct{ Alg string }
	claims := fields{}
	if !readSegment(segments[0], &header) || !readSegment(segments[1], &claims) {
		return f
	}
	f.claims = claims
	for _, key := range keysOf(app.TokenSecret) {
		if hmacs[header.Alg] != nil && token == sign(header.Alg, key, segments[0]+"."+segments[1]) {
			f.key, f.alg = key, header.Alg
		}
	}
	return f
}

// keysOf are the keys that a secret may stand for.
func keysOf(secret string) [][]byte {
	keys := [][]byte{[]byte(secret)}
	if key, err := hex.DecodeString(secret); err == nil {
		keys = append(keys, key)
	}
	if key, err := base64.StdEncoding.DecodeString(secret); err == nil {
		keys = append(keys, key)
	}
	return keys
}

// with are the claims with some of them changed; nil takes one away.
func (f *forger) with(changes fields) fields {
	claims := maps.Clone(f.claims)
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
			continue
		}
		claims[name] = value
	}
	return claims
}

// token is the claims, signed as the API signs.
func (f *forger) token(t *testing.T, claims fields) string {
	t.Helper()
	return forge(t, fields{"alg": f.alg, "typ": "JWT"}, claims, f.key)
}

// signed reports whether the token is signed with the API's key, by whichever algorithm.
func (f *forger) signed(token string) bool {
	end := strings.LastIndex(token, ".")
	for alg := range hmacs {
		if end > 0 && token == sign(alg, f.key, token[:end]) {
			return true
		}
	}
	return false
}

// forge makes a token with that header and those claims, signed with the key as the
// header says; unsigned when the header names no algorithm that is known here.
func forge(t *testing.T, header, claims fields, key []byte) string {
	t.Helper()
	alg, _ := header["alg"].(string)
	return sign(alg, key, segment(t, header)+"."+segment(t, claims))
}

func sign(alg string, key []byte, content string) string {
	if hmacs[alg] == nil {
		return content + "."
	}
	mac := hmac.New(hmacs[alg], key)
	mac.Write([]byte(content))
	return content + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func segment(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(encoded)
}

func readSegment(text string, into any) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(decoded, into) == nil
}
