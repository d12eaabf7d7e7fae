package services

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// keeper is the shell script that runs a server for as long as somebody holds the other end of
// its standard input: however that one ends, the server and its folder are gone. $1 is the folder,
// the rest the command.
const keeper = `folder=$1
shift
"$@" 2>&1 &
exec >/dev/null
read -r _
kill -9 $!
wait
rm -rf "$folder"`

// kept is a server that runs under a keeper.
type kept struct {
	// ended is closed once the server has ended, and all that it said is written.
	ended chan struct{}

	command *exec.Cmd
	hold    io.Closer
}

// keep starts a program under a keeper and copies what it says to said. When starting fails, the
// folder is removed.
func keep(folder string, said io.Writer, program string, args ...string) (*kept, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", keeper, "workshop-keeper", folder, program}, args...)...)
	cmd.Dir, cmd.Env = "/", serverEnvironment()
	// A group of its own: whoever kills the tests' whole group leaves the keeper to end the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := cmd.StdinPipe()
	output, err2 := cmd.StdoutPipe()
	if err = errors.Join(err, err2); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = os.RemoveAll(folder)
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	k := &kept{ended: make(chan struct{}), command: cmd, hold: hold}
	go func() {
		defer close(k.ended)
		_, _ = io.Copy(said, output)
	}()
	return k, nil
}

// stop kills the server, and returns once it and its folder are gone.
func (k *kept) stop() {
	_ = k.hold.Close()
	<-k.ended
	_ = k.command.Wait()
}
