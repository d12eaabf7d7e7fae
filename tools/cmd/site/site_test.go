package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs the command in the course that these tests are a part of.
func run(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var b bytes.Buffer
	cmd := newRootCmd()
	cmd.SetArgs(args)
	cmd.SetOut(&b)
	err = cmd.ExecuteContext(t.Context())
	return b.String(), err
}

func TestBuildSaysWhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	out, err := run(t, "build", "--out", dir)
	require.NoError(t, err)
	assert.Contains(t, out, filepath.Join(dir, "index.html"))
	assert.FileExists(t, filepath.Join(dir, "index.html"))
}

func TestCheckOutsideOfACourse(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := run(t, "check")
	assert.ErrorContains(t, err, "no go.work")
	assert.Equal(t, 1, report(err))
}

func TestServeStaysOnLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80", "8091"} {
		_, err := run(t, "serve", "--addr", addr)
		assert.Error(t, err, addr)
	}
}

func TestPreview(t *testing.T) {
	cases := map[string]struct {
		status int
		kind   string
		holds  string
	}{
		"/":                                  {200, "text/html", "<html"},
		"/steps/01-baseline.html":            {200, "text/html", "Task 1"},
		"/assets/code.css":                   {200, "text/css", "--code-paper"},
		"/search-index.js":                   {200, "text/javascript", "window.searchIndex"},
		"/steps/99.html":                     {404, "", ""},
		"/steps/":                            {404, "", ""},
		"/go.work":                           {404, "", ""},
		"/assets/../../../go.mod":            {404, "", ""},
		"/assets/%2e%2e/templates/step.html": {404, "", ""},
	}
	for path, want := range cases {
		w := httptest.NewRecorder()
		preview(w, httptest.NewRequest(http.MethodGet, path, nil))
		assert.Equal(t, want.status, w.Code, path)
		assert.Contains(t, w.Header().Get("Content-Type"), want.kind, path)
		assert.Contains(t, w.Body.String(), want.holds, path)
	}
}

// TestServeEndsWithItsContext serves a page on a free port, and leaves when it is
// interrupted.
func TestServeEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error)
	go func() {
		cmd := newRootCmd()
		cmd.SetArgs([]string{"serve", "--addr", "127.0.0.1:0"})
		cmd.SetOut(w)
		ended <- cmd.ExecuteContext(ctx)
	}()
	line := make([]byte, 100)
	n, err := r.Read(line)
	require.NoError(t, err)
	res, err := http.Get(strings.TrimSpace(string(line[:n])))
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, http.StatusOK, res.StatusCode)
	stop()
	assert.NoError(t, <-ended)
}
