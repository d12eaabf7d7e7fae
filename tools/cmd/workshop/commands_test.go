package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course/coursetest"
	"example.com/boxoffice/tools/internal/progress"
	"example.com/boxoffice/tools/internal/runner"
)

func TestBareSaysWhereOneStandsAndExitsZero(t *testing.T) {
	b := newDesk(t)
	out := b.succeeds()
	for _, want := range []string{
		"Welcome to Boxoffice.", "a minute or so",
		"Step 01  Adding up", "steps/01-adding · estimated 5 min",
		"✓ PASS  before  what worked before still works",
		"✗ FAIL  task 1  Add returns the sum",
		"TestAdd   task 1", "Add(1, 2) is 4", "expected 3",
		"Also red   to see them whole: go tool workshop test 01 --all\n  task 2     Negative\n",
		"Open       steps/01-adding/main.go:10 TODO(task 1): add",
		"Lesson     go tool workshop read 01",
		"Stuck?     go tool workshop hint 01",
	} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, b.succeeds(), "Welcome", "greeted once")
	assert.NotContains(t, out, "\x1b", "no colours without a terminal")
}

func TestPathsAreSeenFromWhereOneStands(t *testing.T) {
	b := newDesk(t)
	b.cwd = filepath.Join(b.step(1).Dir, "number")
	assert.Contains(t, b.succeeds(), "Open       ../main.go:10 ")
	b.cwd = b.step(2).Dir
	assert.Contains(t, b.succeeds(), "Step 02  Doubling", "the folder names the step")
}

func TestTestExitsRedAndGreen(t *testing.T) {
	b := newDesk(t)
	b.fails(cli.ExitRed, "test")
	out := b.succeeds("test", "adding", "--solution")
	assert.Contains(t, out, "The solution of step 01 passes.")
	b.succeeds("solve", "1", "--yes")
	out = b.succeeds("test", "1")
	for _, want := range []string{"Step 01 is done.", "Learned    A sum is the same from both ends.",
		"Compare    go tool workshop diff 01", "Go on      go tool workshop next\n           to 02-doubling: Doubling\n"} {
		assert.Contains(t, out, want)
	}
	assert.Contains(t, b.succeeds("list"), "✓ PASS  01-adding")
}

func TestPlainHasWordsOnly(t *testing.T) {
	b := newDesk(t)
	b.fails(cli.ExitRed, "test", "--plain")
	assert.Contains(t, b.out.String(), "  PASS  before")
	assert.NotContains(t, b.out.String(), "✓")
}

func TestCompileErrorIsShownWithTheTasksAsTheyWere(t *testing.T) {
	b := newDesk(t)
	b.fails(cli.ExitRed, "test")
	b.write("main.go", "package main\n\nfunc main() { x }\n")
	b.fails(cli.ExitRed, "test")
	out := b.out.String()
	assert.Contains(t, out, "It doesn't compile\n\n  steps/01-adding/main.go:3:15: undefined: x")
	assert.Contains(t, out, "✗ FAIL  task 1")
	assert.Contains(t, out, "(as of the last run that compiled)")
}

func TestChangedTestsAreTold(t *testing.T) {
	b := newDesk(t)
	b.write("main_test.go", "package main\n")
	b.fails(cli.ExitRed, "test")
	assert.Contains(t, b.out.String(), "Note       not as the course has it, so the course's own ran: main_test.go")
	assert.Contains(t, b.out.String(), "✗ FAIL  task 1")
}

func TestChangedTestsAreToldWhenAllIsGreen(t *testing.T) {
	b := newDesk(t)
	b.succeeds("solve", "1", "--yes")
	b.write("main_test.go", "package main\n")
	assert.Contains(t, b.succeeds("test"), "Note       not as the course has it, so the course's own ran: main_test.go")
	assert.Contains(t, b.out.String(), "Step 01 is done.")
}

func TestJSONIsForScripts(t *testing.T) {
	b := newDesk(t)
	b.fails(cli.ExitRed, "test", "--json")
	var r testReport
	require.NoError(t, json.Unmarshal(b.out.Bytes(), &struct {
		*testReport
		Tasks json.RawMessage `json:"tasks"`
	}{testReport: &r}))
	assert.Equal(t, "01-adding", r.Name)
	assert.False(t, r.Green)
	assert.Contains(t, b.out.String(), `"state": "red"`)

	var list []stepLine
	require.NoError(t, json.Unmarshal([]byte(b.succeeds("list", "--json")), &list))
	require.Len(t, list, 2)
	assert.True(t, list[0].Current)
	assert.Equal(t, "steps/01-adding", list[0].Folder)
}

func TestMistypedWordsAreSuggested(t *testing.T) {
	b := newDesk(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"tset"}, "did you mean reset or test?"},
		{[]string{"xyzzy"}, `there is no command "xyzzy"`},
		{[]string{"status"}, `there is no command "status"; did you mean list?`},
		{[]string{"serve"}, "did you mean run or solve?"},
		{[]string{"test", "--jsn"}, "did you mean --json?"},
		{[]string{"test", "ading"}, "did you mean 01-adding?"},
		{[]string{"test", "9"}, "steps are named by number (1 to 2) or name"},
		{[]string{"test", "1", "2"}, "accepts at most 1 arg(s)"},
		{[]string{"list", "1"}, "unknown command"},
		{[]string{"hint", "1", "--task", "3"}, "step 01 has no task 3; its tasks are 1 to 2"},
		{[]string{"hint", "1", "--task", "x"}, "invalid argument"},
	} {
		said := b.fails(cli.ExitUsage, c.args...)
		assert.Contains(t, said, c.want)
		assert.Contains(t, said, "\n  next: go tool workshop", "every error says what to run next")
	}
}

func TestOutsideTheCourse(t *testing.T) {
	b := newDesk(t)
	b.cwd = t.TempDir()
	assert.Contains(t, b.fails(cli.ExitMachine, "list"), "this folder is not inside the workshop")
}

func TestMissingStepFolder(t *testing.T) {
	b := newDesk(t)
	require.NoError(t, os.RemoveAll(b.step(1).Dir))
	assert.Contains(t, b.fails(cli.ExitMachine, "test", "1"), "next: go tool workshop reset 01")
	b.succeeds("reset", "1", "--yes")
	b.fails(cli.ExitRed, "test", "1")
}

func TestWhatTheTestsNeedIsMissing(t *testing.T) {
	b := newDesk(t)
	e := b.newEnv()
	e.startNeeds = func(context.Context, func(string)) (func(), error) {
		return nil, &cli.Problem{What: "no PostgreSQL", Next: "apt install postgresql"}
	}
	root := newRootCmd(e)
	root.SetArgs([]string{"test"})
	assert.Equal(t, cli.ExitMachine, cli.ExitCode(root.ExecuteContext(t.Context())))
}

func TestHintsOpenOneByOne(t *testing.T) {
	b := newDesk(t)
	assert.Contains(t, b.succeeds("hint"), "Hint 1 of 3 for task 1: Add returns the sum\n\n  What does plus do?")
	assert.Contains(t, b.succeeds("hint", "1"), "Hint 2 of 3")
	assert.Contains(t, b.succeeds("hint", "--task", "2"), "Hint 1 of 1 for task 2")
	assert.Contains(t, b.succeeds("hint"), "Hint 3 of 3")
	out := b.succeeds("hint")
	assert.Contains(t, out, "There are no more hints for task 1")
	assert.Contains(t, out, "  3  return number.Add(a, b)")
	assert.Contains(t, out, "go tool workshop diff 01")
}

func TestHintOfAGreenStep(t *testing.T) {
	b := newDesk(t)
	b.succeeds("solve", "--yes")
	b.succeeds("test")
	assert.Contains(t, b.succeeds("hint"), "Every task of step 01 is green")
}

func TestNextGoesOnOnlyFromAGreenStep(t *testing.T) {
	b := newDesk(t)
	assert.Contains(t, b.fails(cli.ExitRed, "next"), "step 01 isn't green yet")
	b.succeeds("solve", "--yes")
	b.succeeds("test")
	assert.Contains(t, b.succeeds("next"), "You stand at step 02: Doubling")
	assert.Contains(t, b.succeeds("list"), "> … TODO  02-doubling")
	assert.Contains(t, b.fails(cli.ExitUsage, "next", "--anyway"), "02-doubling is the last step")
	assert.Contains(t, b.succeeds("next", "1"), "You stand at step 01", "back")
}

// moveStep gives a step of the fixture another name, in its paths and its files.
func (b *desk) moveStep(from, to string) {
	b.t.Helper()
	root := b.course.Root
	for _, dir := range []string{"solutions", "steps"} {
		require.NoError(b.t, os.Rename(filepath.Join(root, dir, from), filepath.Join(root, dir, to)))
	}
	for path, ext := range map[string]string{"steps": ".md", "hints": ".yaml"} {
		dir := filepath.Join(root, "site", "content", path)
		require.NoError(b.t, os.Rename(filepath.Join(dir, from+ext), filepath.Join(dir, to+ext)))
	}
	for _, file := range []string{"go.work", "solutions/" + to + "/go.mod", "steps/" + to + "/go.mod", "solutions/" + to + "/starter.patch"} {
		path := filepath.Join(root, file)
		coursetest.Write(b.t, path, strings.ReplaceAll(b.read(path), from, to))
	}
	b.course = coursetest.Open(b.t, root)
}

func TestStepsOfTwoDigits(t *testing.T) {
	b := newDesk(t)
	b.moveStep("02-doubling", "10-scale-out")
	starter := b.read(filepath.Join(b.step(10).Dir, "main.go"))

	assert.Contains(t, b.succeeds("list"), "TODO  10-scale-out")
	assert.Contains(t, b.succeeds("next", "scale-out"), "You stand at step 10: Doubling")
	assert.Contains(t, b.succeeds("list"), "> … TODO  10-scale-out")
	out := b.succeeds()
	assert.Contains(t, out, "Step 10  Doubling")
	assert.Contains(t, out, "Stuck?     go tool workshop hint 10")
	assert.Contains(t, b.succeeds("hint"), "Hint 1 of 1 for task 1")
	assert.Contains(t, b.succeeds("diff", "10"), "--- steps/10-scale-out/main.go")
	assert.Contains(t, b.fails(cli.ExitUsage, "test", "1O"), `there is no step "1O"`)

	b.fails(cli.ExitRed, "test", "10")
	b.succeeds("test", "10-scale-out", "--solution")
	assert.Contains(t, b.succeeds("solve", "10", "--yes"), "Go on      go tool workshop test 10")
	assert.Contains(t, b.succeeds("test"), "Step 10 is done.")
	assert.Contains(t, b.succeeds("list"), "✓ PASS  10-scale-out")
	assert.Contains(t, b.fails(cli.ExitUsage, "next"), "10-scale-out is the last step")

	b.cwd = b.step(10).Dir
	b.succeeds("reset", "--yes")
	assert.Equal(t, starter, b.read(filepath.Join(b.step(10).Dir, "main.go")))
	assert.Contains(t, b.succeeds("next", "1"), "You stand at step 01")
	assert.Contains(t, b.fails(cli.ExitRed, "next"), "step 01 isn't green yet")
	assert.Contains(t, b.succeeds("next", "--anyway"), "You stand at step 10", "the one after 01")
}

func TestDiffComparesWithoutTestsAndModulePaths(t *testing.T) {
	b := newDesk(t)
	b.write("main_test.go", "package main\n")
	b.write("mine.go", "package main\n")
	out := b.succeeds("diff")
	assert.Contains(t, out, "-\treturn number.Add(a, b) + 1 // TODO(task 1): add\n+\treturn number.Add(a, b)\n")
	assert.NotContains(t, out, "_test.go")
	assert.NotContains(t, out, "+import", "the module path is no difference")
	assert.Contains(t, out, "--- steps/01-adding/mine.go\n+++ /dev/null\n")

	b.write("main.go", "// region all\n"+strings.Replace(b.read(b.mine("main.go")), "func Add", "// endregion\n// region add\nfunc Add", 1))
	marked := b.succeeds("diff")
	assert.NotContains(t, marked, "region", "marks of the lessons' excerpts are no difference")
	assert.Contains(t, marked, "@@ -8,5 +7,5 @@", "a hunk says where it is in the learner's file, marks included")
	assert.Regexp(t, `(?m)^main\.go +\+1 +-1$`, b.succeeds("diff", "01", "--stat"))

	stat := b.succeeds("diff", "01", "--stat")
	assert.Regexp(t, `(?m)^main\.go +\+1 +-1$`, stat)
	assert.Regexp(t, `(?m)^mine\.go +\+0 +-1  only in yours$`, stat)

	b.succeeds("solve", "--yes")
	require.NoError(t, os.Remove(b.mine("mine.go")))
	assert.Contains(t, b.succeeds("diff"), "is the solution's, letter for letter")
}

func TestResetBringsTheStarterBackAndKeepsACopy(t *testing.T) {
	b := newDesk(t)
	starter, edited := b.read(b.mine("main.go")), "package main\n\n// Mine.\nfunc main() {}\n"
	b.write("main.go", edited)
	b.write("extra/own.go", "package extra\n")
	require.NoError(t, os.Remove(b.mine("number/number.go")))

	assert.Contains(t, b.fails(cli.ExitUsage, "reset"), "next: go tool workshop reset 01 --yes")
	assert.Equal(t, edited, b.read(b.mine("main.go")), "nothing happens unasked")
	out := b.succeeds("reset", "--yes")
	assert.Equal(t, starter, b.read(b.mine("main.go")))
	assert.FileExists(t, b.mine("number/number.go"))
	assert.NoDirExists(t, b.mine("extra"))
	assert.Contains(t, out, "Moved      extra/own.go")

	_, command, ok := strings.Cut(out, "Take back  ")
	require.True(t, ok, out)
	command, _, _ = strings.Cut(command, "\n")
	sh(t, b.cwd, command)
	assert.Equal(t, edited, b.read(b.mine("main.go")), "the printed line works")
	assert.FileExists(t, b.mine("extra/own.go"))

	b.succeeds("reset", "-y")
	assert.Contains(t, b.succeeds("reset", "-y"), "Nothing to do")
}

func TestSolveKeepsTheLearnersOwnFiles(t *testing.T) {
	b := newDesk(t)
	s := b.step(1)
	coursetest.Write(t, filepath.Join(s.Dir, "old.go"), "package main\n") // the starter has it, the solution hasn't
	b.succeeds("starter", "1")
	b.write("notes.go", "package main\n")
	out := b.succeeds("solve", "--yes")
	assert.Contains(t, b.read(b.mine("main.go")), "example.com/boxoffice/steps/01-adding/number")
	assert.NoFileExists(t, b.mine("old.go"))
	assert.FileExists(t, b.mine("notes.go"))
	assert.Contains(t, out, "Moved      old.go")
	assert.Contains(t, out, "Kept       notes.go")
	b.succeeds("test")
}

func TestResetWithADamagedSolutionChangesNothing(t *testing.T) {
	b := newDesk(t)
	b.write("main.go", "package main\n")
	coursetest.Write(t, filepath.Join(b.step(1).SolutionDir, "main.go"), "package main\n")
	said := b.fails(cli.ExitMachine, "reset", "--yes")
	assert.Contains(t, said, "nothing was changed")
	assert.Contains(t, said, "git checkout -- solutions/01-adding")
	assert.Equal(t, "package main\n", b.read(b.mine("main.go")))
}

func TestNothingIsReplacedWithoutABackup(t *testing.T) {
	b := newDesk(t)
	b.write("main.go", "package main\n")
	coursetest.Write(t, filepath.Join(b.course.Root, progress.Folder), "a file in the way")
	said := b.fails(cli.ExitMachine, "reset", "--yes")
	assert.Contains(t, said, "can't back up your files, so nothing was changed")
	assert.Equal(t, "package main\n", b.read(b.mine("main.go")))
}

func TestDamagedProgressIsSaidAndGoneOnFrom(t *testing.T) {
	b := newDesk(t)
	coursetest.Write(t, filepath.Join(b.course.Root, progress.Folder, "progress.txt"), "current two\n")
	b.fails(cli.ExitRed, "test")
	assert.Contains(t, b.err.String(), "progress.txt is damaged at line 1")
	b.fails(cli.ExitRed, "test")
	assert.Empty(t, b.err.String())
}

func TestUnreadableStateStopsNoTest(t *testing.T) {
	b := newDesk(t)
	coursetest.Write(t, filepath.Join(b.course.Root, progress.Folder), "a file in the way")
	b.fails(cli.ExitRed, "test")
	assert.Equal(t, 1, strings.Count(b.err.String(), "isn't remembered"), "said once")
	assert.Contains(t, b.err.String(), "next: go tool workshop doctor")
	assert.Contains(t, b.fails(cli.ExitMachine, "next", "2"), "can't remember the step")
}

func TestWatchWithoutATerminalRunsOnce(t *testing.T) {
	b := newDesk(t)
	b.fails(cli.ExitRed, "watch")
	assert.Contains(t, b.out.String(), "TestAdd")
}

func TestRunnerFailureIsAProblemOfTheMachine(t *testing.T) {
	b := newDesk(t)
	b.runTests = func(context.Context, runner.Options, func(runner.Test)) (*runner.Result, error) {
		return nil, errOnPurpose
	}
	assert.Contains(t, b.fails(cli.ExitMachine, "test"), "can't run the tests: on purpose")
}

func TestStepsAreCompleted(t *testing.T) {
	out := newDesk(t).succeeds("__complete", "test", "")
	assert.Contains(t, out, "01-adding\tAdding up")
	assert.Contains(t, out, "02-doubling\tDoubling")
}

func TestHelpNamesCommandsAndExitCodes(t *testing.T) {
	out := newDesk(t).succeeds("--help")
	for _, want := range []string{"130 interrupted", "watch", "completion", "NO_COLOR"} {
		assert.Contains(t, out, want)
	}
	assert.NotContains(t, out, "starter", "authors' commands are hidden")
}

func TestRaceWithoutCSaysWhatIsMissing(t *testing.T) {
	b := newDesk(t)
	b.runTests = func(context.Context, runner.Options, func(runner.Test)) (*runner.Result, error) {
		return &runner.Result{Build: "go: -race requires cgo; enable cgo by setting CGO_ENABLED=1\n"}, nil
	}
	require.Equal(t, 3, b.run("test", "01", "--race"))
	require.Contains(t, b.err.String(), "needs cgo")
	require.Contains(t, b.err.String(), "next: CGO_ENABLED=1 go tool workshop test 01 --race")
	require.NotContains(t, b.out.String(), "doesn't compile", "the learner's code is fine")
}
