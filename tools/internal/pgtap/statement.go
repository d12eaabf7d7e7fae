package pgtap

import "time"

// Statement is one statement as it was seen on the wire.
type Statement struct {
	Connection int      // counts from 1 in the order that connections were opened
	SQL        string   // as the API sent it, placeholders and all
	Args       []string // the values of $1, $2, … as text; NULL for none; long ones end in …
	Params     []Param  // the same as they were sent

	InTransaction bool // it ran between BEGIN and COMMIT
	Cancelled     bool // a cancel request came while it ran
	Skipped       bool // it was sent behind one that failed, so PostgreSQL passed over it

	Rows     int    // rows that came back so far
	Bytes    int    // bytes of these rows on the wire
	Tag      string // PostgreSQL's word for what was done: "SELECT 1", "INSERT 0 1", …
	SQLState string // the code of the error it ended with, such as 23505; "" for none

	Start time.Time // when the API sent it
	End   time.Time // when PostgreSQL had answered it
	Done  bool      // whether it has
}

// Param is the value of a placeholder as it was sent.
type Param struct {
	Value  string // in PostgreSQL's text or binary form of the placeholder's type
	Binary bool   // which of them it is
	Null   bool   // there is no value
	Lost   bool   // the value was longer than a megabyte and is not kept
}

// Verb returns the first word of the statement in capitals: SELECT, INSERT, BEGIN, … It is "" for an
// empty statement.
func (s Statement) Verb() string { return firstWord(s.SQL) }

// Control reports whether the statement only steers the session and does no work of its own. See
// [Stats].
func (s Statement) Control() bool { return control[s.Verb()] }

var control = map[string]bool{
	"":           true,
	"ABORT":      true,
	"BEGIN":      true,
	"COMMIT":     true,
	"DEALLOCATE": true,
	"DISCARD":    true,
	"END":        true,
	"RELEASE":    true,
	"RESET":      true,
	"ROLLBACK":   true,
	"SAVEPOINT":  true,
	"SET":        true,
	"SHOW":       true,
	"START":      true,
}
