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

// lastWords is how long output is waited for once the process that wrote it has ended: a
// process of another group may still hold the pipe.
const lastWords = 2 * time.Second

// runGroup runs a command as a process group of its own, whose output the two functions
// read to the end. Without the second, both streams are one pipe, which keeps the order of
// what is written. started gets the group's id. When ctx ends, the group is killed at once:
// its temporary files are in the folder that scratch made. Nothing of the group is left when
// runGroup returns.
func runGroup(ctx context.Context, cmd *exec.Cmd, stdout, stderr func(io.Reader), started func(group int)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cmd.SysProcAttr = groupAttributes()
	out, err := newPipe(stdout)
	if err != nil {
		return err
	}
	errs := out
	if stderr != nil {
		if errs, err = newPipe(stderr); err != nil {
			out.abandon()
			return err
		}
	}
	cmd.Stdout, cmd.Stderr = out.w, errs.w
	if err := cmd.Start(); err != nil {
		out.abandon()
		errs.abandon()
		return err
	}
	started(cmd.Process.Pid)
	var reading sync.WaitGroup
	out.start(&reading)
	if errs != out {
		errs.start(&reading)
	}
	err = waitGroup(ctx, cmd)
	patience := lastWords
	if ctx.Err() != nil {
		patience = 0
	}
	for _, p := range []*pipe{out, errs} {
		_ = p.r.SetReadDeadline(time.Now().Add(patience))
	}
	reading.Wait()
	return err
}

// pipe carries what a command writes to a function that reads it.
type pipe struct {
	r, w *os.File
	read func(io.Reader)
}

func newPipe(read func(io.Reader)) (*pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &pipe{r, w, read}, nil
}

// start reads, once the command holds the writing end.
func (p *pipe) start(reading *sync.WaitGroup) {
	_ = p.w.Close()
	reading.Go(func() {
		p.read(p.r)
		_ = p.r.Close()
	})
}

// abandon closes the pipe of a command that didn't start.
func (p *pipe) abandon() {
	_ = p.w.Close()
	_ = p.r.Close()
}

// waitGroup waits for the command and then kills what is left of its group.
func waitGroup(ctx context.Context, cmd *exec.Cmd) error {
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	stop()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return err
}
