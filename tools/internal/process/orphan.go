package process

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// What kills an orphan. A program that was started here must be gone when this process is,
// however it ended: by SIGKILL, by a panic, by the deadline of go test. No code of this process
// runs then, and Linux and macOS have no signal in common that tells a child. What both do is
// close the files of a process that ends. So one shell, the keeper, reads from a pipe whose
// other end nobody but this process holds. It is told of each program, and when its pipe is at
// an end, it kills all that are left, and removes their folders.
//
// One keeper serves all children of a process. It costs a millisecond for the first, and each
// child another one for the shell that tells of it. A watcher in the program itself would cost
// less, but can't be put into Redis or nginx, and sleeps with a program that was stopped by
// SIGSTOP.
//
// An orphan isn't asked to leave: whom it served is gone, and so are the taps between it and
// its database.

// keeperScript reads "+ PID SIGNAL FOLDER" of a program that lives, and "- PID" of one that has
// ended. Each program leads a process group of its own.
const keeperScript = `trap '' HUP INT QUIT TERM
living=
while read -r what pid signal folder; do
	case $what in
	+)
		living="$living $pid"
		eval "signal_$pid=\$signal folder_$pid=\$folder"
		;;
	-)
		rest=
		for other in $living; do
			[ "$other" = "$pid" ] || rest="$rest $other"
		done
		living=$rest
		;;
	esac
done
for pid in $living; do
	eval "kill -\$signal_$pid -$pid"
done 2>/dev/null
for pid in $living; do
	eval "folder=\$folder_$pid"
	[ -z "$folder" ] || rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
done`

// announceScript tells the keeper of the program that it then becomes. The program is known before
// it runs, and the pipe is at its end only once this shell has let go of it: there is no moment in
// which this process could be killed and leave an orphan. $1 is the signal, $2 the folder, the rest
// the program.
const announceScript = `printf '+ %s %s %s\n' "$$" "$1" "$2" >&3
shift 2
exec 3>&-
exec "$@"`

// keeper is the shell that outlives this process; it is started with the first program.
var keeper keeping

type keeping struct {
	mu     sync.Mutex
	pipe   *os.File      // the end that this process holds
	ended  chan struct{} // closed when the shell has ended, which it does when somebody kills it
	living map[int]string
}

// start starts a program that tells the keeper of itself.
func (k *keeping) start(command *exec.Cmd, p Program) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ensure(); err != nil {
		return fmt.Errorf("start what ends programs with this one: %w", err)
	}
	command.ExtraFiles = []*os.File{k.pipe}
	if err := command.Start(); err != nil {
		return err
	}
	k.living[command.Process.Pid] = fmt.Sprintf("+ %d %d %s\n", command.Process.Pid, p.orphanSignal(), p.Folder)
	return nil
}

// forget tells the keeper that a program has ended: its number may become another's.
func (k *keeping) forget(pid int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.living, pid)
	_, _ = fmt.Fprintf(k.pipe, "- %d\n", pid) // a keeper that was killed knows of nobody
}

// ensure starts the keeper, or another one when somebody has killed it.
func (k *keeping) ensure() error {
	if k.pipe != nil {
		select {
		case <-k.ended:
			_ = k.pipe.Close()
			k.pipe = nil
		default:
			return nil
		}
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = reading.Close() }()
	shell := exec.Command("/bin/sh", "-c", keeperScript, "workshop-keeper")
	shell.Dir, shell.Env, shell.Stdin = "/", []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, reading
	// A session of its own: whoever ends this process's group, or its terminal, leaves the keeper
	// to do its work.
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := shell.Start(); err != nil {
		_ = writing.Close()
		return err
	}
	k.pipe, k.ended = writing, make(chan struct{})
	go func(ended chan struct{}) {
		_ = shell.Wait()
		close(ended)
	}(k.ended)
	if k.living == nil {
		k.living = map[int]string{}
	}
	_, err = io.WriteString(writing, strings.Join(slices.Collect(maps.Values(k.living)), ""))
	return err
}
