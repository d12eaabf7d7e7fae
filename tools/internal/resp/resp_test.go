package resp

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func reader(text string) *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(text), 16) }

func TestCommandsAreReadWithTheirBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wire string
		args []string
	}{
		{"*1\r\n$4\r\nPING\r\n", []string{"PING"}},
		{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n", []string{"SET", "k", "a\r\nb"}},
		{"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", []string{"GET", ""}},
		{"SET k  v\r\n", []string{"SET", "k", "v"}},
		{"\r\n", []string{}},
	} {
		args, raw, err := ReadCommand(reader(c.wire))
		require.NoError(t, err, "%q", c.wire)
		require.Equal(t, c.args, args, "%q", c.wire)
		require.Equal(t, c.wire, string(raw))
	}
}

func TestWhatIsNoCommandIsRefused(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{"*x\r\n", "*99999999\r\n", "*1\r\n:4\r\n", "*1\r\n$-2\r\n", "*1\r\n$999999999999\r\n"} {
		_, _, err := ReadCommand(reader(wire))
		require.ErrorIs(t, err, ErrProtocol, "%q", wire)
	}
	_, _, err := ReadCommand(reader(""))
	require.ErrorIs(t, err, io.EOF)
	for _, wire := range []string{"*1", "*1\r\n", "*1\r\n$4\r\nPI"} {
		_, _, err := ReadCommand(reader(wire))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", wire)
	}
}

func TestRepliesPassAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, wire := range []string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n",
		"$40\r\n" + strings.Repeat("x", 40) + "\r\n",
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
		"%1\r\n+a\r\n:1\r\n", "~1\r\n+a\r\n", "_\r\n", ",1.5\r\n", "#t\r\n", "=5\r\ntxt:a\r\n",
		">2\r\n+a\r\n+b\r\n", "|1\r\n+a\r\n:1\r\n+OK\r\n",
	} {
		var out bytes.Buffer
		r, w := reader(wire+"+next\r\n"), bufio.NewWriter(&out)
		require.NoError(t, CopyReply(w, r), "%q", wire)
		require.NoError(t, w.Flush())
		require.Equal(t, wire, out.String())
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "+next\r\n", string(rest))
	}
	require.ErrorIs(t, CopyReply(bufio.NewWriter(io.Discard), reader("HTTP/1.1\r\n")), ErrProtocol)
	require.ErrorIs(t, CopyReply(bufio.NewWriter(io.Discard), reader("$9\r\nab")), io.ErrUnexpectedEOF)
}

func TestTheClientReadsValues(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	client := NewClient(near)
	t.Cleanup(func() { _ = client.Close() })
	asked := make(chan []string, 1)
	answer := func(reply string) {
		go func() {
			args, _, _ := ReadCommand(bufio.NewReader(far))
			asked <- args
			_, _ = far.Write([]byte(reply))
		}()
	}
	for _, c := range []struct {
		reply string
		want  any
	}{
		{"+OK\r\n", "OK"}, {":-7\r\n", -7}, {"$2\r\nhi\r\n", "hi"}, {"$-1\r\n", nil},
		{"*2\r\n:1\r\n*1\r\n-ERR in\r\n", []any{1, []any{Error("ERR in")}}},
	} {
		answer(c.reply)
		got, err := client.Do("GET", "k")
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		require.Equal(t, []string{"GET", "k"}, <-asked)
	}
	answer("-WRONGTYPE no\r\n")
	_, err := client.Do("GET", "k")
	require.Equal(t, Error("WRONGTYPE no"), err)
}
