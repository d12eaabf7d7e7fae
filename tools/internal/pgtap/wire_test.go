package pgtap_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/pgtap"
)

// client speaks the protocol by hand, for what lib/pq never sends.
type client struct {
	t    *testing.T
	conn net.Conn
	key  []byte
}

// dial logs in through the tap.
func dial(t *testing.T, tap *pgtap.Tap) *client {
	t.Helper()
	if pg.External() {
		t.Skip("logs in to the workshop's own server only")
	}
	conn, err := net.Dial("tcp", tap.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	c := &client{t: t, conn: conn}
	c.send(untyped(80877104), untyped(80877103))
	noes := make([]byte, 2)
	_, err = io.ReadFull(conn, noes)
	require.NoError(t, err)
	require.Equal(t, "NN", string(noes), "no GSS, no SSL")
	c.send(untyped(3<<16, "user", pg.User(), "database", "postgres", ""))
	require.Equal(t, "R\x00\x00\x00\x03", c.receive(), "the tap asks for the password")
	u, err := url.Parse(tap.URL("", ""))
	require.NoError(t, err)
	password, _ := u.User.Password()
	c.send(frame('p', password))
	oks := 0
	for _, m := range c.until('Z') {
		if m == "R\x00\x00\x00\x00" {
			oks++
		}
	}
	require.Equal(t, 1, oks, "the client hears once that it is logged in")
	return c
}

func (c *client) send(messages ...[]byte) {
	c.t.Helper()
	_, err := c.conn.Write(bytes.Join(messages, nil))
	require.NoError(c.t, err)
}

// receive returns the next message: its kind, and what of its body tests look at.
func (c *client) receive() string {
	c.t.Helper()
	header := make([]byte, 5)
	_, err := io.ReadFull(c.conn, header)
	require.NoError(c.t, err)
	body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
	_, err = io.ReadFull(c.conn, body)
	require.NoError(c.t, err)
	switch header[0] {
	case 'K':
		c.key = body
	case 'R':
		return "R" + string(body)
	case 'C', 'Z', 'd':
		return string(header[0]) + strings.TrimRight(string(body), "\x00\n")
	case 'E':
		code := bytes.SplitN(body, []byte("\x00C"), 2)[1]
		return "E" + string(code[:5])
	}
	return string(header[0])
}

// until returns the messages up to one of the kind.
func (c *client) until(kind byte) (all []string) {
	c.t.Helper()
	for {
		m := c.receive()
		all = append(all, m)
		if m[0] == kind {
			return all
		}
	}
}

func (c *client) query(sql string) []string {
	c.t.Helper()
	c.send(simple(sql))
	return c.until('Z')
}

func (c *client) cancel(tap *pgtap.Tap) {
	c.t.Helper()
	conn, err := net.Dial("tcp", tap.Addr())
	require.NoError(c.t, err)
	defer conn.Close()
	request := untyped(80877102, string(c.key))
	_, err = conn.Write(binary.BigEndian.AppendUint32(nil, uint32(len(request)-1)))
	require.NoError(c.t, err)
	_, err = conn.Write(request[4 : len(request)-1])
	require.NoError(c.t, err)
	io.Copy(io.Discard, conn)
}

// untyped frames the first message of a connection.
func untyped(code uint32, parts ...string) []byte {
	body := binary.BigEndian.AppendUint32(nil, code)
	for _, p := range parts {
		body = append(append(body, p...), 0)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(4+len(body))), body...)
}

// frame makes a message of strings, which end in zero, and numbers.
func frame(kind byte, parts ...any) []byte {
	var body []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			body = append(append(body, p...), 0)
		case []byte:
			body = append(body, p...)
		case int16:
			body = binary.BigEndian.AppendUint16(body, uint16(p))
		case int32:
			body = binary.BigEndian.AppendUint32(body, uint32(p))
		}
	}
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body))), body...)
}

func simple(sql string) []byte                 { return frame('Q', sql) }
func parse(name, sql string) []byte            { return frame('P', name, sql, int16(0)) }
func bind(portal, name string) []byte          { return frame('B', portal, name, int16(0), int16(0), int16(0)) }
func execute(portal string, rows int32) []byte { return frame('E', portal, rows) }
func describe(name string) []byte              { return frame('D', []byte("S"), name) }
func syncNow() []byte                          { return frame('S') }
func flush() []byte                            { return frame('H') }

// statement is one in the extended protocol, without its Sync.
func statement(sql string) []byte {
	return bytes.Join([][]byte{parse("", sql), bind("", ""), execute("", 0)}, nil)
}

func TestPipelinedStatementsAreOneTripEach(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		c.send(statement("SELECT 1"), statement("SELECT 2"), syncNow(), statement("SELECT 3"), syncNow())
		assert.Equal(t, []string{"1", "2", "D", "CSELECT 1", "1", "2", "D", "CSELECT 1", "ZI"}, c.until('Z'))
		c.until('Z')
	})
	assert.Equal(t, 3, got.Queries)
	assert.Equal(t, 2, got.RoundTrips)
	assert.Equal(t, 3, got.Rows)
	require.Len(t, statements, 3)
	assert.Equal(t, "SELECT 3", statements[2].SQL)
	assert.Zero(t, got.Busy)
}

func TestPipelinedTransaction(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		c.send(statement("BEGIN"), statement("SELECT 1"), statement("COMMIT"), statement("SELECT 2"), syncNow())
		c.until('Z')
	})
	assert.Equal(t, 2, got.Queries)
	assert.Equal(t, 1, got.Transactions)
	assert.Equal(t, 1, got.Commits)
	assert.True(t, statements[1].InTransaction)
	assert.False(t, statements[3].InTransaction)
}

func TestErrorSkipsTheRestOfThePipeline(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		c.send(statement("SELECT 1"), statement("SELECT 1/0"), statement("SELECT 3"), syncNow(), statement("SELECT 4"), syncNow())
		c.until('Z')
		assert.Equal(t, []string{"1", "2", "D", "CSELECT 1", "ZI"}, c.until('Z'))
	})
	assert.Equal(t, 4, got.Queries)
	assert.Equal(t, 1, got.Errors)
	require.Len(t, statements, 4)
	assert.Equal(t, "22012", statements[1].SQLState)
	assert.True(t, statements[2].Skipped)
	assert.Empty(t, statements[2].SQLState)
	assert.Equal(t, 1, statements[3].Rows)
	assert.Zero(t, got.Busy)
}

// What follows an error is skipped when it comes after the error was answered, too.
func TestErrorSkipsWhatIsYetToCome(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		c.send(statement("SELECT 1/0"), flush())
		c.until('E')
		c.send(statement("SELECT 2"), syncNow())
		assert.Equal(t, []string{"ZI"}, c.until('Z'))
		c.query("SELECT 3")
	})
	assert.Equal(t, 3, got.Queries)
	assert.True(t, statements[1].Skipped)
	assert.Equal(t, 1, statements[2].Rows)
}

func TestPortalFetchedInPartsIsOneQuery(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		c.send(parse("", "SELECT generate_series(1, 5)"), bind("p", ""), execute("p", 2), flush())
		assert.Equal(t, []string{"1", "2", "D", "D", "s"}, c.until('s'))
		assert.Empty(t, tap.Running(), "the server waits for the client")
		c.send(execute("p", 2), flush())
		c.until('s')
		c.send(execute("p", 2), syncNow())
		assert.Equal(t, []string{"D", "CSELECT 1", "ZI"}, c.until('Z'))
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 5, got.Rows)
	require.Len(t, statements, 1)
	assert.Equal(t, 5, statements[0].Rows)
}

func TestBinaryArgumentsAreReadByTheTypesThatTheServerTells(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	_, statements := since(tap, func() {
		c.send(parse("s", "SELECT $1::int2, $2::int4, $3::int8, $4::bool, $5::text, $6::float8, $7::bytea"), describe("s"), syncNow())
		c.until('Z')
		c.send(frame('B', "", "s", int16(1), int16(1), int16(7),
			int32(2), int16(-2),
			int32(4), int32(-4),
			int32(8), []byte{255, 255, 255, 255, 255, 255, 255, 248},
			int32(1), []byte{1},
			int32(2), []byte("hi"),
			int32(8), []byte{0x3f, 0xf8, 0, 0, 0, 0, 0, 0},
			int32(-1), int16(0)), execute("", 0), syncNow())
		assert.Equal(t, []string{"2", "D", "CSELECT 1", "ZI"}, c.until('Z'))
	})
	require.Len(t, statements, 1)
	assert.Equal(t, []string{"-2", "-4", "-8", "true", "hi", "1.5", "NULL"}, statements[0].Args)
}

func TestCopyInByTheExtendedProtocol(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	c.query("CREATE TEMP TABLE seats (id int)")
	got, statements := since(tap, func() {
		c.send(statement("COPY seats FROM STDIN"), syncNow())
		c.until('G')
		c.send(frame('d', []byte("1\n2\n")), frame('c'), syncNow())
		assert.Equal(t, []string{"CCOPY 2", "ZI"}, c.until('Z'))
		c.send(statement("SELECT 1"), syncNow())
		c.until('Z')
	})
	assert.Equal(t, 2, got.Queries)
	assert.Zero(t, got.Busy, "the server passed over the first Sync")
	assert.Equal(t, "COPY 2", statements[0].Tag)
	assert.Equal(t, 1, statements[1].Rows)
}

// While data comes in the server passes over Sync, whenever the client sent it.
func TestSyncWithinCopyIsPassedOver(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	c.query("CREATE TEMP TABLE seats (id int)")
	got, statements := since(tap, func() {
		c.send(statement("COPY seats FROM STDIN"), flush())
		c.until('G')
		c.send(syncNow(), frame('d', []byte("1\n")), frame('c'), syncNow())
		assert.Equal(t, []string{"CCOPY 1", "ZI"}, c.until('Z'))
		c.send(statement("SELECT 1"), syncNow())
		c.until('Z')
	})
	assert.Zero(t, got.Busy)
	assert.Equal(t, 1, statements[1].Rows)
}

func TestCopyOut(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	got, statements := since(tap, func() {
		assert.Equal(t, []string{"H", "d1", "d2", "d3", "c", "CCOPY 3", "ZI"}, c.query("COPY (SELECT generate_series(1, 3)) TO STDOUT"))
	})
	assert.Equal(t, 1, got.Queries)
	assert.Equal(t, 3, got.Rows)
	assert.Equal(t, 3, statements[0].Rows)
}

func TestDeferredErrorBelongsToTheStatementThatCommits(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	c.query("CREATE TEMP TABLE seats (id int PRIMARY KEY, next int REFERENCES seats DEFERRABLE INITIALLY DEFERRED)")
	_, statements := since(tap, func() {
		c.send(statement("INSERT INTO seats VALUES (1, 2)"), syncNow())
		assert.Equal(t, []string{"1", "2", "CINSERT 0 1", "E23503", "ZI"}, c.until('Z'))
	})
	require.Len(t, statements, 1)
	assert.Equal(t, "23503", statements[0].SQLState)
}

func TestServerThatEndsAConnectionIsHeard(t *testing.T) {
	tap := newTap(t)
	c := dial(t, tap)
	c.send(simple("SELECT pg_terminate_backend(pg_backend_pid())"))
	assert.Contains(t, c.until('E'), "E57P01")
	_, err := c.conn.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
	eventually(t, "it is gone", func() bool { return tap.Stats().Open == 0 })
}

func TestNonsenseHarmsNobody(t *testing.T) {
	tap := newTap(t)
	for _, nonsense := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "\x00\x00\x00\x04\x00\x00\x00\x00", ""} {
		conn, err := net.Dial("tcp", tap.Addr())
		require.NoError(t, err)
		_, err = io.WriteString(conn, nonsense)
		require.NoError(t, err)
		_ = conn.(*net.TCPConn).CloseWrite() // the tap may have hung up already
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
	c := dial(t, tap)
	c.send([]byte("Q\x00\x00\x00\x01"))
	_, err := c.conn.Read(make([]byte, 1))
	assert.Error(t, err)
	eventually(t, "it is gone", func() bool { return tap.Stats().Open == 0 })
	c = dial(t, tap)
	c.send(frame('B', "", "", int16(30000)), frame('E'), syncNow())
	c.until('E')
}
