package verify

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
	"syscall"
	"time"
)

// command is how the checks start programs: in a process group of their own, which
// ends as a whole when the context does.
type command struct {
	Dir string
	Env []string // added to the environment
}

// command runs in dir. What go builds on the way goes to the scratch folder: an
// interrupted go leaves its temporary files behind.
func (w *work) command(dir string, env ...string) command {
	return command{Dir: dir, Env: append(env, "GOTMPDIR="+w.scratch.dir)}
}

// run returns what the program printed, on both streams together.
func (c command) run(ctx context.Context, name string, args ...string) (string, error) {
	var out bytes.Buffer
	err := c.start(ctx, &out, &out, name, args)
	return out.String(), err
}

// output returns what the program printed on its standard output. The error holds the
// rest.
func (c command) output(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, rest bytes.Buffer
	if err := c.start(ctx, &out, &rest, name, args); err != nil {
		return nil, fmt.Errorf("%s %s: %s", name, args[0], firstOf(rest.String(), err))
	}
	return out.Bytes(), nil
}

func (c command) start(ctx context.Context, out, rest *bytes.Buffer, name string, args []string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, out, rest
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), fromGit), c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Interrupted, go removes its temporary files; what is left after the grace is killed.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// fromGit reports the variables that git sets for its hooks, which would point the
// git of a check at another repository.
func fromGit(variable string) bool { return strings.HasPrefix(variable, "GIT_") }

// firstOf is what a program said, or how it ended when it said nothing. What go run adds
// about the end of its program is left out.
func firstOf(out string, err error) string {
	out = strings.TrimSuffix(strings.TrimSpace(out), "exit status 1")
	if out = strings.TrimSpace(out); out != "" {
		return out
	}
	return err.Error()
}

// overlayFlag writes an overlay into dir, for the go command's flag.
func overlayFlag(dir string, overlay map[string]string) (flag string, remove func(), err error) {
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
