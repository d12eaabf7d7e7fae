package smtpd

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Message is one message as it was handed over.
type Message struct {
	From    string   // of the envelope, as MAIL FROM gave it
	To      []string // of the envelope, as RCPT TO gave them
	Header  mail.Header
	Subject string // decoded
	// MessageID is what the header Message-ID names the message by, as <42@example.com>.
	MessageID string
	Body      string    // decoded; the text/plain part, or else the first, of one that has several
	Raw       []byte    // all of it, with CRLF at the end of each line
	Encrypted bool      // it came over TLS
	At        time.Time // when it was accepted
}

// isTo reports whether the envelope names the address.
func (m *Message) isTo(address string) bool {
	return slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) })
}

// parse reads the message's content into it. It has no [flaw].
func (m *Message) parse() {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return
	}
	m.Header = parsed.Header
	m.MessageID = strings.TrimSpace(parsed.Header.Get("Message-ID"))
	m.Subject = parsed.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(m.Subject); err == nil {
		m.Subject = decoded
	}
	m.Body = text(parsed.Header.Get, parsed.Body)
}

// text returns the readable part of a body.
func text(header func(string) string, body io.Reader) string {
	kind, params, _ := mime.ParseMediaType(header("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return plainest(multipart.NewReader(body, params["boundary"]))
	}
	raw, _ := io.ReadAll(decode(header("Content-Transfer-Encoding"), body))
	return lines(raw)
}

// plainest returns the first part that is plain text, or else the first.
func plainest(parts *multipart.Reader) string {
	first := ""
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return first
		}
		content := text(part.Header.Get, part)
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if kind == "" || kind == "text/plain" {
			return content
		}
		if first == "" {
			first = content
		}
	}
}

func decode(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	}
	return body
}

// lines turns CRLF, which lines end in on the wire, into what Go programs use.
func lines(raw []byte) string { return strings.ReplaceAll(string(raw), "\r\n", "\n") }
