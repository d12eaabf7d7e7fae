package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/fault"
)

const (
	// maxMessage is how large a message may be, in bytes.
	maxMessage = 25 << 20
	// maxCommand is how long a command may be, in bytes, its end included: RFC 5321, section
	// 4.5.3.1.4.
	maxCommand = 512
)

// session is one connection.
type session struct {
	server    *Server
	conn      *fault.Conn
	reader    *bufio.Reader
	writer    io.Writer
	encrypted bool
	greeted   bool // EHLO or HELO came
	from      string
	mail      bool // MAIL was accepted
	declared  bool // with BODY=8BITMIME
	to        []string
}

func newSession(server *Server, conn *fault.Conn) *session {
	s := &session{server: server, conn: conn}
	s.use(conn)
	return s
}

// use has the session go on over conn.
func (s *session) use(conn net.Conn) { s.reader, s.writer = bufio.NewReader(conn), conn }

// errHangUp ends a session.
var errHangUp = errors.New("hang up")

// errBare says that a line ended without CR, errLong that it never ended.
var (
	errBare = errors.New("bare LF")
	errLong = errors.New("the line is too long")
)

// line reads a command.
func (s *session) line() (string, error) {
	var line []byte
	for {
		piece, err := s.reader.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		case len(line) > maxCommand:
			return "", errLong
		case err == nil && !bytes.HasSuffix(line, []byte("\r\n")):
			return "", errBare
		case err == nil:
			return string(line[:len(line)-2]), nil
		}
	}
}

func (s *session) serve() {
	if s.resumed() != nil || s.reply(220, "boxoffice ESMTP: nothing is delivered from here") != nil {
		return
	}
	for {
		line, err := s.line()
		switch {
		case errors.Is(err, errBare), errors.Is(err, errLong):
			_ = s.reply(500, "5.5.2 "+err.Error())
			return
		case err != nil || s.resumed() != nil || s.command(line) != nil:
			return
		}
	}
}

func (s *session) reply(code int, text string) error {
	_, err := fmt.Fprintf(s.writer, "%d %s\r\n", code, text)
	return err
}

// command answers one line of the client's.
func (s *session) command(line string) error {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch strings.ToUpper(verb) {
	case "HELO":
		return s.greet(rest, "boxoffice")
	case "EHLO":
		return s.greet(rest, append([]string{"boxoffice"}, s.extensions()...)...)
	case "STARTTLS":
		return s.startTLS()
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

func (s *session) reset() { s.from, s.mail, s.declared, s.to = "", false, false, nil }

// extensions are what EHLO is told. Addresses and headers beyond ASCII (SMTPUTF8) aren't among
// them: half of all servers take none.
func (s *session) extensions() []string {
	list := []string{"8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", fmt.Sprintf("SIZE %d", maxMessage)}
	if s.server.offer() != nil && !s.encrypted {
		list = append(list, "STARTTLS")
	}
	return list
}

// greet answers EHLO and HELO.
func (s *session) greet(name string, lines ...string) error {
	if strings.TrimSpace(name) == "" {
		return s.reply(501, "5.5.4 who are you?")
	}
	s.reset()
	s.greeted = true
	for i, line := range lines {
		between := "-"
		if i == len(lines)-1 {
			between = " "
		}
		if _, err := fmt.Fprintf(s.writer, "250%s%s\r\n", between, line); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) sender(rest string) error {
	address, ok := path(rest, "FROM:")
	switch {
	case !s.greeted:
		return s.reply(503, "5.5.1 EHLO comes first")
	case !ok:
		return s.reply(501, "expected MAIL FROM:<address>")
	case !isAddress(address) && address != "":
		return s.reply(501, "5.1.7 that is no address")
	case s.mail:
		return s.reply(503, "a message is begun already")
	}
	s.from, s.mail = address, true
	s.declared = strings.Contains(strings.ToUpper(rest), "BODY=8BITMIME")
	return s.reply(250, "sender noted")
}

func (s *session) recipient(rest string) error {
	address, ok := path(rest, "TO:")
	switch {
	case !ok || address == "":
		return s.reply(501, "expected RCPT TO:<address>")
	case !s.mail:
		return s.reply(503, "MAIL comes first")
	case !isAddress(address):
		return s.reply(501, "5.1.3 that is no address")
	}
	if no, refused := s.server.recipientRefusals.For(address); refused {
		return s.reply(no.code, no.text)
	}
	s.to = append(s.to, address)
	return s.reply(250, "recipient noted")
}

// isAddress reports whether it may stand in an envelope: ASCII, with an @ in it.
func isAddress(text string) bool {
	at := strings.LastIndexByte(text, '@')
	odd := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	return at > 0 && at < len(text)-1 && odd < 0
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
	m := Message{From: s.from, To: s.to, Raw: raw, Encrypted: s.encrypted}
	no := flaw(raw, s.declared)
	s.reset()
	switch {
	case len(raw) > maxMessage:
		return s.reply(552, "message too large")
	case no != nil:
		s.server.complain(*no)
		return s.reply(no.code, no.text)
	}
	return s.take(m)
}

// content reads the message, whose lines that begin with a dot have had it doubled, up to the dot that
// stands alone. Of one that is too large, it keeps enough to tell. One with a bare line feed won't be
// taken, so a dot behind that may end it, too: who ends all lines so would else wait for ever.
func (s *session) content() (raw []byte, err error) {
	begins, bare := true, false // a line
	for {
		piece, err := s.reader.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		ended := err == nil
		if begins && (string(piece) == ".\r\n" || bare && string(piece) == ".\n") {
			return raw, nil
		}
		if begins && piece[0] == '.' {
			piece = piece[1:]
		}
		if len(raw) <= maxMessage {
			raw = append(raw, piece...)
		}
		begins = ended
		bare = bare || ended && len(raw) <= maxMessage && !bytes.HasSuffix(raw, []byte("\r\n"))
	}
}

// take accepts a message, with all the faults that are asked for.
func (s *session) take(m Message) error {
	server := s.server
	m.parse()
	cut := server.cuts.Due(m)
	if cut != nil && cut.When == fault.Before {
		return s.hangUp(cut, m)
	}
	if err := s.waitToAccept(m); err != nil {
		return err
	}
	if no, refused := server.refusals.For(m); refused {
		return s.reply(no.code, no.text)
	}
	m.At = time.Now()
	server.keep(m)
	if cut != nil {
		return s.hangUp(cut, m)
	}
	if _, err := server.replyGates.Pass(s.conn.Context(), m); err != nil {
		return err
	}
	if err := s.reply(250, "accepted"); err != nil || server.curt.Load() == 0 {
		return err
	}
	return errHangUp
}

func (s *session) hangUp(cut *fault.Cut[Message], m Message) error {
	s.conn.Close()
	cut.Fall(m)
	return errHangUp
}

// waitToAccept waits out the delay, a stall, and the gates. It fails when there is nobody any more then
// to accept the message from.
func (s *session) waitToAccept(m Message) error {
	link, ctx := s.server.link, s.conn.Context()
	waits := link.Delayed() || link.Stalled()
	if err := link.AwaitDelay(ctx); err != nil {
		return err
	}
	if err := s.resumed(); err != nil {
		return err
	}
	held, err := s.server.gates.Pass(ctx, m)
	if err != nil {
		return err
	}
	if (waits || held) && s.conn.Gone() {
		return errHangUp
	}
	return nil
}

// resumed returns once nothing is stalled.
func (s *session) resumed() error { return s.server.link.AwaitResume(s.conn.Context()) }
