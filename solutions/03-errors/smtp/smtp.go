// Package smtp sends mail through an SMTP server.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"strconv"

	"github.com/wneessen/go-mail"

	"example.com/boxoffice/solutions/03-errors/boxoffice"
)

const sender = "tickets@boxoffice.example"

// Mailer is a [boxoffice.Mailer].
type Mailer struct {
	// Addr is the server's host:port. When it is empty, mail is logged and dropped.
	Addr string
}

// Send returns once the server has taken the mail, or has kept silent for so long that
// go-mail gives it up.
func (m *Mailer) Send(_ context.Context, letter boxoffice.Mail) error {
	if m.Addr == "" {
		log.Printf("SMTP_ADDR is not set: no mail to %s", letter.To)
		return nil
	}
	if err := m.send(letter); err != nil {
		return fmt.Errorf("send mail through %s: %w", m.Addr, err)
	}
	return nil
}

func (m *Mailer) send(letter boxoffice.Mail) error {
	message, err := compose(letter)
	if err != nil {
		return err
	}
	client, err := m.client()
	if err != nil {
		return err
	}
	return client.DialAndSend(message)
}

// client speaks to the server: over TLS if that is offered.
func (m *Mailer) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return mail.NewClient(host, mail.WithPort(number), mail.WithTLSPolicy(mail.TLSOpportunistic))
}

// compose writes the mail. What servers want to see besides, such as a Date, go-mail adds.
func compose(letter boxoffice.Mail) (*mail.Msg, error) {
	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(sender), message.To(letter.To)); err != nil {
		return nil, err
	}
	message.Subject(letter.Subject)
	message.SetBodyString(mail.TypeTextPlain, letter.Text)
	return message, nil
}
