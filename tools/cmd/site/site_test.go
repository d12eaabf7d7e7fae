package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/site/content"
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
	assert.ErrorContains(t, err, "\n  next: cd into the folder that you cloned")
	assert.Equal(t, cli.ExitMachine, cli.ExitCode(err))
}

// TestErrorsSayWhatToRunNext is the contract of every command of the workshop.
func TestErrorsSayWhatToRunNext(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "mine.txt"), nil, 0o644))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for _, try := range []struct {
		args []string
		code int
		next string
	}{
		{[]string{"build", "--nope"}, cli.ExitUsage, "go tool workshop site build --help"},
		{[]string{"build", "twice"}, cli.ExitUsage, "go tool workshop site build --help"},
		{[]string{"chek"}, cli.ExitUsage, "go tool workshop site --help"},
		{[]string{"build", "--out", full}, cli.ExitMachine, "go tool workshop site build "},
		{[]string{"build", "--out", filepath.Join(full, "mine.txt")}, cli.ExitMachine, "go tool workshop site build "},
		{[]string{"serve", "--addr", taken.Addr().String()}, cli.ExitMachine, "go tool workshop site serve --addr 127.0.0.1:0"},
		{[]string{"serve", "--addr", "0.0.0.0:0"}, cli.ExitUsage, "go tool workshop site serve --addr 127.0.0.1:8091"},
		{[]string{"serve", "--addr", "192.0.2.1:80"}, cli.ExitUsage, "go tool workshop site serve --addr "},
		{[]string{"serve", "--addr", "example.com:80"}, cli.ExitUsage, "go tool workshop site serve --addr "},
		{[]string{"serve", "--addr", "8091"}, cli.ExitUsage, "go tool workshop site serve --addr "},
	} {
		_, err := run(t, try.args...)
		assert.ErrorContains(t, err, "\n  next: "+try.next, try.args)
		assert.Equal(t, try.code, cli.ExitCode(err), try.args)
	}
}

func TestWhatIsWrongWithTheSiteIsListed(t *testing.T) {
	var b bytes.Buffer
	err := wrong(&b, content.Findings{{File: "site/content/home.md", Line: 3, What: "dead link"}})
	assert.Equal(t, "site/content/home.md:3: dead link\n", b.String())
	assert.ErrorContains(t, err, "\n  next: mend what is listed above, then: go tool workshop site check")
	assert.Equal(t, cli.ExitRed, cli.ExitCode(err))
}

func TestHelpNamesTheCommandAsItIsTyped(t *testing.T) {
	out, err := run(t, "build", "--help")
	require.NoError(t, err)
	assert.Contains(t, out, "go tool workshop site build [flags]")
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
		"/steps/99.html":                     {404, "text/html", `href="../index.html"`},
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
