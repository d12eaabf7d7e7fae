package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/pgtap"
)

const (
	// reportEvery is how often `run` looks at what the tap has counted.
	reportEvery = 50 * time.Millisecond
	// reportQuiet is how long nothing may happen before it is told, so that what
	// belongs to one request, or to one burst of them, stands in one line.
	reportQuiet = 250 * time.Millisecond
)

// report prints what the API asks of PostgreSQL, and the mail it sends, until
// ctx ends.
func (s *stand) report(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	told, seen := s.wires.Postgres.Stats(), s.wires.Postgres.Stats()
	changed, mails := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := s.wires.Postgres.Stats(); work(now) != work(seen) {
			seen, changed = now, time.Now()
		}
		if work(seen) != work(told) && time.Since(changed) >= reportQuiet {
			fmt.Fprintln(s.e.stdout, "  postgres  "+wireLine(seen.Since(told)))
			told = seen
		}
		mails = s.reportMail(mails)
	}
}

// work is what has to change before a new line is worth printing.
func work(s pgtap.Stats) [2]int { return [2]int{s.Connections, s.Queries} }

// wireLine tells what crossed the wire.
func wireLine(d pgtap.Stats) string {
	return fmt.Sprintf("%s opened, %s, %s, %s",
		count(d.Connections, "connection", "connections"),
		count(d.Queries, "query", "queries"),
		count(d.Rows, "row", "rows"),
		bytesText(int64(d.Bytes)))
}

func (s *stand) reportMail(told int) int {
	messages := s.wires.Mail.Messages()
	for _, m := range messages[told:] {
		fmt.Fprintf(s.e.stdout, "  mail      to %s: %s\n", strings.Join(m.To, ", "), m.Subject)
	}
	return len(messages)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// bytesText is a number of bytes as people read it.
func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
