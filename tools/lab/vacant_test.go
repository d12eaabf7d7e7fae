package lab_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/lab"
)

func TestAVacantAddressRefusesUntilItIsOpened(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	go func() {
		if conn, err := server.Accept(); err == nil {
			_, _ = conn.Write([]byte("hello"))
			_ = conn.Close()
		}
	}()
	vacant := lab.NewVacant(t)
	_, err = net.Dial("tcp", vacant.Addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	vacant.Open(server.Addr().String())
	conn, err := net.Dial("tcp", vacant.Addr)
	require.NoError(t, err)
	defer conn.Close()
	said, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "hello", string(said))
}
