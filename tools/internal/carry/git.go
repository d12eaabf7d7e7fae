package carry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// repository runs git in the root of a clone, without locks that another git would wait
// for.
type repository struct {
	ctx  context.Context
	root string
}

func (r repository) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, "git", append([]string{"--no-optional-locks"}, args...)...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return cmd
}

// run is what git prints. A code in accept is no failure.
func (r repository) run(accept int, args ...string) (string, error) {
	cmd := r.command(args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == accept {
		err = nil
	}
	if r.ctx.Err() != nil {
		return "", context.Cause(r.ctx)
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// commit is the full name of a revision.
func (r repository) commit(revision string) (string, error) {
	out, err := r.run(0, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("there is no revision %q", revision)
	}
	return strings.TrimSpace(out), nil
}

// snapshot is what a commit holds of the steps and their solutions. Contents are read when
// they are asked for; the first error stays.
type snapshot struct {
	objects map[string]string // path from the root, with slashes, to git's name of the content
	read    map[string]string // what was read already, by git's name

	in  io.WriteCloser
	out *bufio.Reader
	cmd *exec.Cmd
	err error
}

// snapshot lists the files of a commit and starts the git that reads them.
func (r repository) snapshot(commit string) (*snapshot, error) {
	list, err := r.run(0, "ls-tree", "-r", "-z", commit, "--", "steps", "solutions")
	if err != nil {
		return nil, err
	}
	s := &snapshot{objects: map[string]string{}, read: map[string]string{}}
	for _, entry := range strings.Split(strings.TrimSuffix(list, "\x00"), "\x00") {
		what, path, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(what)
		if ok && len(fields) == 3 && fields[1] == "blob" {
			s.objects[path] = fields[2]
		}
	}
	s.cmd = r.command("cat-file", "--batch")
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	return s, s.cmd.Start()
}

// close ends the git that reads.
func (s *snapshot) close() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// file is the content of a path in the commit.
func (s *snapshot) file(path string) text {
	object, ok := s.objects[path]
	if !ok || s.err != nil {
		return text{}
	}
	content, ok := s.read[object]
	if !ok {
		if content, s.err = s.fetch(object); s.err != nil {
			s.err = fmt.Errorf("read %s from git: %w", path, s.err)
			return text{}
		}
		s.read[object] = content
	}
	return text{content, true}
}

func (s *snapshot) fetch(object string) (string, error) {
	if _, err := fmt.Fprintln(s.in, object); err != nil {
		return "", err
	}
	head, err := s.out.ReadString('\n')
	if err != nil {
		return "", err
	}
	fields := strings.Fields(head)
	if len(fields) != 3 {
		return "", errors.New(strings.TrimSpace(head))
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return "", err
	}
	content := make([]byte, size+1) // a line end follows
	if _, err := io.ReadFull(s.out, content); err != nil {
		return "", err
	}
	return string(content[:size]), nil
}

// changes are the files of the working tree that differ from a commit, and those that git
// neither tracks nor ignores: by path, what each holds now.
func (r repository) changes(commit string) (map[string]text, error) {
	differ, err := r.run(0, "diff", "--name-only", "--no-renames", "-z", commit, "--", "steps", "solutions")
	if err != nil {
		return nil, err
	}
	others, err := r.run(0, "ls-files", "--others", "--exclude-standard", "-z", "--", "steps", "solutions")
	if err != nil {
		return nil, err
	}
	now := map[string]text{}
	for _, path := range strings.Split(differ+others, "\x00") {
		if path == "" {
			continue
		}
		if now[path], err = readFile(filepath.Join(r.root, filepath.FromSlash(path))); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// readFile is what a file holds, absent when there is none.
func readFile(path string) (text, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return text{}, nil
	}
	return text{string(src), err == nil}, err
}

// merger makes three-way merges with git in a folder of its own.
type merger struct {
	repository
	scratch string
}

// merge is git merge-file's result, and whether it holds conflicts, each with both sides
// and what they come from between them.
func (m merger) merge(ours, base, theirs string, labels [3]string) (merged string, conflict bool, err error) {
	names := [3]string{"ours", "base", "theirs"}
	args := []string{"merge-file", "-p", "--diff3", "-q"}
	for _, label := range labels {
		args = append(args, "-L", label)
	}
	for i, content := range []string{ours, base, theirs} {
		path := filepath.Join(m.scratch, names[i])
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return "", false, err
		}
		args = append(args, path)
	}
	cmd := m.command(args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case m.ctx.Err() != nil:
		return "", false, context.Cause(m.ctx)
	case err == nil:
		return string(out), false, nil
	case errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() < 128:
		return string(out), true, nil // as many conflicts as the code says
	}
	return "", false, fmt.Errorf("git merge-file: %w: %s", err, strings.TrimSpace(said.String()))
}
