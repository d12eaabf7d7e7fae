package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/pgtap"
)

func TestTheWorkerIsTheOneThatTheTestsStart(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`func TestMain(m *testing.M) { lab.Main(m, main, lab.Worker("work")) }`: "work",
		"func TestMain(m *testing.M) { lab.Main(m, main, lab.Worker(`jobs`)) }": "jobs",
		`func TestMain(m *testing.M) { lab.Main(m, main) }`:                     "",
		`// lab.Main(m, main, lab.Worker("work"))`:                              "",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main_test.go"), []byte("package main\n"+source+"\n"), 0o600))
		got, err := workerOf(dir)
		require.NoError(t, err)
		require.Equal(t, want, got, source)
	}
	got, err := workerOf(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, got, "a module without tests has no worker")
}

func TestLinesOfSeveralProcessesAreTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &prefixed{to: &out, prefix: "B  ", mute: true}
	for _, piece := range []string{"one\ntw", "o\n", `{"route":"/readyz","status":200}` + "\n", "three"} {
		_, err := p.Write([]byte(piece))
		require.NoError(t, err)
	}
	require.Equal(t, "B  one\nB  two\n", out.String())
	p.flush()
	require.Equal(t, "B  one\nB  two\nB  three\n", out.String())
}

func TestTheBalancersWorkIsSummedUp(t *testing.T) {
	t.Parallel()
	b := &balanced{}
	told := b.now()
	require.Empty(t, told.since(told))
	for _, r := range []balancer.Record{{Instance: 0, Status: 200}, {Instance: 0, Status: 503}, {Instance: 2}, {Instance: 2, Status: 200}, {Instance: -1}} {
		b.note(r)
	}
	require.Equal(t, "2 to A, 2 to C (1 got no answer), 1 request refused, since no instance was ready", b.now().since(told))
	require.Zero(t, (*balanced)(nil).now(), "one instance has no balancer")
}

func TestAWorkersPollingAloneIsNotTold(t *testing.T) {
	t.Parallel()
	quiet, polling := wireCounts{}, wireCounts{worker: pgtap.Stats{Queries: 31, Rows: 2}}
	require.Equal(t, quiet.work(), polling.work())
	require.Equal(t, []string{"worker    0 connections opened, 31 queries, 2 rows, 0 bytes"}, polling.since(quiet))
	polling.mails = 1
	require.NotEqual(t, quiet.work(), polling.work())
}

func TestGuardTellsTheProcessIDOfItsProgram(t *testing.T) {
	reading, writing, err := os.Pipe()
	require.NoError(t, err)
	command, _, lines := startGuardWith(t, "echo $$; kill -9 $$", writing)
	_ = writing.Close()
	told := make([]byte, 20)
	n, err := reading.Read(told)
	require.NoError(t, err)
	require.True(t, lines.Scan())
	require.Equal(t, lines.Text(), strings.TrimSpace(string(told[:n])))
	require.Error(t, command.Wait())
	require.Equal(t, signalled+int(syscall.SIGKILL), command.ProcessState.ExitCode())
	require.Equal(t, "signal: killed", (&member{process: command}).ending())
	_, err = strconv.Atoi(lines.Text())
	require.NoError(t, err)
}

func TestRunRefusesInstancesThatNoBalancerCanCheck(t *testing.T) {
	t.Parallel()
	run := func(step, instances int) error {
		s := &stand{step: &course.Step{Number: step, Dir: t.TempDir()}, options: runOptions{addr: "127.0.0.1:0", instances: instances}}
		return s.check()
	}
	require.NoError(t, run(1, 1))
	require.ErrorContains(t, run(3, 2), "GET /readyz")
	require.NoError(t, run(4, 2))
	require.ErrorContains(t, run(10, 0), "it takes 1 to 9")
	require.ErrorContains(t, run(10, 10), "it takes 1 to 9")
}
