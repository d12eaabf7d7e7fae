package runner

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// Compile downloads and compiles what a step and its tests import, and tells of each
// package that is compiled, so that a first run isn't silent for a minute. What is
// compiled already costs nothing, and what doesn't compile is left for Run to tell.
func Compile(ctx context.Context, s *course.Step, tell func(line string)) error {
	temp, removeTemp, err := scratch()
	if err != nil {
		return err
	}
	defer removeTemp()
	list := exec.Command("go", "list", "-e", "-deps", "-test", "./...")
	list.Dir = s.Dir
	var packages []string
	add := func(line string) { packages = append(packages, line) }
	if err := ended(ctx, runGroup(ctx, list, lineReader{tell: add}.read, lineReader{tell: tell}.read, unwatched)); err != nil {
		return fmt.Errorf("list what %s imports: %w", s.Name, err)
	}
	build := exec.Command("go", "build", "-v")
	build.Dir = s.Dir
	for _, pkg := range packages {
		if !strings.HasPrefix(pkg, "[") && !strings.HasPrefix(pkg, "vendor/") && !strings.HasSuffix(pkg, ".test") && !strings.HasPrefix(pkg, s.ModulePath(false)) {
			build.Args = append(build.Args, pkg)
		}
	}
	if len(build.Args) == 2 {
		return nil
	}
	build.Env = append(os.Environ(), "PWD="+s.Dir, "GOTMPDIR="+temp)
	compiled := func(line string) { tell("compiled " + strings.TrimPrefix(line, "vendor/")) }
	if err := ended(ctx, runGroup(ctx, build, lineReader{}.read, lineReader{tell: compiled}.read, unwatched)); err != nil {
		return fmt.Errorf("compile what %s imports: %w", s.Name, err)
	}
	return nil
}

// Go runs a go command in a folder and returns all that it said. Waiting is told each second what
// it does that takes longer, and "" once it goes on; it may be nil. When ctx ends, the command is
// killed with all that it started.
func Go(ctx context.Context, dir string, environment []string, waiting func(line string), arguments ...string) (said string, err error) {
	temp, removeTemp, err := scratch()
	if err != nil {
		return "", err
	}
	defer removeTemp()
	cmd := exec.Command("go", arguments...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PWD="+dir, "GOTMPDIR="+temp), environment...)
	waits := tellWaits(waiting, nil)
	defer waits.end()
	var output strings.Builder
	keep := func(line string) { output.WriteString(line) }
	err = runGroup(ctx, cmd, lineReader{keep: keep}.read, nil, waits.forGroup)
	if ctx.Err() != nil {
		return output.String(), context.Cause(ctx)
	}
	return output.String(), err
}

// unwatched is for groups of which nobody asks what they do.
func unwatched(int) {}
