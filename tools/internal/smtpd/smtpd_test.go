package smtpd_test

import (
	"context"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	require.NoError(t, send(server, "Subject: Your tickets\r\n\r\nTwo seats.\r\n.hidden\r\n..\r\n"))
	require.Equal(t, 1, server.Count())
	require.Equal(t, 1, server.Sessions())
	m := server.Messages()[0]
	assert.Equal(t, "shop@example.com", m.From)
	assert.Equal(t, []string{"buyer@example.com", "other@example.com"}, m.To)
	assert.Equal(t, "Your tickets", m.Subject)
	assert.Equal(t, "Two seats.\n.hidden\n..\n", m.Body)
	assert.Equal(t, "Subject: Your tickets\r\n\r\nTwo seats.\r\n.hidden\r\n..\r\n", string(m.Raw))
	assert.WithinDuration(t, time.Now(), m.At, deadline)
}

func TestContentIsDecoded(t *testing.T) {
	for name, c := range map[string]struct{ content, subject, body string }{
		"quoted-printable": {
			"Subject: =?utf-8?q?Caf=C3=A9?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nZwei Pl=C3=A4=\r\ntze\r\n",
			"Café", "Zwei Plätze\n",
		},
		"base64": {
			"Subject: =?UTF-8?B?Q2Fmw6k=?=\r\nContent-Transfer-Encoding: base64\r\n\r\nWndl\r\naSBQbMOkdHpl\r\n",
			"Café", "Zwei Plätze",
		},
		"several parts": {
			"Subject: a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n" +
				"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=69\r\n--b--\r\n",
			"a", "hi",
		},
		"no plain part": {
			"Subject: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--b--\r\n",
			"a", "<p>hi</p>",
		},
		"no header": {"just words\r\n", "", "just words\n"},
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
	require.NoError(t, send(server, "Subject: a\r\n\r\n"))
	assert.GreaterOrEqual(t, time.Since(begun), 50*time.Millisecond)
}

func TestHoldStopsMessagesBeforeTheyAreAccepted(t *testing.T) {
	server := start(t)
	gate := server.Hold()
	sent := sending(server, "Subject: a\r\n\r\n")
	reached(t, gate.Reached())
	assert.Equal(t, 1, gate.Hits())
	assert.Zero(t, server.Count())
	gate.Open()
	require.NoError(t, <-sent)
	assert.Equal(t, 1, server.Count())
}

func TestHoldReplyStopsMessagesOnceAccepted(t *testing.T) {
	server := start(t)
	gate := server.HoldReply()
	sent := sending(server, "Subject: a\r\n\r\n")
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
	require.NoError(t, text.PrintfLine("Subject: a\r\n\r\n."))
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
	for _, content := range []string{
		"Message-ID: <1@shop>\r\nSubject: one\r\n\r\n",
		"Subject: none\r\n\r\n",
		"message-id:  <1@shop> \r\nSubject: one again\r\n\r\n",
		"Message-ID: <2@shop>\r\nSubject: two\r\n\r\n",
		"Subject: none either\r\n\r\n",
	} {
		require.NoError(t, send(server, content))
	}
	var subjects, ids []string
	for _, m := range server.Inbox("Buyer@example.com") {
		subjects, ids = append(subjects, m.Subject), append(ids, m.MessageID)
	}
	assert.Equal(t, []string{"one", "none", "two", "none either"}, subjects)
	assert.Equal(t, []string{"<1@shop>", "", "<2@shop>", ""}, ids)
	assert.Empty(t, server.Inbox("nobody@example.com"))
	assert.Equal(t, 5, server.Count(), "all of them arrived")
}

func TestRefuseToConcernsOneRecipient(t *testing.T) {
	server := start(t)
	to := func(address string) error {
		return smtp.SendMail(server.Addr(), nil, "shop@example.com", []string{address}, []byte("Subject: a\r\n\r\n"))
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
	refusal := server.Refuse(451, "try again later", 2)
	assert.Equal(t, 451, code(t, send(server, "Subject: a\r\n\r\n")))
	assert.Equal(t, 451, code(t, send(server, "Subject: a\r\n\r\n")))
	require.NoError(t, send(server, "Subject: a\r\n\r\n"))
	assert.Equal(t, 2, refusal.Hits())
	assert.Equal(t, 1, server.Count())
}

func TestRefuseUntilStopped(t *testing.T) {
	server := start(t)
	refusal := server.Refuse(550, "no such mailbox", 0)
	for range 3 {
		assert.Equal(t, 550, code(t, send(server, "Subject: a\r\n\r\n")))
	}
	refusal.Stop()
	require.NoError(t, send(server, "Subject: a\r\n\r\n"))
	assert.Equal(t, 3, refusal.Hits())
}

func TestDropClosesTheConnection(t *testing.T) {
	server := start(t)
	server.Drop(1)
	assert.Error(t, send(server, "Subject: a\r\n\r\n"))
	assert.Zero(t, server.Count())
	require.NoError(t, send(server, "Subject: a\r\n\r\n"))
	assert.Equal(t, 2, server.Sessions())
}

func TestManySendersAtOnce(t *testing.T) {
	server := start(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.NoError(t, send(server, "Subject: a\r\n\r\n")) })
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
		{"helo me", "250"},
		{"DATA", "503"},
		{"RCPT TO:<a@example.com>", "503"},
		{"MAIL FROM:nobody", "501"},
		{"mail from: <> SIZE=10", "250"},
		{"MAIL FROM:<b@example.com>", "503"},
		{"RCPT TO:<>", "501"},
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
		{"Subject: last\r\n\r\n.", "250"},
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
	sent := sending(server, "Subject: a\r\n\r\n")
	reached(t, gate.Reached())
	require.NoError(t, server.Close())
	assert.Error(t, <-sent)
	assert.Error(t, send(server, "Subject: a\r\n\r\n"))
}
