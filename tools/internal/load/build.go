package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/measurement"
	"example.com/boxoffice/tools/internal/runner"
)

// Builder builds the APIs of a course into a folder of the course's own.
type Builder struct {
	// Root is the folder of the course.
	Root string
	// Folder is for what is built, and for starters; Builder makes it.
	Folder string
	// Waiting is told each second what go does that takes longer, and "" once it goes on; it may be nil.
	Waiting func(line string)
}

// CompileError says that an API doesn't compile.
type CompileError struct {
	Name   string // of the variant
	Output string // the compiler's
}

func (e *CompileError) Error() string {
	return "the API of " + measurement.Object(e.Name) + " doesn't compile:\n" + strings.TrimSpace(e.Output)
}

// Variants builds what there is to compare of a step: the starter, the learner's code unless
// it still is the starter or is the solution, and the solution.
func (b *Builder) Variants(ctx context.Context, s *course.Step) (list []Variant, err error) {
	starter, err := s.Starter()
	if err != nil {
		return nil, err
	}
	solved, err := s.Solved()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.Folder, "steps", s.Name)
	if err := b.lay(dir, starter); err != nil {
		return nil, err
	}
	add := func(name, dir string, environment ...string) error {
		v, err := b.build(ctx, s, name, dir, environment...)
		if len(list) > 0 {
			v.Against = list[0].Name
		}
		list = append(list, v)
		return err
	}
	if err := add("starter", dir, "GOWORK=off"); err != nil {
		return nil, err
	}
	mine, err := s.Mine()
	if err == nil && !same(mine, starter) && !same(mine, solved) {
		if err := add("yours", s.Dir); err != nil {
			return nil, err
		}
	}
	return list, add("solution", s.SolutionDir)
}

// Solution builds the solution of a step.
func (b *Builder) Solution(ctx context.Context, s *course.Step) (Variant, error) {
	return b.build(ctx, s, "solution", s.SolutionDir)
}

// same tells whether two folders make the same API: tests don't count.
func same(a, b map[string][]byte) bool {
	api := func(files map[string][]byte) map[string][]byte {
		files = maps.Clone(files)
		maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.HasSuffix(name, "_test.go") })
		return files
	}
	return maps.EqualFunc(api(a), api(b), bytes.Equal)
}

// lay writes the starter's module to a folder apart: that of the step belongs to the
// learner.
func (b *Builder) lay(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("make room for the starter: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("write the starter: %w", err)
		}
		if err := os.WriteFile(path, files[name], 0o666); err != nil {
			return fmt.Errorf("write the starter: %w", err)
		}
	}
	// Its go.mod looks for the lab's module at ../../tools.
	tools := filepath.Join(filepath.Dir(filepath.Dir(dir)), "tools")
	if err := os.Symlink(filepath.Join(b.Root, "tools"), tools); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write the starter: %w", err)
	}
	return nil
}

func (b *Builder) build(ctx context.Context, s *course.Step, name, dir string, environment ...string) (v Variant, err error) {
	v = Variant{Name: name, Binary: filepath.Join(b.Folder, "bin", s.Name+"-"+name)}
	if v.Worker, err = course.Worker(dir); err != nil {
		return v, err
	}
	said, err := runner.Go(ctx, dir, environment, b.Waiting, "build", "-o", v.Binary, ".")
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	if err != nil {
		return v, &CompileError{name, cmp.Or(said, err.Error())}
	}
	return v, nil
}
