package answers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/command"
	"example.com/boxoffice/tools/internal/course"
)

// Overlay applies an answer to a copy of the solution in scratch, an empty folder,
// and returns what differs as the go command's -overlay wants it: the real path of each
// file to its replacement, "" for a file that the answer deletes. The go command
// ignores an overlay for a path that it doesn't read. So Overlay fails for an answer
// that changes nothing, or adds a file that isn't built in. An answer that changes one
// that isn't, such as a configuration, is told of by inPlace: tests can read it in
// scratch alone.
func Overlay(ctx context.Context, a *Answer, solution, scratch string) (overlay map[string]string, inPlace bool, err error) {
	if solution, err = filepath.EvalSymlinks(solution); err != nil {
		return nil, false, fmt.Errorf("find the solution: %w", err)
	}
	before, err := course.Files(solution)
	if err != nil {
		return nil, false, err
	}
	if err := copyFiles(solution, scratch, before); err != nil {
		return nil, false, err
	}
	if err := apply(ctx, a, scratch); err != nil {
		return nil, false, err
	}
	after, err := course.Files(scratch)
	if err != nil {
		return nil, false, err
	}
	if overlay, err = compare(solution, before, scratch, after); err != nil {
		return nil, false, err
	}
	inPlace, err = admissible(ctx, solution, overlay)
	return overlay, inPlace, err
}

// apply runs git apply in dir, which git must not take for a part of a repository
// around it: there it would skip every file in silence.
func apply(ctx context.Context, a *Answer, dir string) error {
	path, err := filepath.Abs(a.Path)
	if err != nil {
		return err
	}
	env := []string{"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir), "LC_ALL=C"}
	out, err := command.Place{Dir: dir, Env: env}.Run(ctx, "git", "apply", "--whitespace=nowarn", path)
	if err != nil {
		return fmt.Errorf("git apply refuses the patch: %s", command.FirstOf(out, err))
	}
	return nil
}

// admissible refuses overlays that would prove nothing, and reports whether one changes a
// file that the tests can only read where it lies.
func admissible(ctx context.Context, solution string, overlay map[string]string) (inPlace bool, err error) {
	if len(overlay) == 0 {
		return false, errors.New("the patch changes nothing")
	}
	for _, path := range slices.Sorted(maps.Keys(overlay)) {
		rel, _ := filepath.Rel(solution, path)
		switch {
		case strings.HasSuffix(path, "_test.go"):
			return false, fmt.Errorf("the patch changes the test file %s", rel)
		case strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod":
			continue
		}
		built, err := embedded(ctx, solution, path, overlay)
		switch {
		case err != nil:
			return false, err
		case !built && !exists(path):
			return false, fmt.Errorf("the patch adds %s, which the go command doesn't build in: nothing would read it", rel)
		case !built:
			inPlace = true
		}
	}
	return inPlace, nil
}

// embedded reports whether the go command builds path into a package by go:embed. No
// other file can be replaced by an overlay. A deleted one counts as built in when it
// was until then.
func embedded(ctx context.Context, solution, path string, overlay map[string]string) (bool, error) {
	args := []string{"list", "-f", `{{range .EmbedFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`}
	if replacement := overlay[path]; replacement != "" {
		flag, remove, err := command.OverlayFlag(filepath.Dir(replacement), overlay)
		if err != nil {
			return false, err
		}
		defer remove()
		args = append(args, flag)
	}
	out, err := command.Place{Dir: solution}.Run(ctx, "go", append(args, "./...")...)
	if err != nil {
		return false, fmt.Errorf("list the solution's packages: %s", command.FirstOf(out, err))
	}
	return slices.Contains(strings.Split(out, "\n"), path), nil
}

func copyFiles(from, to string, files []string) error {
	for _, rel := range files {
		src, err := os.ReadFile(filepath.Join(from, rel))
		if err != nil {
			return fmt.Errorf("copy the solution: %w", err)
		}
		dst := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return fmt.Errorf("copy the solution: %w", err)
		}
		if err := os.WriteFile(dst, src, 0o644); err != nil {
			return fmt.Errorf("copy the solution: %w", err)
		}
	}
	return nil
}

// compare is the overlay that makes the module in old look like the one in new.
func compare(old string, before []string, new string, after []string) (map[string]string, error) {
	overlay := map[string]string{}
	for _, rel := range before {
		if !slices.Contains(after, rel) {
			overlay[filepath.Join(old, rel)] = ""
		}
	}
	for _, rel := range after {
		is, err := os.ReadFile(filepath.Join(new, rel))
		if err != nil {
			return nil, fmt.Errorf("read the patched copy: %w", err)
		}
		was, err := os.ReadFile(filepath.Join(old, rel))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(was, is) {
			overlay[filepath.Join(old, rel)] = filepath.Join(new, rel)
		}
	}
	return overlay, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
