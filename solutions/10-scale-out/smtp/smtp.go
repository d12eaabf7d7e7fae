// Package smtp sends mail through an SMTP server.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"example.com/boxoffice/solutions/10-scale-out/boxoffice"
)

const sender = "tickets@boxoffice.example"

// Mailer is a [boxoffice.Mailer].
type Mailer struct {
	// Addr is the server's host:port.
	Addr string
}

// region Send

// Send returns once the server has taken the mail, or when the context ends.
func (m *Mailer) Send(ctx context.Context, letter boxoffice.Mail) error {
	message, err := compose(letter)
	if err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	client, err := m.client(ctx)
	if err != nil {
		return fmt.Errorf("read SMTP_ADDR: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, message)
	if err != nil && !message.IsDelivered() { // after that, only the goodbye failed
		return fmt.Errorf("send mail through %s: %w", m.Addr, err)
	}
	return nil
}

// client speaks to the server: over TLS if that is offered, and until the context ends.
func (m *Mailer) client(ctx context.Context) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return mail.NewClient(host, mail.WithPort(number), mail.WithTLSPolicy(mail.TLSOpportunistic),
		mail.WithTimeout(longest), mail.WithDialContextFunc(untilDone(ctx)))
}

// longest is how long the server may keep silent at most. The context ends before that.
const longest = time.Hour

// untilDone dials connections that are closed when ctx ends: go-mail asks the context
// while it dials, and not after that.
func untilDone(ctx context.Context) mail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
}

// endregion

// compose writes the mail. What servers want to see besides, such as a Date, go-mail adds.
// The Message-ID is the same each time: mailboxes show a mail that they have got twice once.
func compose(letter boxoffice.Mail) (*mail.Msg, error) {
	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(sender), message.To(letter.To)); err != nil {
		return nil, err
	}
	message.SetMessageIDWithValue(letter.ID + "@boxoffice.example")
	message.Subject(letter.Subject)
	message.SetBodyString(mail.TypeTextPlain, letter.Text)
	return message, nil
}
