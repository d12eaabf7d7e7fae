package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/seed"
)

func TestLogInReturnsTheToken(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email, Password string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if r.URL.Path != "/sessions" || in.Email != "buyer@example.com" || in.Password == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"token":"abc"}`))
	}))
	defer api.Close()
	addr := strings.TrimPrefix(api.URL, "http://")
	token, err := logIn(t.Context(), addr, "buyer@example.com", seed.Buyer.Password)
	require.NoError(t, err)
	require.Equal(t, "abc", token)

	_, err = logIn(t.Context(), addr, "nobody@example.com", "wrong")
	require.ErrorContains(t, err, "401")
	require.Equal(t, cli.ExitRed, cli.ExitCode(err))
}

func TestLogInSaysHowToStartTheAPI(t *testing.T) {
	_, err := logIn(t.Context(), "127.0.0.1:1", "buyer@example.com", seed.Buyer.Password)
	require.ErrorContains(t, err, "go tool workshop run")
	require.Equal(t, cli.ExitMachine, cli.ExitCode(err))
}
