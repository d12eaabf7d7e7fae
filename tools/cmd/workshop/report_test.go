package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
)

func TestWireLineCountsInWords(t *testing.T) {
	require.Equal(t, "1 connection opened, 51 queries, 1 row, 999 bytes",
		wireLine(pgtap.Stats{Connections: 1, Queries: 51, Rows: 1, Bytes: 999}))
	require.Equal(t, "0 connections opened, 1 query, 0 rows, 1.0 kB",
		wireLine(pgtap.Stats{Queries: 1, Bytes: 1000}))
	require.Contains(t, wireLine(pgtap.Stats{Bytes: 2_500_000}), "2.5 MB")
}

func TestABurstThatPausesIsSummedUp(t *testing.T) {
	at := time.Now()
	var now wireCounts
	var told []string
	tally := newTally(now, at)
	pass := func(d time.Duration) {
		for end := at.Add(d); at.Before(end); at = at.Add(reportEvery) {
			told = append(told, tally.lines(now, at)...)
		}
	}
	request := func() {
		now.postgres.Connections++
		now.postgres.Queries += 21
		pass(reportEvery)
	}
	for range 10 {
		request()
	}
	pass(reportQuiet + reportEvery)
	require.Equal(t, []string{"postgres  10 connections opened, 210 queries, 0 rows, 0 bytes"}, told)
	pass(reportRest)
	require.Len(t, told, 1, "one line needs no sum")

	told = nil
	for range 3 {
		for range 30 {
			request()
		}
		pass(reportQuiet + reportEvery) // the machine does something else
	}
	require.Len(t, told, 3)
	pass(reportRest)
	require.Equal(t, []string{"together  these 3:", "postgres  90 connections opened, 1890 queries, 0 rows, 0 bytes"}, told[3:])
	pass(2 * reportRest)
	require.Len(t, told, 5, "once")
}

func TestOnlyWiresThatWereUsedAreReported(t *testing.T) {
	quiet := wireCounts{}
	busy := wireCounts{
		postgres: pgtap.Stats{Connections: 1, Queries: 2, Rows: 3, Bytes: 4},
		redis:    redistap.Stats{Connections: 1, Commands: 3, RoundTrips: 1},
	}
	require.Empty(t, quiet.since(quiet))
	require.Equal(t, []string{
		"postgres  1 connection opened, 2 queries, 3 rows, 4 bytes",
		"redis     1 connection opened, 3 commands, 1 round trip",
	}, busy.since(quiet))
	require.Equal(t, []string{"redis     0 connections opened, 1 command, 1 round trip"},
		wireCounts{redis: redistap.Stats{Commands: 1, RoundTrips: 1}}.since(quiet))
}
