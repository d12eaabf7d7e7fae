// Package smtp sends mail through an SMTP server.
package smtp

import (
	"context"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/smtp"

	"example.com/boxoffice/steps/09-queues/boxoffice"
)

const sender = "tickets@boxoffice.example"

// Mailer is a [boxoffice.Mailer].
type Mailer struct {
	// Addr is the server's host:port. When it is empty, mail is logged and dropped.
	Addr string
}

// Send returns once the server has taken the mail, or when the context ends.
func (m *Mailer) Send(ctx context.Context, mail boxoffice.Mail) error {
	if m.Addr == "" {
		slog.WarnContext(ctx, "no mail sent, since SMTP_ADDR is not set")
		return nil
	}
	if err := m.send(ctx, mail); err != nil {
		return fmt.Errorf("send mail through %s: %w", m.Addr, err)
	}
	return nil
}

func (m *Mailer) send(ctx context.Context, mail boxoffice.Mail) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // net/smtp knows no context
	client, err := smtp.NewClient(conn, m.Addr)
	if err != nil {
		return err
	}
	if err := client.Mail(sender); err != nil {
		return err
	}
	if err := client.Rcpt(mail.To); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(message(mail)); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the server has the mail, whatever it says to this
	return nil
}

// message writes the mail.
//
// TODO(task 3): a mailbox drops a mail that it has already. By what does it know it?
func message(mail boxoffice.Mail) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
		sender, mail.To, mime.QEncoding.Encode("utf-8", mail.Subject), mail.Text)
}
