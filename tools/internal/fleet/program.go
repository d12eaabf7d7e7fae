package fleet

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/process"
)

// Program is the API as something that can be started.
type Program struct {
	Path string
	// Args stand before the command.
	Args []string
	// CommandVariable names the environment variable that the command is in, for a program that
	// takes it so: the lab's test binary, which is the API if it is set.
	CommandVariable string
	// Env is the environment that every process has, as NAME=value: see [Environment].
	Env []string
}

// as is the program, run as `boxoffice COMMAND`. Later assignments win.
func (p Program) as(command string, env []string, stdout, stderr io.Writer) process.Program {
	run := process.Program{Path: p.Path, Args: slices.Clone(p.Args), Env: slices.Concat(p.Env, env), Stdout: stdout, Stderr: stderr}
	switch {
	case command == "":
	case p.CommandVariable != "":
		run.Env = append(run.Env, p.CommandVariable+"="+command)
	default:
		run.Args = append(run.Args, command)
	}
	return run
}

// MigrateError says that `boxoffice migrate` failed.
type MigrateError struct {
	Err  error
	Said string // by the API, without blank lines around it
}

func (e *MigrateError) Error() string {
	return fmt.Sprintf("`boxoffice migrate` failed on an empty database (%v); it said:\n%s", e.Err, e.Said)
}

func (e *MigrateError) Unwrap() error { return e.Err }

// Migrate runs `boxoffice migrate` on a database, as an operator would. The error is a
// *MigrateError, unless ctx ended.
func (p Program) Migrate(ctx context.Context, databaseURL string) error {
	said, err := process.Run(ctx, p.as("migrate", []string{"DATABASE_URL=" + databaseURL}, nil, nil))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &MigrateError{Err: err, Said: strings.TrimSpace(said)}
	}
	return nil
}
