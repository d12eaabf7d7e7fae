package lab

import (
	"context"

	"example.com/boxoffice/tools/internal/fault"
	"example.com/boxoffice/tools/internal/pgtap"
	"example.com/boxoffice/tools/internal/redistap"
	"example.com/boxoffice/tools/internal/smtpd"
)

// What tests do to a server from outside, be it PostgreSQL, Redis or mail. The words that all of them know
// are explained in package fault: hold, stall, delay, refuse, down and cut.
type (
	// Gate holds requests, or their replies, until it is opened.
	Gate = fault.Gate
	// Refusal answers requests with an error until it is stopped.
	Refusal = fault.Refusal
)

// What [App.Postgres] measures and disturbs.
type (
	// Statement is one statement as it was seen on the wire.
	Statement = pgtap.Statement
	// Param is the value of a placeholder in [Statement], as it was sent.
	Param = pgtap.Param
	// Match chooses statements, for gates and cuts.
	Match = pgtap.Match
	// PostgresStats are the counts of the tap.
	PostgresStats = pgtap.Stats
)

// What [App.Mail] receives and disturbs.
type (
	// Mail is a message that was accepted.
	Mail = smtpd.Message
)

// When a cut falls, for App.Postgres.CutAt.
const (
	Before = fault.Before // the server hasn't seen the statement
	After  = fault.After  // it has done the statement, and its answer is lost
)

// Any matches every statement, BEGIN and COMMIT included.
func Any(s Statement) bool { return pgtap.Any(s) }

// Work matches the statements that do work: all but BEGIN, COMMIT, SET and the like.
func Work(s Statement) bool { return pgtap.Work(s) }

// Verb matches statements by their first word: Verb("INSERT", "UPDATE").
func Verb(verbs ...string) Match { return pgtap.Verb(verbs...) }

// Touches matches statements that name the table.
func Touches(table string) Match { return pgtap.Touches(table) }

// Writes matches statements that write to the table.
func Writes(table string) Match { return pgtap.Writes(table) }

// What [App.Redis] measures and disturbs.
type (
	// RedisCommand is one command as it was seen on the wire.
	RedisCommand = redistap.Command
	// RedisMatch chooses commands, for gates.
	RedisMatch = redistap.Match
	// RedisStats are the counts of the tap.
	RedisStats = redistap.Stats
)

// RedisAny matches every command but those that keep a connection, such as HELLO
// and PING.
func RedisAny(c RedisCommand) bool { return redistap.Any(c) }

// RedisNamed matches commands by their name: RedisNamed("GET", "MGET").
func RedisNamed(names ...string) RedisMatch { return redistap.Named(names...) }

// RedisKeyHas matches commands one of whose keys contains the part.
func RedisKeyHas(part string) RedisMatch { return redistap.KeyHas(part) }

// RedisDo sends a command to the test's Redis past the tap, for looking at the
// result: it is not counted, and no gate or fault stops it. The reply is a string,
// an int, nil, or a []any of these. An error reply ends the test.
func (a *App) RedisDo(args ...string) any {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	client, err := a.backing.ConnectRedis(ctx)
	if err != nil {
		a.t.Fatal(setupFailure(err))
	}
	defer func() { _ = client.Close() }()
	reply, err := client.Do(args...)
	if err != nil {
		a.t.Fatalf("RedisDo%q: %v", args, err)
	}
	return reply
}
