package smtpd

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// Message is a mail as it was handed over.
type Message struct {
	// From and To are of the envelope: what the sender told the server.
	From string
	To   []string
	// Subject and Body are decoded. The body of a mail in several parts is left as it is.
	Subject, Body string
	// Raw is all that was sent between DATA and the closing dot.
	Raw []byte
	// At is when the server accepted it.
	At time.Time
}

func parse(from string, to []string, raw []byte) Message {
	m := Message{From: from, To: to, Raw: raw}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		m.Body = string(raw) // no header: then all of it is text
		return m
	}
	m.Subject = parsed.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(m.Subject); err == nil {
		m.Subject = decoded
	}
	body, _ := io.ReadAll(decode(parsed))
	m.Body = strings.ReplaceAll(string(body), "\r\n", "\n")
	return m
}

func decode(m *mail.Message) io.Reader {
	switch strings.ToLower(m.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		return quotedprintable.NewReader(m.Body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, m.Body)
	}
	return m.Body
}
