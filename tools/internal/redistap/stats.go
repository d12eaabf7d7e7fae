package redistap

import "slices"

// Stats are the counts of a [Tap] at one moment. They only grow, but for Open, which tells how
// things stand now.
//
// A command is counted when the API sends it, before any gate: each of a pipeline, and each
// between MULTI and EXEC, which count too. Not counted are HELLO, CLIENT, AUTH, SELECT, PING,
// COMMAND, READONLY and QUIT, by which clients keep their connections.
type Stats struct {
	// Connections were opened by the API.
	Connections int
	// Open connections now.
	Open int
	// Refused connections came while the tap was down.
	Refused int
	// Commands that the API sent.
	Commands int
	// RoundTrips are the times that a client waited for the answers to commands. A pipeline is one.
	RoundTrips int
}

// Since returns what was counted after before was taken. Open stays as it is.
func (s Stats) Since(before Stats) Stats {
	s.Connections -= before.Connections
	s.Refused -= before.Refused
	s.Commands -= before.Commands
	s.RoundTrips -= before.RoundTrips
	return s
}

// Stats returns the counts as they are now.
func (t *Tap) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.counts
	now.Refused = t.link.TurnedAway()
	return now
}

// LogLimit is how many commands a [Tap] remembers at least. The oldest go first; the counts in
// [Stats] never forget.
const LogLimit = 50_000

// Commands returns the commands of all connections in the order they were sent, the newest
// [LogLimit] of them.
func (t *Tap) Commands() []Command { return t.CommandsSince(Stats{}) }

// CommandsSince returns the commands that were sent after before was taken.
func (t *Tap) CommandsSince(before Stats) []Command {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.counts.Commands-before.Commands, len(t.log), LogLimit)
	return slices.Clone(t.log[len(t.log)-max(n, 0):])
}
