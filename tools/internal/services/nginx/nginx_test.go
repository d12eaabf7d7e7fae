package nginx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNginxIsFoundWhereItIsAndElseItsCommandIsNamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := find([]string{folder})
	var none *NotFoundError
	require.ErrorAs(t, err, &none)
	require.NotEmpty(t, none.Install)

	script := "#!/bin/sh\necho nginx version: nginx/1.99.1 >&2\n"
	syscall.ForkLock.RLock() // a child that inherits the open file would make it busy
	err = os.WriteFile(filepath.Join(folder, "nginx"), []byte(script), 0o755)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	found, err := find([]string{filepath.Join(folder, "none"), folder})
	require.NoError(t, err)
	require.Equal(t, "1.99.1", found.Version)
}

func TestNginxInstallCommand(t *testing.T) {
	t.Parallel()
	require.Contains(t, install.CommandFor("linux", "ID=ubuntu\nID_LIKE=debian"), "apt-get install -y nginx-light")
	require.Contains(t, install.CommandFor("linux", "ID=unheard"), "https://nginx.org")
	require.Equal(t, "brew install nginx", install.CommandFor("darwin", ""))
}

func TestNginxIsGoneWithItsHolder(t *testing.T) {
	t.Parallel()
	found, err := Find()
	if err != nil {
		t.Skip(err)
	}
	address := freeAddress(t)
	running, err := found.Start(Site{
		Conf: "server { listen " + address + "; return 204; }", LogFormat: "$status", Log: io.Discard,
	})
	require.NoError(t, err)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_ = conn.Close()
	running.Stop()
	_, err = net.Dial("tcp", address)
	require.True(t, errors.Is(err, syscall.ECONNREFUSED), err)
	require.NoFileExists(t, running.AccessLog)
}

// heldAddress is the environment variable that makes TestHolder hold an nginx.
const heldAddress = "NGINX_TEST_ADDRESS"

func TestHolder(t *testing.T) {
	address := os.Getenv(heldAddress)
	if address == "" {
		t.Skip("it is a part of TestNginxIsGoneWhenItsHolderIsKilled")
	}
	found, err := Find()
	require.NoError(t, err)
	_, err = found.Start(Site{Conf: "server { listen " + address + "; return 204; }", LogFormat: "$status", Log: io.Discard})
	require.NoError(t, err)
	fmt.Println("up")
	time.Sleep(time.Minute)
}

func TestNginxIsGoneWhenItsHolderIsKilled(t *testing.T) {
	t.Parallel()
	if _, err := Find(); err != nil {
		t.Skip(err)
	}
	address := freeAddress(t)
	holder := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	holder.Env = append(os.Environ(), heldAddress+"="+address)
	said, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	t.Cleanup(func() { _ = holder.Process.Kill() })
	require.True(t, bufio.NewScanner(said).Scan(), "it says when nginx is up")
	require.True(t, listens(address))
	require.NoError(t, holder.Process.Kill())
	_ = holder.Wait()
	require.Eventually(t, func() bool { return !listens(address) }, 20*time.Second, 5*time.Millisecond)
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
