package fault_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/fault"
)

// sees waits until a look gives what it should: the loopback device needs a moment.
func sees(t *testing.T, conn *fault.Conn, data, gone bool) {
	t.Helper()
	eventually(t, "the look", func() bool {
		d, g := conn.Look()
		return d == data && g == gone
	})
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

func TestLookDoesNotWaitForAReader(t *testing.T) {
	near, far := pair(t)
	read := make(chan error, 1)
	go func() { _, err := near.Read(make([]byte, 1)); read <- err }()
	for range 1000 {
		require.False(t, near.Gone())
	}
	far.Close()
	require.Error(t, <-read)
	assert.True(t, near.Gone(), "that it has gone was read by somebody else, and shows all the same")
}

func TestAClientThatHangsUpIsGone(t *testing.T) {
	near, far := pair(t)
	_, err := far.Write([]byte("x"))
	require.NoError(t, err)
	far.Close()
	sees(t, near, true, false)
	_, err = near.Read(make([]byte, 1))
	require.NoError(t, err)
	sees(t, near, false, true)
}

func TestAClientThatBreaksOffIsGone(t *testing.T) {
	near, far := pair(t)
	require.NoError(t, far.(*net.TCPConn).SetLinger(0))
	far.Close()
	sees(t, near, false, true)
}

func TestAConnectionThatIsClosedHasNobody(t *testing.T) {
	near, _ := pair(t)
	near.Close()
	assert.True(t, near.Gone())
}
