package smtpd

import (
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/peer"
)

// maxMessage is how large a message may be, in bytes.
const maxMessage = 25 << 20

// session is one connection.
type session struct {
	server *Server
	conn   net.Conn
	text   *textproto.Conn
	from   string
	mail   bool // MAIL was accepted
	to     []string
}

func newSession(server *Server, conn net.Conn) *session {
	return &session{server: server, conn: conn, text: textproto.NewConn(conn)}
}

// errHangUp ends a session.
var errHangUp = errors.New("hang up")

func (s *session) serve() {
	if s.reply(220, "boxoffice ESMTP: nothing is delivered from here") != nil {
		return
	}
	for {
		line, err := s.text.ReadLine()
		if err != nil || s.command(line) != nil {
			return
		}
	}
}

func (s *session) reply(code int, text string) error {
	return s.text.PrintfLine("%d %s", code, text)
}

// command answers one line of the client's.
func (s *session) command(line string) error {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch strings.ToUpper(verb) {
	case "HELO":
		s.reset()
		return s.reply(250, "boxoffice")
	case "EHLO":
		s.reset()
		return s.text.PrintfLine("250-boxoffice\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 SIZE %d", maxMessage)
	case "MAIL":
		return s.sender(rest)
	case "RCPT":
		return s.recipient(rest)
	case "DATA":
		return s.data()
	case "RSET":
		s.reset()
		return s.reply(250, "forgotten")
	case "NOOP":
		return s.reply(250, "done")
	case "VRFY":
		return s.reply(252, "send it and see")
	case "QUIT":
		s.reply(221, "goodbye")
		return errHangUp
	}
	return s.reply(502, "command not known here")
}

func (s *session) reset() { s.from, s.mail, s.to = "", false, nil }

func (s *session) sender(rest string) error {
	address, ok := path(rest, "FROM:")
	switch {
	case !ok:
		return s.reply(501, "expected MAIL FROM:<address>")
	case s.mail:
		return s.reply(503, "a message is begun already")
	}
	s.from, s.mail = address, true
	return s.reply(250, "sender noted")
}

func (s *session) recipient(rest string) error {
	address, ok := path(rest, "TO:")
	switch {
	case !ok || address == "":
		return s.reply(501, "expected RCPT TO:<address>")
	case !s.mail:
		return s.reply(503, "MAIL comes first")
	}
	if r := s.server.refusalFor(address); r != nil {
		return s.reply(r.code, r.text)
	}
	s.to = append(s.to, address)
	return s.reply(250, "recipient noted")
}

// path returns the address in FROM:<address>, which parameters may follow.
func path(rest, label string) (string, bool) {
	rest = strings.TrimSpace(rest)
	if len(rest) < len(label) || !strings.EqualFold(rest[:len(label)], label) {
		return "", false
	}
	rest, opened := strings.CutPrefix(strings.TrimSpace(rest[len(label):]), "<")
	address, _, closed := strings.Cut(rest, ">")
	return address, opened && closed
}

// data takes the message in.
func (s *session) data() error {
	if len(s.to) == 0 {
		return s.reply(503, "RCPT comes first")
	}
	if err := s.reply(354, "end with a dot alone on a line"); err != nil {
		return err
	}
	raw, err := s.content()
	if err != nil {
		return err
	}
	m := Message{From: s.from, To: s.to, Raw: raw}
	s.reset()
	if len(raw) > maxMessage {
		return s.reply(552, "message too large")
	}
	return s.take(m)
}

// content reads the message, whose lines that begin with a dot have had it doubled.
func (s *session) content() ([]byte, error) {
	dots := s.text.DotReader()
	raw, err := io.ReadAll(io.LimitReader(dots, maxMessage+1))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, dots); err != nil {
		return nil, err
	}
	return []byte(strings.ReplaceAll(string(raw), "\n", "\r\n")), nil
}

// take accepts a message, with all the faults that are asked for.
func (s *session) take(m Message) error {
	server := s.server
	if server.use(&server.drops) != nil || !server.dawdle() || !s.waitToAccept() {
		return errHangUp
	}
	if r := server.use(&server.refusals); r != nil {
		return s.reply(r.code, r.text)
	}
	m.At = time.Now()
	m.parse()
	server.keep(m)
	if _, ok := server.wait(true); !ok {
		return errHangUp
	}
	return s.reply(250, "accepted")
}

// waitToAccept holds a message at the gates before it is accepted. It reports false when there is
// nobody any more to accept it from.
func (s *session) waitToAccept() bool {
	held, ok := s.server.wait(false)
	if !held || !ok {
		return ok
	}
	_, gone := peer.Look(s.conn)
	return !gone
}
