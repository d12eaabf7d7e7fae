package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/cli"
)

// commits makes a repository of the desk's course.
func (b *desk) commits() {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(filepath.Join(b.course.Root, ".gitignore"), []byte(".workshop/\n"), 0o644))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = b.course.Root
		out, err := cmd.CombinedOutput()
		require.NoError(b.t, err, string(out))
	}
}

func TestCarryTellsWhatBecameOfEachFile(t *testing.T) {
	b := newDesk(t)
	b.commits()
	assert.Contains(t, b.succeeds("carry"), "Nothing to carry")
	path := filepath.Join(b.step(1).SolutionDir, "extra.go")
	require.NoError(t, os.WriteFile(path, []byte("package main\n"), 0o644))
	b.cwd = b.step(1).SolutionDir
	dry := b.succeeds("carry", "--dry-run", "extra.go")
	assert.Contains(t, dry, "edited     solutions/01-adding/extra.go\ncopied     steps/02-doubling/extra.go\ncopied     solutions/02-doubling/extra.go\n")
	assert.Contains(t, dry, "0 files written")
	assert.Contains(t, dry, "nothing was written")
	assert.NoFileExists(t, filepath.Join(b.step(2).Dir, "extra.go"))
	out := b.succeeds("carry")
	assert.Contains(t, out, "2 copied, 1 rewritten; 3 files written.")
	assert.Contains(t, out, "\nProve it\n  go tool workshop verify --step 01,02 --named --only tasks,same-tests,")
	assert.FileExists(t, filepath.Join(b.step(2).Dir, "extra.go"))
}

func TestCarryEndsWithAConflictAndHowToGoOn(t *testing.T) {
	b := newDesk(t)
	b.commits()
	main := filepath.Join(b.step(1).SolutionDir, "main.go")
	src := b.read(main)
	require.NoError(t, os.WriteFile(main, []byte(strings.Replace(src, "return number.Add(a, b)", "return number.Add(b, a)", 1)), 0o644))
	assert.Equal(t, cli.ExitRed, b.run("carry"))
	assert.Contains(t, b.out.String(), "conflict   steps/02-doubling/main.go")
	assert.Contains(t, b.out.String(), "when they are resolved: go tool workshop carry\n")
	assert.NotContains(t, b.out.String(), "Prove it")
	assert.Contains(t, b.fails(cli.ExitMachine, "carry", "--base", "nowhere"), `there is no revision "nowhere"`)
	assert.Contains(t, b.fails(cli.ExitUsage, "carry", "/elsewhere"), "/elsewhere is not inside the course")
}

func TestNewStepTellsWhereToGoOn(t *testing.T) {
	b := newDesk(t)
	out := b.succeeds("new-step", "03-tripling")
	assert.Contains(t, out, "steps/03-tripling/   3 files\n")
	assert.Contains(t, out, "go tool workshop verify --step 03 --only front-matter,tasks\n")
	assert.Contains(t, b.fails(cli.ExitMachine, "new-step", "09-later"), "the next step is 04, after 03-tripling")
}
