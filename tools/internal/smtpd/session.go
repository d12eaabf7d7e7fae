package smtpd

import (
	"net"
	"net/textproto"
	"strings"
)

// session is one connection of a sender.
type session struct {
	server *Server
	socket net.Conn
	text   *textproto.Conn
	from   string
	mail   bool // MAIL was said
	to     []string
}

func newSession(server *Server, socket net.Conn) *session {
	return &session{server: server, socket: socket, text: textproto.NewConn(socket)}
}

// run answers commands until the sender quits, leaves, or is dropped.
func (s *session) run() {
	s.say(220, "boxoffice lab")
	for {
		line, err := s.text.ReadLine()
		if err != nil || !s.answer(line) {
			return
		}
	}
}

func (s *session) say(code int, text string) {
	_ = s.text.PrintfLine("%d %s", code, text)
}

// answer reports whether the session goes on.
func (s *session) answer(line string) bool {
	verb, argument, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO", "HELO":
		s.reset()
		s.say(250, "boxoffice lab")
	case "MAIL":
		s.begin(argument)
	case "RCPT":
		s.address(argument)
	case "DATA":
		return s.data()
	case "RSET":
		s.reset()
		s.say(250, "forgotten")
	case "NOOP":
		s.say(250, "still here")
	case "QUIT":
		s.say(221, "bye")
		return false
	default:
		s.say(502, "the lab's mail server has no "+verb)
	}
	return true
}

func (s *session) reset() { s.mail, s.from, s.to = false, "", nil }

func (s *session) begin(argument string) {
	from, ok := path(argument, "FROM:")
	if !ok {
		s.say(501, "say MAIL FROM:<address>")
		return
	}
	s.reset()
	s.mail, s.from = true, from
	s.say(250, "go on")
}

func (s *session) address(argument string) {
	to, ok := path(argument, "TO:")
	switch {
	case !s.mail:
		s.say(503, "say MAIL first")
	case !ok || to == "":
		s.say(501, "say RCPT TO:<address>")
	default:
		s.to = append(s.to, to)
		s.say(250, "go on")
	}
}

// path reads the address of MAIL and RCPT: "FROM:<ann@example.com> SIZE=12".
func path(argument, prefix string) (string, bool) {
	if len(argument) < len(prefix) || !strings.EqualFold(argument[:len(prefix)], prefix) {
		return "", false
	}
	rest := strings.TrimSpace(argument[len(prefix):])
	address, _, found := strings.Cut(strings.TrimPrefix(rest, "<"), ">")
	return address, found && strings.HasPrefix(rest, "<")
}

// data takes a mail, with the faults that a test has set. It reports whether
// the session goes on.
func (s *session) data() bool {
	if len(s.to) == 0 {
		s.say(503, "say RCPT first")
		return true
	}
	s.say(354, "end with a dot on a line of its own")
	raw, err := s.text.ReadDotBytes()
	if err != nil {
		return false
	}
	m := parse(s.from, s.to, raw)
	s.reset()
	verdict := s.server.judge(m)
	switch {
	case verdict.gone:
		return false
	case verdict.code != 0:
		s.say(verdict.code, verdict.text)
	default:
		s.say(250, "accepted")
	}
	return true
}
