package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/companion"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/learner"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func TestStartSaysWhatIsInTheWayAndWhatToRun(t *testing.T) {
	c := coursetest.New(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	for name, try := range map[string]struct {
		do   func() error
		says []string
		code int
	}{
		"taken port":    {func() error { _, err := listen(t.Context(), nil, taken.Addr().String(), c.Root); return err }, []string{"is taken by another program", "\n  next: go tool workshop start"}, cli.ExitMachine},
		"open address":  {func() error { _, err := listen(t.Context(), nil, "0.0.0.0:0", c.Root); return err }, []string{"this machine alone", "\n  next: go tool workshop start --addr 127.0.0.1:8090"}, cli.ExitUsage},
		"no port":       {func() error { _, err := listen(t.Context(), nil, "127.0.0.1", c.Root); return err }, []string{"missing port", "\n  next: "}, cli.ExitUsage},
		"unknown step":  {func() error { t.Chdir(c.Root); _, _, _, err := stand(nil, "9"); return err }, []string{`there is no step "9"`, "\n  next: go tool workshop list"}, cli.ExitUsage},
		"outside of it": {func() error { t.Chdir(t.TempDir()); _, _, _, err := stand(nil, ""); return err }, []string{"\n  next: cd into the folder that you cloned"}, cli.ExitMachine},
	} {
		err := try.do()
		for _, text := range try.says {
			assert.ErrorContains(t, err, text, name)
		}
		assert.Equal(t, try.code, cli.ExitCode(err), name)
	}
}

func TestTakenAddressOfThisClonesCompanionIsGiven(t *testing.T) {
	c := coursetest.New(t)
	state, err := progress.Load(c.Root)
	require.NoError(t, err)
	listener, err := companion.Listen("127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	none := func(context.Context, func(string)) (func(), error) { return nil, errors.New("no tests here") }
	go func() {
		ended <- companion.New(companion.Options{Course: c, Progress: state, Needs: none}).Serve(ctx, listener)
	}()

	_, err = listen(t.Context(), nil, addr, c.Root)
	assert.EqualError(t, err, "a companion of this clone answers at "+addr+" already\n  next: open http://"+addr)
	assert.Equal(t, cli.ExitMachine, cli.ExitCode(err))
	_, err = listen(t.Context(), nil, addr, t.TempDir())
	assert.ErrorContains(t, err, "is taken by another program", "of another clone")
	stop()
	assert.NoError(t, <-ended)
}

func TestStepIsTheFolderOnesElseTheCurrentOne(t *testing.T) {
	c := coursetest.New(t)
	state, err := progress.Load(c.Root)
	require.NoError(t, err)
	state.Current = 2
	require.NoError(t, state.Save())
	for _, try := range []struct{ dir, want string }{
		{c.Root, "02-doubling"}, {c.Step(1).Dir, "01-adding"}, {c.Root, "01-adding"},
	} {
		t.Chdir(try.dir)
		_, step, _, err := stand(nil, "")
		require.NoError(t, err)
		assert.Equal(t, try.want, step.Name, try.dir)
	}
	coursetest.Write(t, progress.File(c.Root), "current two\n")
	var warned bytes.Buffer
	_, step, _, err := stand(&warned, "")
	require.NoError(t, err)
	assert.Equal(t, "01-adding", step.Name)
	assert.Contains(t, warned.String(), "is damaged at line 1")
}

func TestStepThatIsStartedBecomesTheCurrentOne(t *testing.T) {
	c := coursetest.New(t)
	t.Chdir(c.Root)
	current := func() int {
		state, err := progress.Load(c.Root)
		require.NoError(t, err)
		return state.Current
	}
	for _, try := range []struct {
		arg  string
		want int
	}{{"2", 2}, {"", 2}, {"adding", 1}, {"", 1}} {
		_, step, state, err := stand(nil, try.arg)
		require.NoError(t, err)
		assert.Equal(t, try.want, step.Number, "start %s", try.arg)
		assert.Equal(t, try.want, state.Current, "start %s", try.arg)
		assert.Equal(t, try.want, current(), "start %s", try.arg)
	}
	_, _, _, err := stand(nil, "9")
	require.Error(t, err)
	assert.Equal(t, 1, current(), "a mistake changes nothing")
}

func TestPlaceThatCannotBeKeptStopsNobody(t *testing.T) {
	c := coursetest.New(t)
	t.Chdir(c.Root)
	coursetest.Write(t, filepath.Join(c.Root, progress.Folder, "progress.lock", "in-the-way"), "")
	var warned bytes.Buffer
	_, step, _, err := stand(&warned, "2")
	require.NoError(t, err)
	assert.Equal(t, 2, step.Number)
	assert.Contains(t, warned.String(), "can't remember the step: ")
	assert.Contains(t, warned.String(), "\n  next: go tool workshop doctor\n")
}

func TestMissingBrowserStopsNobody(t *testing.T) {
	if len(browserOpeners(runtime.GOOS)) == 1 {
		t.Skip("only on Linux is there more than one way")
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("BROWSER", "")
	t.Setenv("DISPLAY", ":0")
	xdg := filepath.Join(bin, "xdg-open")
	for _, try := range []struct{ script, display, says string }{
		{"", ":0", "no program was found here that opens a browser"},
		{"#!/bin/sh\nexit 3\n", ":0", "no browser opened: xdg-open: exit status 3"},
		{"#!/bin/sh\nexit 0\n", "", "there is no display here to open a browser on"},
	} {
		if try.script != "" {
			require.NoError(t, os.WriteFile(xdg, []byte(try.script), 0o755))
		}
		t.Setenv("DISPLAY", try.display)
		assert.EqualError(t, openBrowser("http://127.0.0.1:8090/"), try.says+"\n  next: open http://127.0.0.1:8090/ yourself")
	}
	t.Setenv("DISPLAY", ":0")
	assert.NoError(t, openBrowser("http://127.0.0.1:8090/"))
}

func TestVerdictIsALine(t *testing.T) {
	c := coursetest.New(t)
	step := c.Step(1)
	line := func(solution bool) string {
		result, err := runner.Run(t.Context(), runner.Options{Step: step, Solution: solution}, nil)
		require.NoError(t, err)
		result.Elapsed = 1500 * time.Millisecond
		state, err := progress.Load(c.Root)
		require.NoError(t, err)
		return verdictText(learner.NewVerdict(step, state, result, solution), c.Root)
	}
	assert.Equal(t, "red, 0 of 2 tasks green (1.5 s): TestAdd and 1 more", line(false))
	assert.Equal(t, "green (1.5 s)", line(true))
	require.NoError(t, os.WriteFile(filepath.Join(step.Dir, "main.go"), []byte("package main\n\nfunc main() { x }\n"), 0o644))
	assert.Equal(t, "doesn't compile: steps/01-adding/main.go:3:15: undefined: x", line(false))
}
