package redistap

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Command is one command as it was seen on the wire.
type Command struct {
	// Args are its name and its arguments as the API sent them; those longer than 4096 bytes are
	// cut there and end in …
	Args []string
	// At is when it came.
	At time.Time
	// Connection counts from 1 in the order that connections were opened.
	Connection int
	// Bytes is its length on the wire.
	Bytes int
}

const longestArg = 4096

func newCommand(args []string, bytes, connection int) Command {
	for i, arg := range args {
		if len(arg) > longestArg {
			args[i] = arg[:longestArg] + "…"
		}
	}
	return Command{Args: args, At: time.Now(), Connection: connection, Bytes: bytes}
}

// Name returns the command's name in capitals: GET, SET, EVALSHA, …
func (c Command) Name() string {
	if len(c.Args) == 0 {
		return ""
	}
	return strings.ToUpper(c.Args[0])
}

// Key returns the first key that the command names, or "".
func (c Command) Key() string {
	if keys := c.Keys(); len(keys) > 0 {
		return keys[0]
	}
	return ""
}

// Keys returns the keys that the command names. Of commands that the tap doesn't know, it takes the
// first argument for the key, as it is with nearly all.
func (c Command) Keys() []string {
	if len(c.Args) < 2 {
		return nil
	}
	switch rest := c.Args[1:]; c.Name() {
	case "DEL", "UNLINK", "MGET", "EXISTS", "TOUCH", "WATCH", "SUNION", "SINTER", "SDIFF", "PFCOUNT":
		return rest
	case "RENAME", "RENAMENX", "COPY", "SMOVE", "LMOVE", "RPOPLPUSH":
		return rest[:min(2, len(rest))]
	case "MSET", "MSETNX":
		return everySecond(rest)
	case "BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX":
		return rest[:len(rest)-1]
	case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO":
		return counted(rest[1:])
	case "XREAD", "XREADGROUP":
		return streams(rest)
	case "XGROUP", "XINFO", "OBJECT", "MEMORY", "BITOP":
		return rest[1:min(2, len(rest))]
	case "MULTI", "EXEC", "DISCARD", "UNWATCH", "SCRIPT", "FUNCTION", "SCAN", "KEYS", "DBSIZE", "FLUSHDB", "FLUSHALL",
		"INFO", "CONFIG", "TIME", "PUBLISH", "SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "WAIT", "ECHO", "RESET":
		return nil
	default:
		return rest[:1]
	}
}

func everySecond(args []string) []string {
	var keys []string
	for i := 0; i < len(args); i += 2 {
		keys = append(keys, args[i])
	}
	return keys
}

// counted takes the keys after their number.
func counted(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n >= len(args) {
		return nil
	}
	return args[1 : 1+n]
}

// streams takes the keys after STREAMS, which as many ids follow.
func streams(args []string) []string {
	at := slices.IndexFunc(args, func(arg string) bool { return strings.EqualFold(arg, "STREAMS") })
	if at < 0 {
		return nil
	}
	args = args[at+1:]
	return args[:len(args)/2]
}

// setUp are the commands by which clients make a connection ready and see whether it lives. They
// differ in how many they send, so none of them is counted.
var setUp = map[string]bool{
	"HELLO":    true,
	"CLIENT":   true,
	"AUTH":     true,
	"SELECT":   true,
	"PING":     true,
	"COMMAND":  true,
	"READONLY": true,
	"QUIT":     true,
}

// unasked are the commands after which the server speaks unasked.
var unasked = map[string]bool{
	"SUBSCRIBE":  true,
	"PSUBSCRIBE": true,
	"SSUBSCRIBE": true,
	"MONITOR":    true,
}

// record counts a command that the client has sent, and writes it to the log.
func (s *session) record(q *request, args []string) {
	t := s.tap
	t.mu.Lock()
	defer t.mu.Unlock()
	q.command = newCommand(args, len(q.raw), s.id)
	q.setUp = setUp[q.command.Name()] || len(args) == 0
	if q.setUp {
		return
	}
	t.counts.Commands++
	if s.unanswered == 0 {
		t.counts.RoundTrips++
	}
	if !s.subscribed {
		s.unanswered++
	}
	if len(t.log) == 2*LogLimit {
		t.log = slices.Clone(t.log[LogLimit:])
	}
	t.log = append(t.log, q.command)
}

// expect notes that the server will answer a command.
func (s *session) expect(q *request) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	switch {
	case unasked[q.command.Name()]:
		s.subscribed, s.waiting, s.unanswered = true, nil, 0
	case !s.subscribed && len(q.command.Args) > 0:
		s.waiting = append(s.waiting, q)
	}
}

// push is how RESP 3 marks what the server says unasked.
const push = '>'

// answered returns the command that the next reply is to, or nil.
func (s *session) answered(kind byte) *request {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	if kind == push || len(s.waiting) == 0 {
		return nil
	}
	return s.waiting[0]
}

// settle notes that the reply to a command is on its way.
func (s *session) settle(kind byte) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	if kind == push || len(s.waiting) == 0 {
		return
	}
	if !s.waiting[0].setUp {
		s.unanswered--
	}
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
}
