// Package command runs programs for the checks of the course: each in a process group of
// its own, which ends as a whole when the context does, and whose processor time is
// counted.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Place is where programs run, and with what.
type Place struct {
	Dir string
	Env []string // added to the environment
	CPU *CPU     // told of the processor time of each; may be nil
}

// CPU adds up processor time. The zero value is ready; goroutines may share it.
type CPU struct{ nanoseconds atomic.Int64 }

// Add adds what something took.
func (c *CPU) Add(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// Time is the sum so far.
func (c *CPU) Time() time.Duration { return time.Duration(c.nanoseconds.Load()) }

// Run returns what the program printed, on both streams together.
func (p Place) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := p.start(ctx, &out, &out, name, args)
	return out.String(), err
}

// Output returns what the program printed on its standard output. The error holds the
// rest.
func (p Place) Output(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, rest bytes.Buffer
	if err := p.start(ctx, &out, &rest, name, args); err != nil {
		return nil, fmt.Errorf("%s %s: %s", name, args[0], FirstOf(rest.String(), err))
	}
	return out.Bytes(), nil
}

func (p Place) start(ctx context.Context, out, rest *bytes.Buffer, name string, args []string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, out, rest
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), fromGit), p.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Interrupted, go removes its temporary files; what is left after the grace is killed.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if p.CPU != nil && cmd.ProcessState != nil {
		p.CPU.Add(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	}
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// fromGit reports the variables that git sets for its hooks, which would point the
// git of a check at another repository.
func fromGit(variable string) bool { return strings.HasPrefix(variable, "GIT_") }

// FirstOf is what a program said, or how it ended when it said nothing. What go run adds
// about the end of its program is left out.
func FirstOf(out string, err error) string {
	out = strings.TrimSuffix(strings.TrimSpace(out), "exit status 1")
	if out = strings.TrimSpace(out); out != "" {
		return out
	}
	return err.Error()
}

// OverlayFlag writes an overlay into dir, for the go command's flag.
func OverlayFlag(dir string, overlay map[string]string) (flag string, remove func(), err error) {
	doc, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", nil, err
	}
	f, err := os.CreateTemp(dir, "overlay-*.json")
	if err != nil {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(doc); err != nil {
		return "", nil, fmt.Errorf("write the overlay: %w", err)
	}
	return "-overlay=" + filepath.Clean(f.Name()), func() { os.Remove(f.Name()) }, nil
}
