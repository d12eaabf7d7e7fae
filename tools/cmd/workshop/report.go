package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
)

const (
	// reportEvery is how often `run` looks at what the tap has counted.
	reportEvery = 50 * time.Millisecond
	// reportQuiet is how long nothing may happen before it is told, so that what
	// belongs to one request, or to one burst of them, stands in one line.
	reportQuiet = 500 * time.Millisecond
	// reportRest is how long nothing may happen before a burst counts as over that paused
	// on its way, as on a busy machine.
	reportRest = 3 * time.Second
)

// report prints what the API asks of PostgreSQL and Redis, and the mail it sends,
// until ctx ends.
func (s *stand) report(ctx context.Context) {
	ticker := time.NewTicker(reportEvery)
	defer ticker.Stop()
	t, mails := newTally(s.wireCounts(), time.Now()), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, line := range t.lines(s.wireCounts(), time.Now()) {
			fmt.Fprintln(s.e.stdout, "  "+line)
		}
		mails = s.reportMail(mails)
	}
}

// tally tells of each burst once it is over. Of one that paused on its way, it also tells the sum.
type tally struct {
	seen    wireCounts
	changed time.Time  // when that last changed
	told    wireCounts // up to where it is told
	begin   wireCounts // before the burst
	bursts  int        // told since then
}

func newTally(now wireCounts, at time.Time) *tally {
	return &tally{seen: now, told: now, begin: now, changed: at}
}

// lines are what is to be told at a moment.
func (t *tally) lines(now wireCounts, at time.Time) []string {
	if now.work() != t.seen.work() {
		t.changed = at
	}
	t.seen = now
	quiet := at.Sub(t.changed)
	switch {
	case now.work() != t.told.work() && quiet >= reportQuiet:
		lines := now.since(t.told)
		t.told, t.bursts = now, t.bursts+1
		return lines
	case t.bursts > 0 && quiet >= reportRest:
		var lines []string
		if t.bursts > 1 {
			lines = append([]string{fmt.Sprintf("together  these %d:", t.bursts)}, t.told.since(t.begin)...)
		}
		t.begin, t.bursts = t.told, 0
		return lines
	}
	return nil
}

// wireCounts are the counts of the balancer and of all taps at one moment.
type wireCounts struct {
	balancer balancedCounts
	postgres pgtap.Stats
	worker   pgtap.Stats // what the worker asks PostgreSQL
	redis    redistap.Stats
	mails    int
}

func (s *stand) wireCounts() wireCounts {
	c := wireCounts{balancer: s.balanced.now(), postgres: s.backing.Postgres.Stats(), redis: s.backing.Redis.Stats(), mails: len(s.backing.Mail.Messages())}
	if s.backing.Worker != nil {
		c.worker = s.backing.Worker.Stats()
	}
	return c
}

// work is what has to change before new lines are worth printing. A worker asks for jobs
// all the time, so what it asks is told when there is anything else to tell, such as the
// mail that it has sent.
func (c wireCounts) work() any {
	return [5]int{c.balancer.all(), c.postgres.Connections, c.postgres.Queries, c.redis.Commands, c.mails}
}

// since tells what crossed each wire after told, if anything did.
func (c wireCounts) since(told wireCounts) []string {
	var lines []string
	if line := c.balancer.since(told.balancer); line != "" {
		lines = append(lines, "balancer  "+line)
	}
	if d := c.postgres.Since(told.postgres); d.Connections+d.Queries > 0 {
		lines = append(lines, "postgres  "+wireLine(d))
	}
	if d := c.worker.Since(told.worker); d.Connections+d.Queries > 0 {
		lines = append(lines, "worker    "+wireLine(d)+"; it asks for jobs all the time")
	}
	if d := c.redis.Since(told.redis); d.Commands > 0 {
		lines = append(lines, "redis     "+redisLine(d))
	}
	return lines
}

// redisLine tells what crossed the wire to Redis.
func redisLine(d redistap.Stats) string {
	return fmt.Sprintf("%s opened, %s, %s",
		count(d.Connections, "connection", "connections"),
		count(d.Commands, "command", "commands"),
		count(d.RoundTrips, "round trip", "round trips"))
}

// wireLine tells what crossed the wire to PostgreSQL.
func wireLine(d pgtap.Stats) string {
	return fmt.Sprintf("%s opened, %s, %s, %s",
		count(d.Connections, "connection", "connections"),
		count(d.Queries, "query", "queries"),
		count(d.Rows, "row", "rows"),
		bytesText(int64(d.Bytes)))
}

func (s *stand) reportMail(told int) int {
	messages := s.backing.Mail.Messages()
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
