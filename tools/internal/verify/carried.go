package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// sameTests checks that test files and their testdata are byte-identical in the
// starter and the solution.
func sameTests(w *work, s *course.Step) {
	starter, err := testSources(s.Dir)
	solution, err2 := testSources(s.SolutionDir)
	if err := errors.Join(err, err2); err != nil {
		w.add(s.Dir, "%v", err)
		return
	}
	if len(solution) == 0 {
		w.add(s.SolutionDir, "there are no test files")
	}
	for _, rel := range union(starter, solution) {
		mine, theirs := filepath.Join(s.Dir, rel), filepath.Join(s.SolutionDir, rel)
		switch {
		case !slices.Contains(starter, rel):
			w.add(theirs, "the starter has no such test file")
		case !slices.Contains(solution, rel):
			w.add(mine, "the solution has no such test file")
		case !sameFile(mine, theirs, nil):
			w.add(mine, "differs from %s", w.rel(theirs))
		}
	}
}

// testSources lists the files that belong to the tests of a module.
func testSources(dir string) ([]string, error) {
	files, err := course.Files(dir)
	return slices.DeleteFunc(files, func(rel string) bool { return !ofTests(rel) }), err
}

func ofTests(rel string) bool {
	return isTest(rel) || slices.Contains(strings.Split(rel, "/"), "testdata")
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// sameFile compares two files, the first after rewriting it.
func sameFile(a, b string, rewrite func([]byte) []byte) bool {
	left, err := os.ReadFile(a)
	right, err2 := os.ReadFile(b)
	if errors.Join(err, err2) != nil {
		return false
	}
	if rewrite != nil {
		left = rewrite(left)
	}
	return bytes.Equal(left, right)
}

// carried compares a starter with the solution before it. A file that differs must
// carry a TODO(task …), or stand in the lesson's list of what the step introduces.
func carried(w *work, s *course.Step) {
	before := w.previous(s)
	if before == nil {
		return
	}
	old, err := course.Files(before.SolutionDir)
	files, err2 := course.Files(s.Dir)
	if err := errors.Join(err, err2); err != nil {
		w.add(s.Dir, "%v", err)
		return
	}
	used := map[string]bool{}
	marked := map[string]bool{}
	for _, g := range w.gaps(s.Dir) {
		marked[g.File] = true
	}
	for _, rel := range union(old, files) {
		if ofTests(rel) || rel == "go.sum" || sameFile(filepath.Join(before.SolutionDir, rel), filepath.Join(s.Dir, rel), moveTo(before, s)) {
			continue
		}
		entry := entryFor(s.Introduces, rel)
		used[entry] = true
		if entry == "" && !marked[rel] {
			w.add(filepath.Join(s.Dir, rel), "%s", w.unmarked(before, s, rel))
		}
	}
	for _, entry := range s.Introduces {
		if !used[entry] {
			w.add(s.LessonPath, "introduces lists %s, which is as solutions/%s left it", entry, before.Name)
		}
	}
}

// unmarked words what happened to a file that a starter changed without a mark.
func (r *round) unmarked(before, s *course.Step, rel string) string {
	what := "differs from"
	if !exists(filepath.Join(s.Dir, rel)) {
		what = "is missing, but stands in"
	} else if !exists(filepath.Join(before.SolutionDir, rel)) {
		what = "is not in"
	}
	return fmt.Sprintf("%s solutions/%s; add a TODO(task …) to it, or list it under introduces: in %s",
		what, before.Name, r.rel(s.LessonPath))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// previous is the step before s, nil for the first.
func (r *round) previous(s *course.Step) *course.Step {
	i := slices.Index(r.Course.Steps, s)
	if i < 1 {
		return nil
	}
	return r.Course.Steps[i-1]
}

// moveTo rewrites a file of one step's solution as it reads in another step's starter.
func moveTo(from, to *course.Step) func([]byte) []byte {
	was, is := []byte(from.ModulePath(true)), []byte(to.ModulePath(false))
	return func(src []byte) []byte { return bytes.ReplaceAll(src, was, is) }
}

// entryFor is the entry of the list that covers a file, "" when none does.
func entryFor(list []string, rel string) string {
	for _, entry := range list {
		if entry == rel || strings.HasSuffix(entry, "/") && strings.HasPrefix(rel, entry) {
			return entry
		}
	}
	return ""
}

// reset checks that the solution's starter.patch makes exactly the starter, which
// `workshop reset` stands on.
func reset(w *work, s *course.Step) {
	path := filepath.Join(s.SolutionDir, course.StarterFile)
	made, err := s.Starter()
	files, err2 := course.Files(s.Dir)
	if err := errors.Join(err, err2); err != nil {
		w.add(path, "%v", err)
		return
	}
	for _, rel := range union(slices.Collect(maps.Keys(made)), files) {
		is, err := os.ReadFile(filepath.Join(s.Dir, rel))
		if err != nil && made[rel] == nil {
			w.add(s.Dir, "%v", err)
		} else if want, ok := made[rel]; !ok || err != nil || !bytes.Equal(is, want) {
			w.add(path, "makes another %s than the one in %s; go tool workshop starter %d", rel, w.rel(s.Dir), s.Number)
		}
	}
}

// migrations checks that no step changes or drops a migration that an earlier solution
// has: databases out there have run it.
func migrations(w *work) {
	if len(w.Course.Steps) == 0 {
		return
	}
	first := migrationsIn(w, w.Course.Steps[0].SolutionDir) // base name to where it stood first
	for _, s := range w.Course.Steps {
		for _, dir := range []string{s.Dir, s.SolutionDir} {
			w.sameMigrations(dir, first)
		}
		for name, path := range migrationsIn(w, s.SolutionDir) {
			if first[name] == "" {
				first[name] = path
			}
		}
	}
}

func (w *work) sameMigrations(dir string, first map[string]string) {
	here := migrationsIn(w, dir)
	if len(here) == 0 {
		w.add(dir, "there are no migrations")
	}
	for _, name := range slices.Sorted(maps.Keys(first)) {
		path := first[name]
		switch {
		case here[name] == "":
			w.add(dir, "the migration %s of %s is missing", name, w.rel(filepath.Dir(path)))
		case !sameFile(here[name], path, nil):
			w.add(here[name], "differs from %s", w.rel(path))
		}
	}
}

// migrationsIn finds the SQL files in folders named migrations: base name to path.
func migrationsIn(w *work, dir string) map[string]string {
	files, err := course.Files(dir)
	if err != nil {
		w.add(dir, "%v", err)
	}
	found := map[string]string{}
	for _, rel := range files {
		if filepath.Base(filepath.Dir(rel)) == "migrations" && strings.HasSuffix(rel, ".sql") {
			found[filepath.Base(rel)] = filepath.Join(dir, rel)
		}
	}
	return found
}
