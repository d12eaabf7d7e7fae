package pgtap

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// The codes by which the first message of a connection says what it is.
const (
	sslRequest    = 80877103
	gssRequest    = 80877104
	cancelRequest = 80877102

	maxStartup = 10_000 // bytes, as in PostgreSQL
)

// startup is the first message of a connection, which has no kind.
type startup struct {
	raw  []byte
	code int
}

// readStartup returns the client's first message. Requests for encryption are answered with no.
func readStartup(client net.Conn) (startup, error) {
	for {
		m, err := readUntyped(client)
		if err != nil {
			return startup{}, err
		}
		if m.code != sslRequest && m.code != gssRequest {
			return m, nil
		}
		if _, err := client.Write([]byte{'N'}); err != nil {
			return startup{}, err
		}
	}
}

func readUntyped(r io.Reader) (startup, error) {
	raw := make([]byte, 8)
	if _, err := io.ReadFull(r, raw); err != nil {
		return startup{}, err
	}
	size := int(binary.BigEndian.Uint32(raw))
	if size < len(raw) || size > maxStartup {
		return startup{}, errFraming
	}
	raw = append(raw, make([]byte, size-len(raw))...)
	_, err := io.ReadFull(r, raw[8:])
	return startup{raw: raw, code: int(binary.BigEndian.Uint32(raw[4:]))}, err
}

// key is what a cancel request names a connection by: its process id and secret.
func (m startup) key() string { return string(m.raw[8:]) }

// user returns the name that the client wants to log in as.
func (m startup) user() string {
	f := fields(m.raw[8:])
	for name := f.string(); name != ""; name = f.string() {
		if value := f.string(); name == "user" {
			return value
		}
	}
	return ""
}

// authenticate asks the client for the tap's password. It doesn't say that all is well: that is the
// server's word, which follows.
func (t *Tap) authenticate(client net.Conn, user string) error {
	const cleartext = 3
	if _, err := client.Write(message(msgAuthentication, 0, 0, 0, cleartext)); err != nil {
		return err
	}
	given, err := readPassword(client)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(t.password)) == 1 {
		return nil
	}
	text := fmt.Sprintf("password authentication failed for user %q", user)
	client.Write(errorResponse("FATAL", "28P01", text))
	return fmt.Errorf("authenticate: %s", text)
}

func readPassword(client net.Conn) (string, error) {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(client, header); err != nil {
		return "", err
	}
	n := int(binary.BigEndian.Uint32(header[1:])) - 4
	if header[0] != msgPassword || n < 0 || n > maxStartup {
		return "", errFraming
	}
	body := make([]byte, n)
	_, err := io.ReadFull(client, body)
	f := fields(body)
	return f.string(), err
}
