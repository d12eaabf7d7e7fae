// Package smtp sends mail through an SMTP server.
package smtp

import (
	"context"
	"fmt"
	"log/slog"
	"mime"
	"net/smtp"

	"example.com/boxoffice/steps/08-caching/boxoffice"
)

const sender = "tickets@boxoffice.example"

// Mailer is a [boxoffice.Mailer].
type Mailer struct {
	// Addr is the server's host:port. When it is empty, mail is logged and dropped.
	Addr string
}

// Send returns once the server has taken the mail, however long that takes:
// net/smtp knows no context.
func (m *Mailer) Send(ctx context.Context, mail boxoffice.Mail) error {
	if m.Addr == "" {
		slog.WarnContext(ctx, "no mail sent, since SMTP_ADDR is not set")
		return nil
	}
	if err := smtp.SendMail(m.Addr, nil, sender, []string{mail.To}, message(mail)); err != nil {
		return fmt.Errorf("send mail through %s: %w", m.Addr, err)
	}
	return nil
}

func message(mail boxoffice.Mail) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
		sender, mail.To, mime.QEncoding.Encode("utf-8", mail.Subject), mail.Text)
}
