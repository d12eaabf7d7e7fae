package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/balancer"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/pgtap"
)

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

func TestALineWithoutAnEndIsNotKept(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &prefixed{to: &out, prefix: "A  "}
	for range 10 {
		_, err := p.Write(bytes.Repeat([]byte("x"), longestLine))
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.rest), longestLine)
	}
	p.flush()
	require.Equal(t, 10*longestLine, strings.Count(out.String(), "x"), "nothing is lost")
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
	require.Equal(t, []string{"worker    0 connections opened, 31 queries, 2 rows, 0 bytes; it asks for jobs all the time"}, polling.since(quiet))
	polling.mails = 1
	require.NotEqual(t, quiet.work(), polling.work())
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
