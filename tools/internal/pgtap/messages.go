package pgtap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// The messages that the tap looks into; all others pass unread. Some letters have one meaning from
// client to server and another in return.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	msgQuery    = 'Q'
	msgParse    = 'P'
	msgBind     = 'B'
	msgDescribe = 'D'
	msgExecute  = 'E'
	msgClose    = 'C'
	msgSync     = 'S'
	msgFlush    = 'H'
	msgFunction = 'F'
	msgCopyDone = 'c'
	msgCopyFail = 'f'
	msgCopyData = 'd'
	msgPassword = 'p'

	msgAuthentication       = 'R'
	msgBackendKeyData       = 'K'
	msgReadyForQuery        = 'Z'
	msgParseComplete        = '1'
	msgBindComplete         = '2'
	msgCloseComplete        = '3'
	msgParameterDescription = 't'
	msgRowDescription       = 'T'
	msgNoData               = 'n'
	msgDataRow              = 'D'
	msgCommandComplete      = 'C'
	msgEmptyQueryResponse   = 'I'
	msgPortalSuspended      = 's'
	msgErrorResponse        = 'E'
	msgCopyInResponse       = 'G'
)

const (
	bufferSize = 32 << 10
	headerSize = 5
	maxMessage = 1 << 30 // PostgreSQL's own limit
)

var errFraming = errors.New("not a message of PostgreSQL's protocol")

// stream carries messages one way. It writes what it holds before it waits for more, so nothing
// lingers in the tap.
type stream struct {
	r    *bufio.Reader
	w    *bufio.Writer
	held []byte // the message last read whole, until passed on
}

func newStream(from io.Reader, to io.Writer) *stream {
	return &stream{r: bufio.NewReaderSize(from, bufferSize), w: bufio.NewWriterSize(to, bufferSize)}
}

// header returns the kind of the next message and the length of its body.
func (m *stream) header() (kind byte, n int, err error) {
	if err := m.flushBefore(headerSize); err != nil {
		return 0, 0, err
	}
	header, err := m.r.Peek(headerSize)
	if err != nil {
		return 0, 0, err
	}
	n = int(int32(binary.BigEndian.Uint32(header[1:]))) - 4
	if n < 0 || n > maxMessage {
		return 0, 0, errFraming
	}
	return header[0], n, nil
}

// body reads the whole message, whose body has n bytes, and keeps it to be passed on.
func (m *stream) body(n int) ([]byte, error) {
	if err := m.flushBefore(headerSize + n); err != nil {
		return nil, err
	}
	m.held = make([]byte, headerSize+n)
	if _, err := io.ReadFull(m.r, m.held); err != nil {
		return nil, err
	}
	return m.held[headerSize:], nil
}

// replace puts another message in the place of the one last read whole.
func (m *stream) replace(message []byte) { m.held = message }

// last reports whether nothing has arrived behind the message at hand, whose body has n bytes.
func (m *stream) last(n int) bool {
	if m.held != nil {
		return m.r.Buffered() == 0
	}
	return m.r.Buffered() <= headerSize+n
}

// pass sends the message on. Unread ones go straight from buffer to buffer.
func (m *stream) pass(n int) error {
	if m.held != nil {
		_, err := m.w.Write(m.held)
		m.held = nil
		return err
	}
	for n += headerSize; n > 0; {
		piece, err := m.piece(n)
		if err != nil {
			return err
		}
		if _, err := m.w.Write(piece); err != nil {
			return err
		}
		m.r.Discard(len(piece))
		n -= len(piece)
	}
	return nil
}

// discard drops the message.
func (m *stream) discard(n int) error {
	if m.held != nil {
		m.held = nil
		return nil
	}
	_, err := m.r.Discard(headerSize + n)
	return err
}

// piece returns what has arrived of the next n bytes, at least one.
func (m *stream) piece(n int) ([]byte, error) {
	if err := m.flushBefore(1); err != nil {
		return nil, err
	}
	if _, err := m.r.Peek(1); err != nil {
		return nil, err
	}
	return m.r.Peek(min(n, m.r.Buffered()))
}

// awaitEnd waits until the end of the server's round trip has arrived behind the message last read
// whole. It gives up when the buffer is full before.
func (m *stream) awaitEnd() error {
	if err := m.w.Flush(); err != nil {
		return err
	}
	for offset := 0; ; {
		arrived, err := m.r.Peek(offset + headerSize)
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil
		}
		if err != nil {
			return err
		}
		header := arrived[offset:]
		if header[0] == msgReadyForQuery {
			return nil
		}
		offset += 1 + int(binary.BigEndian.Uint32(header[1:]))
	}
}

// flushBefore sends on all that was passed if reading n bytes would have to wait.
func (m *stream) flushBefore(n int) error {
	if m.r.Buffered() >= n {
		return nil
	}
	return m.w.Flush()
}

// fields reads the parts of a message's body. Past the end all is empty: the server is the one to
// complain about malformed messages.
type fields []byte

func (f *fields) take(n int) []byte {
	n = max(0, min(n, len(*f)))
	part := (*f)[:n]
	*f = (*f)[n:]
	return part
}

func (f *fields) byte() byte {
	if part := f.take(1); len(part) == 1 {
		return part[0]
	}
	return 0
}

func (f *fields) int16() int {
	if part := f.take(2); len(part) == 2 {
		return int(binary.BigEndian.Uint16(part)) // PostgreSQL takes up to 65,535 parameters
	}
	return 0
}

func (f *fields) int32() int {
	if part := f.take(4); len(part) == 4 {
		return int(int32(binary.BigEndian.Uint32(part)))
	}
	return 0
}

func (f *fields) string() string {
	end := bytes.IndexByte(*f, 0)
	if end < 0 {
		return string(f.take(len(*f)))
	}
	part := f.take(end)
	f.take(1)
	return string(part)
}

// message frames a body.
func message(kind byte, body ...byte) []byte {
	m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return append(m, body...)
}

// errorResponse makes the message by which PostgreSQL reports an error.
func errorResponse(severity, sqlState, text string) []byte {
	var body []byte
	for _, field := range []string{"S" + severity, "V" + severity, "C" + sqlState, "M" + text, ""} {
		body = append(append(body, field...), 0)
	}
	return message(msgErrorResponse, body...)
}

// sqlState returns the code in the body of an ErrorResponse.
func sqlState(body []byte) string {
	f := fields(body)
	for {
		switch kind := f.byte(); kind {
		case 'C':
			return f.string()
		case 0:
			return ""
		default:
			f.string()
		}
	}
}
