package pgtap_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkOverhead compares the way through the tap with the way past it.
func BenchmarkOverhead(b *testing.B) {
	direct, err := sql.Open("postgres", pg.URL("postgres"))
	require.NoError(b, err)
	defer direct.Close()
	_, tapped := start(b, "")
	for name, db := range map[string]*sql.DB{"direct": direct, "tap": tapped} {
		b.Run("row/"+name, func(b *testing.B) { benchmarkRow(b, db) })
		b.Run("200k/"+name, func(b *testing.B) { benchmarkRows(b, db) })
	}
}

func benchmarkRow(b *testing.B, db *sql.DB) {
	stmt, err := db.Prepare("SELECT $1::int")
	require.NoError(b, err)
	defer stmt.Close()
	for b.Loop() {
		var n int
		require.NoError(b, stmt.QueryRow(1).Scan(&n))
	}
}

func benchmarkRows(b *testing.B, db *sql.DB) {
	for b.Loop() {
		rows, err := db.Query("SELECT n, 'a row of some forty bytes, as they come' FROM generate_series(1, 200000) n")
		require.NoError(b, err)
		for rows.Next() {
		}
		require.NoError(b, rows.Close())
	}
}
