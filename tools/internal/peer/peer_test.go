package peer_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/peer"
)

// pair returns both ends of a connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	far, err = net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	near, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// sees waits until a look gives what it should: the loopback device needs a moment.
func sees(t *testing.T, conn net.Conn, data, gone bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, g := peer.Look(conn)
		return d == data && g == gone
	}, 10*time.Second, time.Millisecond)
}

func TestLookDoesNotRead(t *testing.T) {
	near, far := pair(t)
	sees(t, near, false, false)
	_, err := far.Write([]byte("x"))
	require.NoError(t, err)
	sees(t, near, true, false)
	got := make([]byte, 1)
	_, err = near.Read(got)
	require.NoError(t, err)
	assert.Equal(t, "x", string(got))
	sees(t, near, false, false)
}

func TestAPeerThatHangsUpIsGone(t *testing.T) {
	near, far := pair(t)
	_, err := far.Write([]byte("x"))
	require.NoError(t, err)
	far.Close()
	sees(t, near, true, false)
	_, err = near.Read(make([]byte, 1))
	require.NoError(t, err)
	sees(t, near, false, true)
}

func TestAPeerThatBreaksOffIsGone(t *testing.T) {
	near, far := pair(t)
	require.NoError(t, far.(*net.TCPConn).SetLinger(0))
	far.Close()
	sees(t, near, false, true)
}

func TestAConnectionThatIsClosedHasNobody(t *testing.T) {
	near, _ := pair(t)
	near.Close()
	_, gone := peer.Look(near)
	assert.True(t, gone)
}
