package smtpd_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fault"
	"example.com/boxoffice/tools/internal/smtpd"
)

const deadline = 10 * time.Second

func start(t *testing.T) *smtpd.Server {
	t.Helper()
	server, err := smtpd.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

// numbers tell messages apart.
var numbers atomic.Int64

// letter is a message as servers take it, with more headers.
func letter(subject, body string, headers ...string) string {
	head := []string{
		"Date: " + time.Now().Format(time.RFC1123Z), "From: Shop <shop@example.com>", "To: buyer@example.com",
		fmt.Sprintf("Message-ID: <%d@shop.example>", numbers.Add(1)), "Subject: " + subject,
	}
	return strings.Join(append(head, headers...), "\r\n") + "\r\n\r\n" + body
}

func send(server *smtpd.Server, content string) error {
	to := []string{"buyer@example.com", "other@example.com"}
	return smtp.SendMail(server.Addr(), nil, "shop@example.com", to, []byte(content))
}

// sending sends in the background.
func sending(server *smtpd.Server, content string) <-chan error {
	sent := make(chan error, 1)
	go func() { sent <- send(server, content) }()
	return sent
}

func reached(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(deadline):
		t.Fatal("no message came")
	}
}

func code(t *testing.T, err error) int {
	t.Helper()
	var reply *textproto.Error
	require.ErrorAs(t, err, &reply)
	return reply.Code
}

func TestMessageIsRecorded(t *testing.T) {
	server := start(t)
	content := letter("Your tickets", "Two seats.\r\n.hidden\r\n..\r\n")
	require.NoError(t, send(server, content))
	require.Equal(t, 1, server.Count())
	require.Equal(t, 1, server.Sessions())
	m := server.Messages()[0]
	assert.Equal(t, "shop@example.com", m.From)
	assert.Equal(t, []string{"buyer@example.com", "other@example.com"}, m.To)
	assert.Equal(t, "Your tickets", m.Subject)
	assert.Equal(t, "Two seats.\n.hidden\n..\n", m.Body)
	assert.Equal(t, content, string(m.Raw))
	assert.False(t, m.Encrypted)
	assert.Empty(t, server.Complaints())
	assert.WithinDuration(t, time.Now(), m.At, deadline)
}

func TestContentIsDecoded(t *testing.T) {
	const mime = "MIME-Version: 1.0"
	for name, c := range map[string]struct{ content, subject, body string }{
		"quoted-printable": {
			letter("=?utf-8?q?Caf=C3=A9?=", "Zwei Pl=C3=A4=\r\ntze\r\n", mime, "Content-Transfer-Encoding: quoted-printable"),
			"Café", "Zwei Plätze\n",
		},
		"base64": {
			letter("=?UTF-8?B?Q2Fmw6k=?=", "Wndl\r\naSBQbMOkdHpl\r\n", mime, "Content-Transfer-Encoding: base64"),
			"Café", "Zwei Plätze",
		},
		"eight bits": {
			letter("a", "Zwei Plätze\r\n", mime, "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"),
			"a", "Zwei Plätze\n",
		},
		"several parts": {
			letter("a", "--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n"+
				"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=69\r\n--b--\r\n",
				mime, "Content-Type: multipart/alternative; boundary=b"),
			"a", "hi",
		},
		"no plain part": {
			letter("a", "--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--b--\r\n", mime, "Content-Type: multipart/mixed; boundary=b"),
			"a", "<p>hi</p>",
		},
		"plain text, and no word about it": {letter("a", "hi\r\n"), "a", "hi\n"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			require.NoError(t, send(server, c.content))
			m := server.Messages()[0]
			assert.Equal(t, c.subject, m.Subject)
			assert.Equal(t, c.body, m.Body)
		})
	}
}

func TestDelay(t *testing.T) {
	server := start(t)
	server.Delay(50 * time.Millisecond)
	begun := time.Now()
	require.NoError(t, send(server, letter("a", "")))
	assert.GreaterOrEqual(t, time.Since(begun), 50*time.Millisecond)
}

func TestHoldStopsMessagesBeforeTheyAreAccepted(t *testing.T) {
	server := start(t)
	gate := server.Hold()
	sent := sending(server, letter("a", ""))
	reached(t, gate.Reached())
	assert.Equal(t, 1, gate.Hits())
	assert.Zero(t, server.Count())
	gate.Open()
	require.NoError(t, <-sent)
	assert.Equal(t, 1, server.Count())
}

func TestHoldToConcernsOneRecipient(t *testing.T) {
	server := start(t)
	gate := server.HoldTo("Someone@example.com")
	require.NoError(t, send(server, letter("a", "")))
	assert.Zero(t, gate.Hits())
	held := make(chan error, 1)
	go func() {
		held <- smtp.SendMail(server.Addr(), nil, "shop@example.com", []string{"someone@example.com"}, []byte(letter("b", "")))
	}()
	reached(t, gate.Reached())
	require.NoError(t, send(server, letter("c", "")))
	assert.Equal(t, 2, server.Count())
	gate.Open()
	require.NoError(t, <-held)
}

func TestHangUpAfterEndsBeforeTheGoodbye(t *testing.T) {
	server := start(t)
	stop := server.HangUpAfter()
	require.Error(t, send(server, letter("a", "")), "QUIT has no answer")
	assert.Equal(t, 1, server.Count())
	stop()
	require.NoError(t, send(server, letter("b", "")))
}

func TestHoldReplyStopsMessagesOnceAccepted(t *testing.T) {
	server := start(t)
	gate := server.HoldReply()
	sent := sending(server, letter("a", ""))
	reached(t, gate.Reached())
	assert.Equal(t, 1, server.Count())
	assert.Empty(t, sent)
	gate.Open()
	require.NoError(t, <-sent)
}

// beginMail hands over a message and doesn't wait for what becomes of it.
func beginMail(t *testing.T, server *smtpd.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	text := textproto.NewConn(conn)
	_, _, err = text.ReadResponse(220)
	require.NoError(t, err)
	for _, line := range []string{"HELO shop", "MAIL FROM:<shop@example.com>", "RCPT TO:<buyer@example.com>"} {
		require.NoError(t, text.PrintfLine("%s", line))
		_, _, err = text.ReadResponse(250)
		require.NoError(t, err)
	}
	require.NoError(t, text.PrintfLine("DATA"))
	_, _, err = text.ReadResponse(354)
	require.NoError(t, err)
	require.NoError(t, text.PrintfLine("%s.", letter("a", "")))
	return conn
}

func TestWhatADeadSenderHandedOverIsNotAccepted(t *testing.T) {
	server := start(t)
	for range 50 {
		gate := server.Hold()
		conn := beginMail(t, server)
		reached(t, gate.Reached())
		conn.Close()
		gate.Open()
	}
	require.NoError(t, server.Close())
	assert.Zero(t, server.Count())
}

func TestWhatWasAcceptedStaysWhenTheSenderDies(t *testing.T) {
	server := start(t)
	gate := server.HoldReply()
	conn := beginMail(t, server)
	reached(t, gate.Reached())
	conn.Close()
	gate.Open()
	assert.Equal(t, 1, server.Count())
}

func TestInboxShowsAMessageOnce(t *testing.T) {
	server := start(t)
	one := letter("one", "")
	for _, content := range []string{one, letter("two", ""), strings.Replace(one, "Message-ID: ", "message-id:  ", 1), one} {
		require.NoError(t, send(server, content))
	}
	var subjects []string
	for _, m := range server.Inbox("Buyer@example.com") {
		subjects = append(subjects, m.Subject)
	}
	assert.Equal(t, []string{"one", "two"}, subjects)
	assert.Empty(t, server.Inbox("nobody@example.com"))
	assert.Equal(t, 4, server.Count(), "all of them arrived")
}

func TestRefuseToConcernsOneRecipient(t *testing.T) {
	server := start(t)
	to := func(address string) error {
		return smtp.SendMail(server.Addr(), nil, "shop@example.com", []string{address}, []byte(letter("a", "")))
	}
	refusal := server.RefuseTo("gone@example.com", 550, "no such mailbox")
	assert.Equal(t, 550, code(t, to("Gone@example.com")))
	require.NoError(t, to("buyer@example.com"))
	assert.Equal(t, 1, refusal.Hits())
	refusal.Stop()
	require.NoError(t, to("gone@example.com"))
	assert.Equal(t, 2, server.Count())
}

func TestRefuseSoManyTimes(t *testing.T) {
	server := start(t)
	refusal := server.RefuseNext(2, 451, "try again later")
	assert.Equal(t, 451, code(t, send(server, letter("a", ""))))
	assert.Equal(t, 451, code(t, send(server, letter("a", ""))))
	require.NoError(t, send(server, letter("a", "")))
	assert.Equal(t, 2, refusal.Hits())
	assert.Equal(t, 1, server.Count())
}

func TestRefuseUntilStopped(t *testing.T) {
	server := start(t)
	refusal := server.Refuse(550, "no such mailbox")
	for range 3 {
		assert.Equal(t, 550, code(t, send(server, letter("a", ""))))
	}
	refusal.Stop()
	require.NoError(t, send(server, letter("a", "")))
	assert.Equal(t, 3, refusal.Hits())
}

func TestCutBeforeLeavesTheMessageOut(t *testing.T) {
	server := start(t)
	cut := server.CutAt(2, fault.Before)
	require.NoError(t, send(server, letter("a", "")))
	require.Error(t, send(server, letter("b", "")))
	reached(t, cut.Reached())
	assert.Equal(t, 1, server.Count())
	require.NoError(t, send(server, letter("c", "")))
	assert.Equal(t, 3, server.Sessions())
}

func TestCutAfterLeavesTheMessageAccepted(t *testing.T) {
	server := start(t)
	cut := server.CutAt(1, fault.After)
	require.Error(t, send(server, letter("a", "")))
	reached(t, cut.Reached())
	m, fallen := cut.At()
	assert.True(t, fallen)
	assert.Equal(t, "a", m.Subject)
	assert.Equal(t, 1, server.Count())
}

func TestStalledServerGreetsNobody(t *testing.T) {
	server := start(t)
	resume := server.Stall()
	sent := sending(server, letter("a", ""))
	require.Eventually(t, func() bool { return server.Sessions() == 1 }, deadline, time.Millisecond)
	assert.Empty(t, sent)
	resume()
	require.NoError(t, <-sent)
}

func TestServerThatIsDownIsNotThere(t *testing.T) {
	server := start(t)
	up := server.Down()
	require.Error(t, send(server, letter("a", "")))
	assert.Zero(t, server.Sessions())
	up()
	require.NoError(t, send(server, letter("a", "")))
}

func TestManySendersAtOnce(t *testing.T) {
	server := start(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.NoError(t, send(server, letter("a", ""))) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	require.NoError(t, server.WaitFor(ctx, 20))
	all.Wait()
	assert.Equal(t, 20, server.Count())
}

func TestWaitForSaysHowManyCame(t *testing.T) {
	server := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := server.WaitFor(ctx, 3)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "3 messages, of which 0 came")
}

// TestConversation sends what net/smtp never does, all at once, and reads the answers.
func TestConversation(t *testing.T) {
	server := start(t)
	conn, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	exchange := []struct{ say, hear string }{
		{"MAIL FROM:<b@example.com>", "503"},
		{"helo", "501"},
		{"helo me", "250"},
		{"DATA", "503"},
		{"RCPT TO:<a@example.com>", "503"},
		{"MAIL FROM:nobody", "501"},
		{"MAIL FROM:<nobody>", "501"},
		{"mail from: <> SIZE=10", "250"},
		{"MAIL FROM:<b@example.com>", "503"},
		{"RCPT TO:<>", "501"},
		{"RCPT TO:<bücher@example.com>", "501"},
		{"RCPT TO:<a@example.com>", "250"},
		{"RSET", "250"},
		{"DATA", "503"},
		{"NOOP", "250"},
		{"VRFY a", "252"},
		{"STARTTLS", "502"},
		{"", "502"},
		{"MAIL FROM:<>", "250"},
		{"RCPT TO:<a@example.com>", "250"},
		{"DATA", "354"},
		{letter("last", "") + ".", "250"},
		{"QUIT", "221"},
	}
	var said strings.Builder
	for _, e := range exchange {
		said.WriteString(e.say + "\r\n")
	}
	_, err = io.WriteString(conn, said.String())
	require.NoError(t, err)
	answers, err := io.ReadAll(conn)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(answers)), "\r\n")
	require.Len(t, lines, len(exchange)+1, "the greeting comes first")
	for i, e := range exchange {
		assert.Equal(t, e.hear, lines[i+1][:3], e.say)
	}
	require.Equal(t, 1, server.Count())
	assert.Equal(t, "", server.Messages()[0].From)
	assert.Equal(t, "last", server.Messages()[0].Subject)
}

func TestCloseFreesTheSender(t *testing.T) {
	server := start(t)
	gate := server.Hold()
	sent := sending(server, letter("a", ""))
	reached(t, gate.Reached())
	require.NoError(t, server.Close())
	assert.Error(t, <-sent)
	assert.Error(t, send(server, letter("a", "")))
}

// raw hands over a message byte by byte, as it is, and returns the code and the text of the answer.
func raw(t *testing.T, server *smtpd.Server, mail, content string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	text := textproto.NewConn(conn)
	_, _, err = text.ReadResponse(220)
	require.NoError(t, err)
	for _, c := range []struct {
		say  string
		code int
	}{{"EHLO shop", 250}, {mail, 250}, {"RCPT TO:<buyer@example.com>", 250}, {"DATA", 354}} {
		require.NoError(t, text.PrintfLine("%s", c.say))
		_, _, err = text.ReadResponse(c.code)
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, content)
	require.NoError(t, err)
	code, message, err := text.ReadResponse(0)
	require.NoError(t, err)
	return fmt.Sprintf("%d %s", code, message)
}

// What is wrong with each of these, real servers or their filters refuse.
func TestWhatIsNotAsItMustBeIsRefused(t *testing.T) {
	const (
		plain    = "MAIL FROM:<shop@example.com>"
		declared = plain + " BODY=8BITMIME"
		mime     = "MIME-Version: 1.0"
		eight    = "Content-Transfer-Encoding: 8bit"
	)
	without := func(name string) string {
		var kept []string
		for _, line := range strings.SplitAfter(letter("a", "hi\r\n"), "\r\n") {
			if !strings.HasPrefix(line, name+":") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	with := func(name, value string) string {
		return strings.Replace(without(name), "Subject:", name+": "+value+"\r\nSubject:", 1)
	}
	for name, c := range map[string]struct{ mail, content, want string }{
		"no Date":                       {plain, without("Date"), "550 5.7.1 a message without Date"},
		"a Date that is none":           {plain, with("Date", "2026-11-30T12:00:00Z"), "550 5.7.1 Date is"},
		"a Date of long ago":            {plain, with("Date", "Mon, 02 Jan 2006 15:04:05 -0700"), "550 5.7.1 Date is"},
		"no From":                       {plain, without("From"), `550 5.7.1 From is ""`},
		"two authors":                   {plain, with("From", "a@example.com, b@example.com"), "550 5.7.1 From is"},
		"no Message-ID":                 {plain, without("Message-ID"), `550 5.7.1 Message-ID is ""`},
		"a Message-ID that is none":     {plain, with("Message-ID", "42"), "550 5.7.1 Message-ID is"},
		"two Subjects":                  {plain, letter("a", "", "Subject: b"), "550 5.7.1 2 headers Subject"},
		"two To":                        {plain, letter("a", "", "To: thief@example.com"), "550 5.7.1 2 headers To"},
		"no MIME-Version":               {plain, letter("a", "hi\r\n", "Content-Type: text/plain"), "550 5.6.0 MIME-Version is"},
		"a header beyond ASCII":         {declared, letter("Café", "hi\r\n"), "550 5.6.7 line 5"},
		"no header":                     {plain, "just words\r\n", "550 5.6.0 the header can't be read"},
		"eight bits that nobody says":   {declared, letter("a", "é\r\n", mime), "550 5.6.1"},
		"eight bits without BODY":       {plain, letter("a", "é\r\n", mime, eight), "550 5.6.3"},
		"a line that is too long":       {plain, letter("a", strings.Repeat("x", 999)+"\r\n"), "550 5.6.0 line 7 has 999 bytes"},
		"a header that is too long":     {plain, letter(strings.Repeat("x", 999), ""), "550 5.6.0 line 5 has"},
		"a zero byte":                   {plain, letter("a", "a\x00b\r\n"), "550 5.6.0 line 7: a zero byte"},
		"a bare line feed":              {plain, letter("a", "one\ntwo\r\n"), "550 5.5.2 line 7: bare CR or LF"},
		"a bare carriage return":        {plain, letter("a", "one\rtwo\r\n"), "550 5.5.2 line 7: bare CR or LF"},
		"bare line feeds alone":         {plain, strings.ReplaceAll(letter("a", "hi\r\n"), "\r\n", "\n"), "550 5.5.2"},
		"a second message in the first": {plain, letter("a", "hi\n.\r\nMAIL FROM:<x@example.com>\r\n"), "550 5.5.2"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			got := raw(t, server, c.mail, c.content+".\r\n")
			assert.Contains(t, got, c.want)
			assert.Zero(t, server.Count())
			require.NotEmpty(t, server.Complaints())
			assert.Contains(t, server.Complaints()[0], c.want)
		})
	}
}

func TestCommandsHaveAnEndAndALimit(t *testing.T) {
	for name, line := range map[string]string{"bare LF": "NOOP\n", "too long": "NOOP " + strings.Repeat("x", 600) + "\r\n"} {
		server := start(t)
		conn, err := net.Dial("tcp", server.Addr())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
		_, err = io.WriteString(conn, line)
		require.NoError(t, err)
		text := textproto.NewConn(conn)
		_, _, err = text.ReadResponse(220)
		require.NoError(t, err)
		_, message, err := text.ReadResponse(500)
		require.NoError(t, err)
		assert.Contains(t, message, name)
	}
}

func TestTLSIsOfferedWhenAsked(t *testing.T) {
	server := start(t)
	certificate, err := smtpd.Certificate()
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(certificate))
	dial := func(config *tls.Config) (*smtp.Client, bool, error) {
		client, err := smtp.Dial(server.Addr())
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		offered, _ := client.Extension("STARTTLS")
		if offered && config != nil {
			err = client.StartTLS(config)
		}
		return client, offered, err
	}
	_, offered, _ := dial(nil)
	assert.False(t, offered)
	require.NoError(t, server.OfferTLS())

	_, offered, err = dial(&tls.Config{ServerName: "127.0.0.1"})
	assert.True(t, offered)
	assert.ErrorContains(t, err, "certificate", "nobody vouches for it")
	client, _, err := dial(&tls.Config{ServerName: "127.0.0.1", RootCAs: trusted})
	require.NoError(t, err)
	again, _ := client.Extension("STARTTLS")
	assert.False(t, again)
	require.NoError(t, client.Mail("shop@example.com"))
	require.NoError(t, client.Rcpt("buyer@example.com"))
	body, err := client.Data()
	require.NoError(t, err)
	_, err = io.WriteString(body, letter("a", "hi\r\n"))
	require.NoError(t, err)
	require.NoError(t, body.Close())
	assert.Equal(t, 2, server.Handshakes())
	require.Equal(t, 1, server.Count())
	assert.True(t, server.Messages()[0].Encrypted)
	client, _, _ = dial(nil)
	require.NoError(t, client.Mail("shop@example.com"), "who doesn't want TLS is served as before")
}
