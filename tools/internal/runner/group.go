package runner

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// grace is how long go may take to remove its temporary files once it is interrupted.
const grace = 2 * time.Second

// runGroup runs a command as a process group of its own, whose output the two functions
// read to the end. When ctx ends, it interrupts the group and, after grace, kills it.
// Nothing of the group is left when it returns.
func runGroup(ctx context.Context, cmd *exec.Cmd, stdout, stderr func(io.Reader)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cmd.SysProcAttr = groupAttributes()
	var reading sync.WaitGroup
	closeOut, err := pipe(&cmd.Stdout, stdout, &reading)
	if err != nil {
		return err
	}
	closeErr, err := pipe(&cmd.Stderr, stderr, &reading)
	if err != nil {
		closeOut()
		return err
	}
	err = cmd.Start()
	closeOut()
	closeErr()
	if err != nil {
		reading.Wait()
		return err
	}
	err = waitGroup(ctx, cmd)
	reading.Wait()
	return err
}

// pipe makes *stream a pipe that read reads. The function that it returns closes this
// process's copy of the writing end.
func pipe(stream *io.Writer, read func(io.Reader), reading *sync.WaitGroup) (closeWriter func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	*stream = w
	reading.Go(func() {
		read(r)
		_ = r.Close()
	})
	return func() { _ = w.Close() }, nil
}

// waitGroup waits for the command and then kills what is left of its group: a child
// that holds the output open would keep the reader waiting.
func waitGroup(ctx context.Context, cmd *exec.Cmd) error {
	exited := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-exited:
			return
		case <-ctx.Done():
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-exited:
		case <-time.After(grace):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}()
	err := cmd.Wait()
	close(exited)
	<-stopped
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return err
}
