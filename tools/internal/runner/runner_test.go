package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/course/coursetest"
)

func mustRun(t *testing.T, o Options) *Result {
	t.Helper()
	r, err := Run(t.Context(), o, nil)
	require.NoError(t, err)
	return r
}

// states are the tasks as words: "0 green, 1 red, 2 red".
func states(r *Result, s *course.Step) string {
	var words []string
	for _, t := range r.Tasks(s) {
		words = append(words, fmt.Sprintf("%d %s", t.Task.Number, t.State))
	}
	return strings.Join(words, ", ")
}

func TestStarterIsRedInItsTasks(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	var told []string
	r, err := Run(t.Context(), Options{Step: s}, func(t Test) { told = append(told, t.Name) })
	require.NoError(t, err)
	assert.Equal(t, "0 green, 1 red, 2 red", states(r, s))
	assert.False(t, r.Green())
	assert.Empty(t, r.Build)
	assert.Empty(t, r.Panic)
	assert.Empty(t, r.Changed)
	assert.ElementsMatch(t, []string{"TestZero", "TestAdd", "TestNegative"}, told)
	failure := r.Tasks(s)[1].FirstFailure()
	assert.Contains(t, failure.Output, "main_test.go:12: Add(1, 2) is 4\nexpected 3")
	assert.NotContains(t, failure.Output, "---")
	assert.Equal(t, 1, failure.Task)
}

func TestSolutionIsGreen(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	r := mustRun(t, Options{Step: s, Solution: true})
	assert.Equal(t, "0 green, 1 green, 2 green", states(r, s))
	assert.True(t, r.Green())
}

func TestCompileErrorIsNeverGreen(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	r := mustRun(t, Options{Step: s, Solution: true, Overlay: overlay(t, s.SolutionDir, "main.go", "package main\n\nfunc main() { x }\n")})
	assert.Equal(t, "main.go:3:15: undefined: x\nmain_test.go:11:14: undefined: Add", r.Build)
	assert.False(t, r.Green())
	assert.Empty(t, r.Panic)
}

// overlay lays a file with other content over one of a folder.
func overlay(t *testing.T, dir, name, content string) map[string]string {
	path := filepath.Join(t.TempDir(), "replacement.go")
	coursetest.Write(t, path, content)
	return map[string]string{filepath.Join(dir, name): path}
}

func TestBrokenModuleIsABuildFailure(t *testing.T) {
	for name, change := range map[string]func(*course.Step){
		"go.mod":    func(s *course.Step) { coursetest.Write(t, filepath.Join(s.Dir, "go.mod"), "modul x\n") },
		"no go.mod": func(s *course.Step) { _ = os.Remove(filepath.Join(s.Dir, "go.mod")) },
		"syntax":    func(s *course.Step) { coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main\n}\n") },
		"two names": func(s *course.Step) { coursetest.Write(t, filepath.Join(s.Dir, "x.go"), "package other\n") },
		"bad import": func(s *course.Step) {
			coursetest.Write(t, filepath.Join(s.Dir, "x.go"), "package main\nimport _ \"example.com/none/x\"\n")
		},
		"empty file": func(s *course.Step) { coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "") },
		"no code":    func(s *course.Step) { _ = os.Remove(filepath.Join(s.Dir, "main.go")) },
		"import loop": func(s *course.Step) {
			coursetest.Write(t, filepath.Join(s.Dir, "number", "x.go"), "package number\nimport _ \""+s.ModulePath(false)+"\"\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := coursetest.New(t).Steps[0]
			change(s)
			r := mustRun(t, Options{Step: s})
			assert.NotEmpty(t, r.Build)
			assert.False(t, r.Green())
			assert.Empty(t, r.Panic)
			t.Log(r.Build)
		})
	}
}

func TestPristineTestsRunOverChangedAndDeletedOnes(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	coursetest.Write(t, filepath.Join(s.Dir, "main_test.go"), "package main\n")
	require.NoError(t, os.Remove(filepath.Join(s.Dir, "number", "sums_test.go")))
	r := mustRun(t, Options{Step: s})
	assert.Equal(t, []string{"main_test.go", "number/sums_test.go"}, r.Changed)
	assert.Equal(t, "0 green, 1 red, 2 red", states(r, s))
}

func TestLearnersOwnTestsRunButDoNotCount(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	solve(t, s)
	coursetest.Write(t, filepath.Join(s.Dir, "own", "own_test.go"), `package own
import "testing"
func TestAdd(t *testing.T) { t.Attr("task", "1"); t.Error("mine is red") }
`)
	r := mustRun(t, Options{Step: s})
	assert.True(t, r.Green())
	require.Len(t, r.Extra(), 1)
	assert.Equal(t, Failed, r.Extra()[0].Status)
}

func TestSubtestsWithSlashesInTheirNamesAreHeard(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	solve(t, s)
	coursetest.Write(t, filepath.Join(s.Dir, "own", "own_test.go"), `package own
import "testing"
func TestOwn(t *testing.T) { t.Run("stalled/order", func(t *testing.T) { t.Error("the order waits") }) }
`)
	r := mustRun(t, Options{Step: s})
	require.Len(t, r.Extra(), 1)
	assert.Contains(t, r.Extra()[0].Output, "the order waits")
}

// solve puts the solution into the learner's folder.
func solve(t *testing.T, s *course.Step) {
	files, err := s.Solved()
	require.NoError(t, err)
	for name, src := range files {
		coursetest.Write(t, filepath.Join(s.Dir, name), string(src))
	}
}

func TestRunThatTestsNothingIsNotGreen(t *testing.T) {
	for name, source := range map[string]string{
		"exit at init":  "package main\nimport \"os\"\nfunc init() { os.Exit(0) }\n",
		"red at exit":   "package main\nimport \"os\"\nfunc init() { os.Exit(1) }\n",
		"panic at init": "package main\nfunc init() { panic(\"on purpose\") }\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := coursetest.New(t).Steps[0]
			solve(t, s)
			coursetest.Write(t, filepath.Join(s.Dir, "init.go"), source)
			r := mustRun(t, Options{Step: s})
			assert.False(t, r.Green())
			assert.Equal(t, NotRun, r.Tasks(s)[0].State)
			if strings.Contains(source, "panic") {
				assert.Contains(t, r.Panic, "panic: on purpose")
			}
		})
	}
	s := coursetest.New(t).Steps[0]
	assert.False(t, mustRun(t, Options{Step: s, Solution: true, Run: "^$"}).Green())
	s.Tasks[0].Tests = append(s.Tasks[0].Tests, "TestRenamed")
	r := mustRun(t, Options{Step: s, Solution: true})
	assert.False(t, r.Green(), "a declared test is missing")
	assert.Equal(t, []string{"TestRenamed"}, r.Tasks(s)[1].Missing)
}

func TestPanicIsTold(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	src := strings.Replace(string(mustRead(t, filepath.Join(s.SolutionDir, "main.go"))), "return number.Add(a, b)", "_ = number.Add\n\tpanic(\"out of numbers\")", 1)
	r := mustRun(t, Options{Step: s, Solution: true, Overlay: overlay(t, s.SolutionDir, "main.go", src)})
	assert.Contains(t, r.Panic, "panic: out of numbers")
	assert.False(t, r.Green())
	assert.Equal(t, "0 green, 1 red, 2 green", states(r, s))
}

func mustRead(t *testing.T, path string) []byte {
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	return src
}

func TestEndlessTestIsEnded(t *testing.T) {
	s := coursetest.New(t).Steps[1]
	src := "package main\n\nfunc main() {}\n\nfunc Double(n int) int {\n\tfor {\n\t}\n}\n"
	r := mustRun(t, Options{Step: s, Solution: true, Timeout: time.Second, Overlay: overlay(t, s.SolutionDir, "main.go", src)})
	assert.False(t, r.Green())
	assert.Contains(t, r.Panic, "test timed out after 1s")
}

// TestCancelKillsTheWholeGroup cancels while a test waits for a grandchild.
func TestCancelKillsTheWholeGroup(t *testing.T) {
	s := coursetest.New(t).Steps[1]
	pidFile := filepath.Join(t.TempDir(), "pid")
	src := fmt.Sprintf(`package main
import ("os"; "os/exec"; "strconv"; "os/signal")
func main() {}
func Double(n int) int {
	signal.Ignore(os.Interrupt)
	c := exec.Command("sleep", "600")
	c.Stdout = os.Stdout
	_ = c.Start()
	_ = os.WriteFile(%[1]q+"x", []byte(strconv.Itoa(c.Process.Pid)), 0o644)
	_ = os.Rename(%[1]q+"x", %[1]q)
	_ = c.Wait()
	return n
}
`, pidFile)
	o := Options{Step: s, Solution: true, Overlay: overlay(t, s.SolutionDir, "main.go", src)}
	cause := errors.New("saved again")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for !exists(pidFile) && t.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(cause)
	}()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	_, err := Run(ctx, o, nil)
	require.ErrorIs(t, err, cause)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left, "no temporary file is left")
	pid, err := strconv.Atoi(string(mustRead(t, pidFile)))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 10*time.Millisecond)
}

// TestOutputWithoutAnEndIsBounded stops a run whose code prints for ever, in the package of the root and
// in one below: both ways in which tests run.
func TestOutputWithoutAnEndIsBounded(t *testing.T) {
	for name, first := range map[string][][]string{"by go test": nil, "by the program": {{"TestAdd"}}} {
		t.Run(name, func(t *testing.T) {
			s := coursetest.New(t).Steps[0]
			much := filepath.Join(t.TempDir(), "much")
			src := fmt.Sprintf(`package main
import ("fmt"; "os"; "strings")
func main() {}
func Add(a, b int) int {
	for line, n := strings.Repeat("again and ", 100), 0; ; n++ {
		fmt.Println(line)
		if n == 100_000 {
			_ = os.WriteFile(%q, nil, 0o644)
		}
	}
}
`, much)
			o := Options{Step: s, Solution: true, First: first, Overlay: overlay(t, s.SolutionDir, "main.go", src)}
			ctx, cancel := context.WithCancel(t.Context())
			var stopped time.Time
			go func() {
				for !exists(much) && t.Context().Err() == nil {
					time.Sleep(10 * time.Millisecond)
				}
				stopped = time.Now()
				cancel()
			}()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Run(ctx, o, nil)
			require.ErrorIs(t, err, context.Canceled)
			assert.Less(t, time.Since(stopped), 5*time.Second, "it ends at once")
			runtime.ReadMemStats(&after)
			assert.Less(t, after.HeapSys, before.HeapSys+64<<20, "of 100 MB, little is kept")
		})
	}
}

func TestGoSaysWhatItSaid(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	said, err := Go(t.Context(), s.SolutionDir, []string{"GOFLAGS=-mod=readonly"}, nil, "env", "GOFLAGS")
	require.NoError(t, err)
	assert.Equal(t, "-mod=readonly\n", said)
	said, err = Go(t.Context(), s.SolutionDir, nil, nil, "build", "./nowhere")
	require.Error(t, err)
	assert.Contains(t, said, "nowhere")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("saved again")
	cancel(cause)
	_, err = Go(ctx, s.SolutionDir, nil, nil, "version")
	require.ErrorIs(t, err, cause)
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// gone reports whether a process has ended, though nobody may have waited for it.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestScratchOfTheDeadIsSwept(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	mine, remove, err := scratch()
	require.NoError(t, err)
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	orphan := filepath.Join(temp, fmt.Sprintf("%s%d-1", scratchPrefix(), dead.ProcessState.Pid()))
	require.NoError(t, os.MkdirAll(filepath.Join(orphan, "b001"), 0o755))
	sweepScratch()
	assert.NoDirExists(t, orphan)
	assert.DirExists(t, mine, "its owner lives")
	remove()
	assert.NoDirExists(t, mine)
}

func TestCompileTellsOfPackages(t *testing.T) {
	s := coursetest.New(t).Steps[0]
	// A package of which no cache has heard: the comment is another in each run.
	novel := filepath.Join(t.TempDir(), "novel")
	coursetest.Write(t, filepath.Join(novel, "go.mod"), "module example.com/novel\n")
	coursetest.Write(t, filepath.Join(novel, "novel.go"), "package novel // "+rand.Text()+"\n")
	module, err := os.ReadFile(filepath.Join(s.Dir, "go.mod"))
	require.NoError(t, err)
	coursetest.Write(t, filepath.Join(s.Dir, "go.mod"), string(module)+"\nrequire example.com/novel v0.0.0\n\nreplace example.com/novel => "+novel+"\n")
	coursetest.Write(t, filepath.Join(s.Dir, "main.go"), "package main\n\nimport _ \"example.com/novel\"\n\nfunc main() {}\n")
	require.NoError(t, os.RemoveAll(filepath.Join(s.Dir, "main_test.go")))
	var told []string
	require.NoError(t, Compile(t.Context(), s, func(line string) { told = append(told, line) }))
	assert.Equal(t, []string{"compiled example.com/novel"}, told)
}

// startSleep starts a process in a group of its own and returns the group's id.
func startSleep(t *testing.T) (group int) {
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = groupAttributes()
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
