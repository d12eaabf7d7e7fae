// Package doctor examines a machine: what the workshop needs of it, what is missing, and the command
// that mends it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"example.com/boxoffice/tools/internal/backing"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/environment"
	"example.com/boxoffice/tools/internal/runner"
	"example.com/boxoffice/tools/internal/services/nginx"
	"example.com/boxoffice/tools/internal/services/redis"
)

// Diagnosis is what a checkup found.
type Diagnosis struct {
	Detail string
	Note   string // something to know that stops nobody
	Err    error
	Next   string // the command that mends Err
}

// Checkup looks at one thing that the workshop needs.
type Checkup struct {
	Name string
	Run  func(ctx context.Context) Diagnosis
}

// Doctor knows how to examine the machine that a course is on.
type Doctor struct {
	Course *course.Course
	// Say is told, in whole lines, what takes long.
	Say func(line string)
	// LeftOut is what the workshop's programs do without.
	LeftOut []environment.LeftOut
}

// Checkups are all but those that take minutes, in the order in which they are of use.
func (d *Doctor) Checkups() []Checkup {
	return []Checkup{
		{"Go", d.checkGo},
		{"this folder", d.checkFolder},
		{"disk", d.checkDisk},
		{"environment", d.checkEnvironment},
		{"PostgreSQL", d.checkPostgres},
		{"Redis", d.checkRedis},
		{"nginx", d.checkNginx},
		{"ports", d.checkPorts},
		{"file watching", d.checkWatching},
	}
}

// Tool is a program of the course that is compiled when it is first used.
type Tool struct {
	Path    string // of its package
	What    string // what is compiled, told to people
	Compile func(ctx context.Context) error
}

// OfflineWork downloads and compiles what all steps, their tests and the tools need.
func (d *Doctor) OfflineWork(tools []Tool) Checkup {
	return Checkup{"offline work", func(ctx context.Context) Diagnosis { return d.warm(ctx, tools) }}
}

func (d *Doctor) checkGo(ctx context.Context) Diagnosis {
	output, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return Diagnosis{Err: fmt.Errorf("the go command doesn't run: %w", err), Next: "install Go, see README.md, then open a new terminal"}
	}
	fields := strings.Fields(string(output))
	if len(fields) < 3 {
		return Diagnosis{Err: fmt.Errorf("go env answered %q", output), Next: "go env"}
	}
	for _, dir := range fields[1:] {
		if err := Writable(dir); err != nil {
			return Diagnosis{Err: fmt.Errorf("the go command can't keep its files in %s: %w", dir, err), Next: "go env GOMODCACHE GOCACHE     (both must be folders that you may write to)"}
		}
	}
	return Diagnosis{Detail: fmt.Sprintf("%s, %s/%s, %d CPUs", fields[0], runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
}

func (d *Doctor) checkFolder(context.Context) Diagnosis {
	dir := filepath.Join(d.Course.Root, ".workshop")
	if err := Writable(dir); err != nil {
		return Diagnosis{Err: fmt.Errorf("can't write to %s: %w", dir, err), Next: "ls -ld " + d.Course.Root + "     (clone into a folder that is yours)"}
	}
	if err := Writable(d.Course.Steps[0].Dir); err != nil {
		return Diagnosis{Err: fmt.Errorf("can't write to the steps: %w", err), Next: "ls -ld " + d.Course.Steps[0].Dir}
	}
	return Diagnosis{Detail: d.Course.Root}
}

// Writable makes a file in a folder, which it makes too, and removes the file.
func Writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

// diskNeeded is what the caches of a whole course take, with room to spare.
const diskNeeded = 2 << 30

func (d *Doctor) checkDisk(ctx context.Context) Diagnosis {
	output, _ := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE").Output()
	dirs := append([]string{d.Course.Root, os.TempDir()}, strings.Fields(string(output))...)
	tightest, where := int64(1)<<62, ""
	for _, dir := range dirs {
		if free, err := freeBytes(dir); err == nil && free < tightest {
			tightest, where = free, dir
		}
	}
	if where == "" {
		return Diagnosis{Detail: "can't tell how much is free"}
	}
	detail := fmt.Sprintf("%.1f GB free at %s", float64(tightest)/1e9, where)
	if tightest < diskNeeded {
		return Diagnosis{Detail: detail, Note: fmt.Sprintf("the course needs about %.0f GB, most of it for Go's caches: make room before you go on", float64(diskNeeded)/1e9)}
	}
	return Diagnosis{Detail: detail}
}

// freeBytes is what an ordinary user may still write on the file system of dir,
// or of the nearest folder above it that exists.
func freeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	err := syscall.Statfs(dir, &stat)
	if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		return freeBytes(filepath.Dir(dir))
	}
	if err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

func (d *Doctor) checkPostgres(ctx context.Context) Diagnosis {
	began := time.Now()
	version, origin, err := backing.TryPostgres(ctx, d.Say)
	if err != nil {
		return Diagnosis{Err: err}
	}
	return Diagnosis{Detail: fmt.Sprintf("%s (%s), a database in %v", version, origin, time.Since(began).Round(time.Millisecond))}
}

// checkRedis never fails for want of a Redis: the stand-in does all that the course
// asks of it.
func (d *Doctor) checkRedis(ctx context.Context) Diagnosis {
	status, err := backing.TryRedis(ctx)
	if err != nil {
		return Diagnosis{Err: err}
	}
	if status.Kind == redis.StandIn {
		return Diagnosis{Detail: status.String(), Note: "that will do; for the real one: " + status.Install}
	}
	return Diagnosis{Detail: status.String()}
}

// checkNginx never fails: a stand-in tries the configurations of step 10, too.
func (d *Doctor) checkNginx(context.Context) Diagnosis {
	program, err := nginx.Find()
	var none *nginx.NotFoundError
	switch {
	case errors.As(err, &none):
		return Diagnosis{
			Detail: "the stand-in of step 10 (" + none.Reason + ")",
			Note:   "that will do; step 10's tests with nginx itself are skipped; for these: " + none.Install,
		}
	case err != nil:
		return Diagnosis{Err: err}
	}
	return Diagnosis{Detail: fmt.Sprintf("%s (%s)", program.Version, program.Path)}
}

// checkPorts sees whether programs here may listen on loopback at all. That
// port 8080 is taken stops nobody but `run`, which can use another.
func (d *Doctor) checkPorts(context.Context) Diagnosis {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Diagnosis{Err: fmt.Errorf("can't listen on 127.0.0.1: %w", err), Next: "ip addr show lo     (the loopback interface must be up)"}
	}
	free := listener.Addr()
	_ = listener.Close()
	if listener, err = net.Listen("tcp", "127.0.0.1:8080"); err != nil {
		return Diagnosis{Detail: "loopback works", Note: fmt.Sprintf("port 8080 is taken; use: go tool workshop run --addr %v", free)}
	}
	_ = listener.Close()
	return Diagnosis{Detail: "loopback works, 8080 is free"}
}

// watchPatience is how long an event may take to come.
const watchPatience = 2 * time.Second

// checkWatching sees whether saving a file in this clone is told to `watch`.
func (d *Doctor) checkWatching(ctx context.Context) Diagnosis {
	polling := Diagnosis{Detail: "polling", Note: "this file system doesn't tell about saved files, so `watch` looks every second: it works, a little later"}
	dir := filepath.Join(d.Course.Root, ".workshop")
	if Writable(dir) != nil {
		return Diagnosis{Detail: "not tried, since this folder can't be written to"}
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return polling
	}
	defer func() { _ = watcher.Close() }()
	if watcher.Add(dir) != nil || Writable(dir) != nil {
		return polling
	}
	select {
	case <-watcher.Events:
		return Diagnosis{Detail: "events arrive"}
	case <-ctx.Done():
		return Diagnosis{Err: ctx.Err()}
	case <-time.After(watchPatience):
		return polling
	}
}

// TryTest has a test of the course run on a solution, as `test` has it run on the learner's code. It
// is the last look: what the others don't see, this one does.
func (d *Doctor) TryTest() Checkup { return Checkup{"a test", d.tryTest} }

func (d *Doctor) tryTest(ctx context.Context) Diagnosis {
	step := d.Course.Steps[0]
	next := fmt.Sprintf("go tool workshop test %02d --solution     (it shows all that is said)", step.Number)
	tests, err := course.Tests(step.SolutionDir)
	if err != nil || len(tests) == 0 {
		return Diagnosis{Err: fmt.Errorf("there is no test in %s: %w", step.SolutionDir, err), Next: "git checkout -- solutions/" + step.Name}
	}
	name := tests[0].Name
	result, err := runner.Run(ctx, runner.Options{Step: step, Solution: true, Run: "^" + name + "$", Progress: d.Say}, nil)
	switch {
	case err != nil:
		return Diagnosis{Err: err, Next: next}
	case result.Build != "":
		return Diagnosis{Err: fmt.Errorf("the tests of step %02d can't be built: %s", step.Number, Complaints(result.Build)), Next: next}
	case result.Panic != "":
		return Diagnosis{Err: fmt.Errorf("the tests of step %02d ended early: %s", step.Number, Complaints(result.Panic)), Next: next}
	case len(result.Tests) == 0:
		return Diagnosis{Err: fmt.Errorf("%s of step %02d didn't run", name, step.Number), Next: next}
	case result.Tests[0].Status != runner.Passed:
		return Diagnosis{Err: fmt.Errorf("%s fails on the solution of step %02d: %s", name, step.Number, Complaints(result.Tests[0].Output)), Next: next}
	}
	return Diagnosis{Detail: fmt.Sprintf("%s passes on the solution of step %02d (%.1f s)", name, step.Number, result.Elapsed.Seconds())}
}

func (d *Doctor) warm(ctx context.Context, tools []Tool) Diagnosis {
	d.Say("compiling every step, so that you can work without a network; a few minutes the first time")
	began := time.Now()
	arguments := []string{"test", "-vet=off", "-run=NONE"}
	for _, step := range d.Course.Steps {
		arguments = append(arguments, "./steps/"+step.Name+"/...", "./solutions/"+step.Name+"/...")
	}
	if said, err := runner.Go(ctx, d.Course.Root, nil, runner.Seldom(d.Say), arguments...); err != nil && !compiledElsewhere(said) {
		return Diagnosis{Err: fmt.Errorf("can't compile the steps: %w\n%s", err, Complaints(said)), Next: "go " + strings.Join(arguments, " ") + "     (from " + d.Course.Root + ")"}
	}
	for _, t := range tools {
		if err := t.Compile(ctx); err != nil {
			return Diagnosis{Err: fmt.Errorf("can't compile %s: %w", t.What, err), Next: "go build " + t.Path + "     (from " + d.Course.Root + ")"}
		}
	}
	return Diagnosis{Detail: fmt.Sprintf("everything is compiled (%v)", time.Since(began).Round(time.Second))}
}

// compiledElsewhere tells whether only code of the learner failed to compile,
// which is no illness of the machine.
func compiledElsewhere(output string) bool {
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "FAIL") && strings.Contains(line, "/solutions/") {
			return false
		}
	}
	return strings.Contains(output, "[build failed]")
}

// complaintLines is how many lines of the go command are shown.
const complaintLines = 8

// Complaints are the first lines of what the go command said, without the packages
// that are fine.
func Complaints(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if fine := strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? "); !fine && len(kept) < complaintLines {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(kept, "\n")
}
