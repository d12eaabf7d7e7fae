package main

import (
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/boxoffice/tools/internal/cli"
)

// handed is what a tool's program would be started with.
func (b *desk) handed(args ...string) (executable string, program []string, code int) {
	b.t.Helper()
	e := b.newEnv()
	e.compileTool = func(_ context.Context, root, tool string) (string, error) {
		assert.Equal(b.t, b.course.Root, root)
		return "/cache/" + path.Base(tool) + "\n", nil
	}
	e.become = func(to string, args, _ []string) error { executable, program = to, args; return nil }
	root := newRootCmd(e)
	root.SetArgs(args)
	err := root.ExecuteContext(b.t.Context())
	cli.Print(&b.err, err)
	return executable, program, cli.ExitCode(err)
}

func TestToolsAreHandedOver(t *testing.T) {
	b := newDesk(t)
	for line, want := range map[string]string{
		"start":                                "site start 01-adding",
		"start 2":                              "site start 02-doubling",
		"start doubling --open --addr [::1]:0": "site start 02-doubling --addr=[::1]:0 --open",
		"site build --out x":                   "site build --out x",
		"--plain site check":                   "site check",
		"site serve --help":                    "site serve --help",
		"read":                                 "read 01-adding",
		"read 2 --all --plain":                 "read 2 --all --plain",
		"start --origin https://a.example.dev": "site start 01-adding --origin=https://a.example.dev",
		"measure":                              "measure measure 01-adding",
		"measure 2 --json --for 10s":           "measure measure 02-doubling --json --for=10s",
		"measure --journey":                    "measure measure --journey",
		"measure --limit":                      "measure measure --limit",
	} {
		executable, args, code := b.handed(strings.Fields(line)...)
		assert.Equal(t, "/cache/"+args[0], executable, line)
		assert.Equal(t, want, strings.Join(args, " "), line)
		assert.Zero(t, code)
		assert.Empty(t, b.err.String(), "nothing is said about a quick compilation")
	}
	assert.Contains(t, b.succeeds("site"), "build|check|serve")
	assert.Contains(t, b.succeeds("start", "--help"), "127.0.0.1:8090")
}

func TestMistakesAreToldBeforeAnythingIsCompiled(t *testing.T) {
	b := newDesk(t)
	assert.Contains(t, b.fails(cli.ExitUsage, "start", "9"), "next: go tool workshop list")
	assert.Contains(t, b.fails(cli.ExitUsage, "start", "--port", "1"), "next: go tool workshop start --help")
	assert.Contains(t, b.fails(cli.ExitUsage, "measure", "9"), "next: go tool workshop list")
	assert.Contains(t, b.fails(cli.ExitUsage, "measure", "--journey", "--limit"), "next: go tool workshop measure --help")
	assert.Contains(t, b.fails(cli.ExitUsage, "measure", "--for", "-1s"), "next: go tool workshop measure --help")
}

func TestLongCompilationIsAnnounced(t *testing.T) {
	b := newDesk(t)
	e := b.newEnv()
	said := &screen{}
	e.stderr = said
	e.compileTool = func(context.Context, string, string) (string, error) {
		assert.Eventually(t, func() bool { return strings.Contains(said.all(), "Compiling the site's tools") }, 10*time.Second, time.Millisecond)
		return "/cache/site", nil
	}
	_, err := e.buildTool(t.Context(), siteTool)
	assert.NoError(t, err)
}

func TestSiteThatDoesNotCompileSaysWhatToRun(t *testing.T) {
	b := newDesk(t)
	e := b.newEnv()
	e.compileTool = func(context.Context, string, string) (string, error) { return "", errors.New("no network") }
	_, err := e.buildTool(t.Context(), siteTool)
	assert.Equal(t, cli.ExitMachine, cli.ExitCode(err))
	assert.ErrorContains(t, err, "can't compile the site's tools: no network\n  next: go tool workshop doctor")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.buildTool(ctx, siteTool)
	assert.Equal(t, cli.ExitInterrupted, cli.ExitCode(err))
}
