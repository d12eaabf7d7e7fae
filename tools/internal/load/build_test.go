package load

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

// fakeGo puts a program before go that notes where it builds what, and then does what script says.
// It returns the notes so far.
func fakeGo(t *testing.T, script string) (notes func() string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	text := "#!/bin/sh\necho \"$PWD $GOWORK $*\" >> '" + log + "'\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(text), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("GOWORK", "")
	return func() string {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		return string(text)
	}
}

func builder(t *testing.T) (*Builder, *course.Step) {
	t.Helper()
	c := coursetest.New(t)
	return &Builder{Root: c.Root, Folder: filepath.Join(c.Root, ".workshop", "measure")}, c.Steps[0]
}

// copyFiles makes the learner's folder what files say, by the names that want wants.
func copyFiles(t *testing.T, s *course.Step, files map[string][]byte, want func(name string) bool) {
	t.Helper()
	for name, src := range files {
		if want(name) {
			coursetest.Write(t, filepath.Join(s.Dir, name), string(src))
		}
	}
}

func TestWhatThereIsToCompare(t *testing.T) {
	all := func(string) bool { return true }
	solve := func(want func(string) bool) func(*testing.T, *course.Step) {
		return func(t *testing.T, s *course.Step) {
			solved, err := s.Solved()
			require.NoError(t, err)
			copyFiles(t, s, solved, want)
		}
	}
	for name, c := range map[string]struct {
		learner func(t *testing.T, s *course.Step)
		want    string // each with what it is compared with
	}{
		"untouched": {func(*testing.T, *course.Step) {}, "starter< solution<starter"},
		"half done": {solve(func(name string) bool { return name == "main.go" }), "starter< yours<starter solution<starter"},
		"solved":    {solve(all), "starter< solution<starter"},
		"a test more": {func(t *testing.T, s *course.Step) {
			coursetest.Write(t, filepath.Join(s.Dir, "mine_test.go"), "package main\n")
		}, "starter< solution<starter"},
		"a file more": {func(t *testing.T, s *course.Step) {
			coursetest.Write(t, filepath.Join(s.Dir, "mine.go"), "package main\n")
		}, "starter< yours<starter solution<starter"},
		"a file less": {func(t *testing.T, s *course.Step) {
			require.NoError(t, os.RemoveAll(filepath.Join(s.Dir, "number")))
		}, "starter< yours<starter solution<starter"},
		"thrown away": {func(t *testing.T, s *course.Step) { require.NoError(t, os.RemoveAll(s.Dir)) }, "starter< solution<starter"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeGo(t, "")
			b, s := builder(t)
			c.learner(t, s)
			list, err := b.Variants(t.Context(), s)
			require.NoError(t, err)
			var got []string
			for _, v := range list {
				got = append(got, v.Name+"<"+v.Against)
				require.Equal(t, filepath.Join(b.Folder, "bin", "01-adding-"+v.Name), v.Binary)
			}
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func TestEachIsBuiltWhereItIs(t *testing.T) {
	notes := fakeGo(t, "")
	b, s := builder(t)
	coursetest.Write(t, filepath.Join(s.Dir, "mine.go"), "package main\n")
	_, err := b.Variants(t.Context(), s)
	require.NoError(t, err)
	line := func(dir, gowork, name string) string {
		return dir + " " + gowork + " build -o " + filepath.Join(b.Folder, "bin", name) + " .\n"
	}
	require.Equal(t, line(filepath.Join(b.Folder, "steps", s.Name), "off", "01-adding-starter")+ // go.work doesn't list it
		line(s.Dir, "", "01-adding-yours")+line(s.SolutionDir, "", "01-adding-solution"), notes())
}

func TestTheStarterIsLaidApart(t *testing.T) {
	fakeGo(t, "")
	b, s := builder(t)
	coursetest.Write(t, filepath.Join(b.Root, "tools", "go.mod"), "module example.com/boxoffice/tools\n")
	starter, err := s.Starter()
	require.NoError(t, err)
	coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main // the learner's\n")
	dir := filepath.Join(b.Folder, "steps", s.Name)
	for range 2 {
		coursetest.Write(t, filepath.Join(dir, "old.go"), "package old\n")
		_, err := b.Variants(t.Context(), s)
		require.NoError(t, err)
		names, err := course.Files(dir)
		require.NoError(t, err)
		require.Len(t, names, len(starter), "and nothing of the last time")
		for name, src := range starter {
			got, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, string(src), string(got), name)
		}
	}
	require.FileExists(t, filepath.Join(dir, "../../tools/go.mod"), "where its go.mod looks for it")
	mine, err := os.ReadFile(filepath.Join(s.Dir, "main.go"))
	require.NoError(t, err)
	require.Equal(t, "package main // the learner's\n", string(mine))
}

func TestWithoutASolutionThereIsNothingToCompare(t *testing.T) {
	for name, breaks := range map[string]func(*testing.T, *course.Step){
		"no solution": func(t *testing.T, s *course.Step) { require.NoError(t, os.RemoveAll(s.SolutionDir)) },
		"no patch": func(t *testing.T, s *course.Step) {
			require.NoError(t, os.Remove(filepath.Join(s.SolutionDir, course.StarterFile)))
		},
		"another solution": func(t *testing.T, s *course.Step) {
			coursetest.Write(t, filepath.Join(s.SolutionDir, "main.go"), "package main\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := builder(t)
			breaks(t, s)
			list, err := b.Variants(t.Context(), s)
			var broken *course.StarterError
			require.ErrorAs(t, err, &broken)
			require.ErrorContains(t, err, "make the starter of 01-adding")
			require.Empty(t, list)
		})
	}
}

func TestWhatDoesNotCompileIsQuoted(t *testing.T) {
	fakeGo(t, `case "$*" in *-yours*) echo; echo "./main.go:7:2: undefined: ad" >&2; exit 1;; esac`)
	b, s := builder(t)
	coursetest.Write(t, filepath.Join(s.Dir, "mine.go"), "package main\n")
	_, err := b.Variants(t.Context(), s)
	var broken *CompileError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, "yours", broken.Name)
	require.EqualError(t, err, "the API of your code doesn't compile:\n./main.go:7:2: undefined: ad")

	v, err := b.Solution(t.Context(), s)
	require.NoError(t, err, "it is another one's mistake")
	require.Equal(t, "solution", v.Name)
	require.Empty(t, v.Against)
}

func TestAnInterruptedBuildIsNoMistake(t *testing.T) {
	fakeGo(t, "exit 1")
	b, s := builder(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrDeadlineExceeded)
	_, err := b.Solution(ctx, s)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestTheWorkerIsWhatTheTestsSay(t *testing.T) {
	fakeGo(t, "")
	b, s := builder(t)
	v, err := b.Solution(t.Context(), s)
	require.NoError(t, err)
	require.Empty(t, v.Worker)
	path := filepath.Join(s.SolutionDir, "main_test.go")
	coursetest.Write(t, path, "package main\n\nfunc TestMain(m *testing.M) { lab.Main(m, main, lab.Worker(\"work\")) }\n")
	v, err = b.Solution(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, "work", v.Worker)
	coursetest.Write(t, path, "package main\n\nfunc {\n")
	_, err = b.Solution(t.Context(), s)
	require.ErrorContains(t, err, "read whether the API has a worker")
}
