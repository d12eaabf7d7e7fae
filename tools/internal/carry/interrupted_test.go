package carry

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/boxoffice/tools/internal/course"
)

// TestMain runs this binary as a carry that kills itself before it moves a certain file.
func TestMain(m *testing.M) {
	root := os.Getenv("CARRY_KILLED_IN")
	if root == "" {
		os.Exit(m.Run())
	}
	at, err := strconv.Atoi(os.Getenv("CARRY_KILLED_AT"))
	if err != nil {
		panic(err)
	}
	beforeMove = func(n int) {
		if n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	c, err := course.Open(root)
	if err != nil {
		panic(err)
	}
	report, err := Run(context.Background(), Options{Course: c})
	fmt.Println(report, err)
}

// killed carries in another process, which is killed before it moves file n, and reports
// whether it came that far.
func (a *author) killed(n int) bool {
	a.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CARRY_KILLED_IN="+a.root, fmt.Sprintf("CARRY_KILLED_AT=%d", n))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(a.t, ok && status.Signal() == syscall.SIGKILL, "%v %s", err, out)
	return true
}

// copy is another author with the same clone.
func (a *author) copy() *author {
	a.t.Helper()
	root, err := filepath.EvalSymlinks(a.t.TempDir())
	require.NoError(a.t, err)
	require.NoError(a.t, os.CopyFS(root, os.DirFS(a.root)))
	b := &author{t: a.t, root: root}
	b.open()
	return b
}

func TestKilledAtAnyMomentLosesNothing(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	a.change("solutions/01-one/shop/shop.go", "const a1 = 1\n", "const a1 = 1\n\nconst a11 = 11\n")
	a.put("solutions/01-one/extra.go", "package main\n")
	a.remove("solutions/01-one/plain/plain.go")
	before := a.state()
	whole := a.copy()
	whole.carriesAll()
	n := -1
	for ; ; n++ {
		b := a.copy()
		if !b.killed(n) {
			break
		}
		if n == -1 {
			require.Equal(t, before, b.state(), "nothing was moved yet")
		}
		r := b.carry()
		require.Equal(t, whole.state(), b.state(), "killed before move %d", n)
		require.Empty(t, r.Left)
		left, err := filepath.Glob(filepath.Join(b.root, ".workshop", "carry", "*"))
		require.NoError(t, err)
		require.Len(t, left, 2, "the lock and the memory: %v", left)
	}
	assert.Greater(t, n, 15, "as many moments as there are files")
}

func TestFileChangedAfterTheKillIsLeft(t *testing.T) {
	a := newAuthor(t)
	a.change("solutions/01-one/shop/shop.go", "return 5", "return 6")
	require.True(t, a.killed(0))
	const file = "solutions/03-three/shop/shop.go"
	a.change(file, "const d2 = 2", "const d2 = 22")
	r := a.carry()
	assert.Equal(t, []string{file}, r.Left)
	assert.Equal(t, []string{file}, conflicts(r))
	assert.Contains(t, a.read(file), "const d2 = 22")
	assert.Contains(t, a.read("solutions/02-two/shop/shop.go"), "return 6")
}
