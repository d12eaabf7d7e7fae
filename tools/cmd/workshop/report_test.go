package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
)

func TestWireLineCountsInWords(t *testing.T) {
	require.Equal(t, "1 connection opened, 51 queries, 1 row, 999 bytes",
		wireLine(pgtap.Stats{Connections: 1, Queries: 51, Rows: 1, Bytes: 999}))
	require.Equal(t, "0 connections opened, 1 query, 0 rows, 1.0 kB",
		wireLine(pgtap.Stats{Queries: 1, Bytes: 1000}))
	require.Contains(t, wireLine(pgtap.Stats{Bytes: 2_500_000}), "2.5 MB")
}
