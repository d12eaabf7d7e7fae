package smtpd

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"time"
)

// What real mail servers, and the filters behind them, do with a message that isn't as it must be: they
// refuse it for good, or throw it away without a word. This one refuses, and says why.

// longestLine is how long a line may be, in bytes and without its end: RFC 5322, section 2.1.1.
const longestLine = 998

// staleAfter is how far from now a Date may be.
const staleAfter = 24 * time.Hour

// flaw returns why a message isn't taken; nil for one that is as it must be. declared says that MAIL
// came with BODY=8BITMIME.
func flaw(raw []byte, declared bool) *answer {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	checks := []func() *answer{
		func() *answer { return flawOfLines(raw) },
		func() *answer { return flawOfHeader(head) },
		func() *answer { return flawOfBody(head, body, declared) },
	}
	for _, check := range checks {
		if no := check(); no != nil {
			return no
		}
	}
	return nil
}

func no(status, format string, args ...any) *answer {
	return &answer{550, status + " " + fmt.Sprintf(format, args...)}
}

// flawOfLines looks at the bytes: how lines end, and how long they are. Since 2023, when it was found that
// two servers may see the end of a message in different places, many take no bare line feed.
func flawOfLines(raw []byte) *answer {
	for number, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\r\n")), []byte("\r\n")) {
		switch {
		case bytes.ContainsAny(line, "\r\n"):
			return no("5.5.2", "line %d: bare CR or LF; lines end with CRLF", number+1)
		case bytes.IndexByte(line, 0) >= 0:
			return no("5.6.0", "line %d: a zero byte", number+1)
		case len(line) > longestLine:
			return no("5.6.0", "line %d has %d bytes; %d are the most", number+1, len(line), longestLine)
		}
	}
	return nil
}

// once are the headers that a message has at most once: RFC 5322, section 3.6, and RFC 2045. A second one is
// what is left of an injection.
var once = []string{
	"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-Id", "In-Reply-To", "References", "Subject",
	"Mime-Version", "Content-Type", "Content-Transfer-Encoding",
}

// messageID is what names a message: <left@right>.
var messageID = regexp.MustCompile(`^<[^<>@\s]+@[^<>@\s]+>$`)

func flawOfHeader(head []byte) *answer {
	parsed, err := mail.ReadMessage(bytes.NewReader(append(bytes.Clone(head), "\r\n\r\n"...)))
	if err != nil {
		return no("5.6.0", "the header can't be read: %v", err)
	}
	h := textproto.MIMEHeader(parsed.Header)
	for _, name := range once {
		if n := len(h[name]); n > 1 {
			return no("5.7.1", "%d headers %s; there may be one", n, name)
		}
	}
	for i, b := range head {
		if b >= 0x80 {
			line := 1 + bytes.Count(head[:i], []byte("\n"))
			return no("5.6.7", "line %d: a header with bytes beyond ASCII, which have to be encoded (RFC 2047)", line)
		}
	}
	date, err := parsed.Header.Date()
	switch {
	case h.Get("Date") == "":
		return no("5.7.1", "a message without Date (RFC 5322, section 3.6)")
	case err != nil:
		return no("5.7.1", "Date is %q, which is none: %v", h.Get("Date"), err)
	case time.Since(date).Abs() > staleAfter:
		return no("5.7.1", "Date is %s, and it is %s", h.Get("Date"), time.Now().Format(time.RFC1123Z))
	}
	from, err := parsed.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		return no("5.7.1", "From is %q; it has to be one address", h.Get("From"))
	}
	if id := strings.TrimSpace(h.Get("Message-Id")); !messageID.MatchString(id) {
		return no("5.7.1", "Message-ID is %q; messages without a valid one are not accepted", id)
	}
	typed := h.Get("Content-Type") != "" || h.Get("Content-Transfer-Encoding") != ""
	if version := h.Get("Mime-Version"); typed && strings.TrimSpace(version) != "1.0" {
		return no("5.6.0", "MIME-Version is %q, and Content-Type or Content-Transfer-Encoding are there: it has to be 1.0", version)
	}
	return nil
}

// eightBit matches what says that a body, or a part of it, has bytes beyond ASCII.
var eightBit = regexp.MustCompile(`(?im)^content-transfer-encoding:\s*(8bit|binary)\s*$`)

func flawOfBody(head, body []byte, declared bool) *answer {
	for _, b := range body {
		if b < 0x80 {
			continue
		}
		whole := bytes.ReplaceAll(bytes.Join([][]byte{head, body}, []byte("\n\n")), []byte("\r\n"), []byte("\n"))
		switch {
		case !eightBit.Match(whole):
			return no("5.6.1", "the body has bytes beyond ASCII, and no Content-Transfer-Encoding that says so")
		case !declared:
			return no("5.6.3", "the body has bytes beyond ASCII, and MAIL came without BODY=8BITMIME")
		}
		return nil
	}
	return nil
}
