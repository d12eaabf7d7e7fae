package pgtap

import "slices"

// Stats are the counts of a [Tap] at one moment. They only grow, but for Open, Busy, Idle and
// InTransaction, which tell how things stand now.
//
// A statement is counted when the API sends it, before any gate, and its rows as they pass. All
// that a client has read the answer to is in the counts already; that it closed a connection may
// show a moment later.
type Stats struct {
	// Connections were opened by the API: each one a handshake, and a process of PostgreSQL's own.
	// Cancel requests, which travel on a connection of their own, are not among them.
	Connections int
	// Open connections now, and the most there ever were at once.
	Open, MostOpen int
	// Busy connections wait for PostgreSQL; Idle ones have nothing to do; InTransaction ones are
	// between BEGIN and COMMIT, busy or not.
	Busy, Idle, InTransaction int
	// Refused connections were answered with an error, or came while the tap was down.
	Refused int
	// Cancels are requests to stop a running statement. Drivers send one when a context ends.
	Cancels int

	// Queries are the statements that do work: Execute messages and simple queries. A portal that
	// is fetched in parts is one query, "a; b" in one message is two.
	Queries int
	// Control statements are BEGIN, COMMIT, ROLLBACK, SAVEPOINT, SET, SHOW, DISCARD, DEALLOCATE and
	// the like, and the empty statement that a driver pings with. Drivers differ in how many they
	// send, so no test of the workshop counts them against anyone.
	Control int
	// RoundTrips are the times that a client waited for an answer.
	RoundTrips int
	// Parses are the times that PostgreSQL was asked to prepare a statement, named or not.
	Parses int

	// Transactions were begun by BEGIN, and ended by COMMIT or ROLLBACK. COMMIT of a failed
	// transaction is a rollback.
	Transactions, Commits, Rollbacks int
	// Errors that PostgreSQL answered with.
	Errors int

	// Rows that PostgreSQL sent, of queries and of COPY TO.
	Rows int
	// Bytes that PostgreSQL sent, rows and all else. Sent are those that the API sent.
	Bytes, Sent int

	logged int // statements written to the log, the forgotten ones included
}

// Since returns what was counted after before was taken. Open, MostOpen, Busy, Idle and
// InTransaction are not differences: they stay as they are.
func (s Stats) Since(before Stats) Stats {
	s.Connections -= before.Connections
	s.Refused -= before.Refused
	s.Cancels -= before.Cancels
	s.Queries -= before.Queries
	s.Control -= before.Control
	s.RoundTrips -= before.RoundTrips
	s.Parses -= before.Parses
	s.Transactions -= before.Transactions
	s.Commits -= before.Commits
	s.Rollbacks -= before.Rollbacks
	s.Errors -= before.Errors
	s.Rows -= before.Rows
	s.Bytes -= before.Bytes
	s.Sent -= before.Sent
	s.logged -= before.logged
	return s
}

// Stats returns the counts as they are now.
func (t *Tap) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.counts
	now.Refused += t.link.TurnedAway()
	for s := range t.sessions {
		switch {
		case len(s.queue) > 0:
			now.Busy++
		case s.ready:
			now.Idle++
		}
		if s.inTransaction {
			now.InTransaction++
		}
	}
	return now
}

// LogLimit is how many statements a [Tap] remembers at least. The oldest go first; the counts in
// [Stats] never forget.
const LogLimit = 100_000

// Statements returns the statements of all connections in the order they were sent, the newest
// [LogLimit] of them.
func (t *Tap) Statements() []Statement { return t.StatementsSince(Stats{}) }

// StatementsSince returns the statements that were sent after before was taken.
func (t *Tap) StatementsSince(before Stats) []Statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.counts.logged-before.logged, len(t.log), LogLimit)
	return copies(t.log[len(t.log)-max(n, 0):])
}

// Running returns the statements that were sent and have not been answered yet.
func (t *Tap) Running() []Statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	var running []*Statement
	for s := range t.sessions {
		for _, r := range s.queue {
			if r.statement != nil && !r.statement.Done {
				running = append(running, r.statement)
			}
		}
	}
	slices.SortFunc(running, func(a, b *Statement) int { return a.Start.Compare(b.Start) })
	return copies(running)
}

func copies(statements []*Statement) []Statement {
	all := make([]Statement, len(statements))
	for i, st := range statements {
		all[i] = *st
	}
	return all
}

// record counts a statement and writes it to the log. The caller holds t.mu.
func (t *Tap) record(st *Statement) {
	if st.Control() {
		t.counts.Control++
	} else {
		t.counts.Queries++
	}
	t.counts.logged++
	if len(t.log) == 2*LogLimit {
		t.log = slices.Clone(t.log[LogLimit:])
	}
	t.log = append(t.log, st)
}
