package runner

import (
	"context"
	"errors"
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
	var packages lineWriter
	said := &lineWriter{tell: tell}
	if err := ended(ctx, runGroup(ctx, list, packages.read, said.read)); err != nil {
		return fmt.Errorf("list what %s imports: %w", s.Name, err)
	}
	build := exec.Command("go", "build", "-v")
	build.Dir = s.Dir
	for _, pkg := range strings.Fields(packages.text.String()) {
		if !strings.HasPrefix(pkg, "[") && !strings.HasPrefix(pkg, "vendor/") && !strings.HasSuffix(pkg, ".test") && !strings.HasPrefix(pkg, s.ModulePath(false)) {
			build.Args = append(build.Args, pkg)
		}
	}
	if len(build.Args) == 2 {
		return nil
	}
	build.Env = append(os.Environ(), "PWD="+s.Dir, "GOTMPDIR="+temp)
	said.tell = func(line string) { tell("compiled " + strings.TrimPrefix(line, "vendor/")) }
	if err := ended(ctx, runGroup(ctx, build, packages.read, said.read)); err != nil {
		return fmt.Errorf("compile what %s imports: %w", s.Name, err)
	}
	return nil
}

// ended is why a command couldn't run or was stopped. That it failed is no reason.
func ended(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
