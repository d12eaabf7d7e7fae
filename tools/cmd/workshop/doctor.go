package main

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
	"github.com/spf13/cobra"

	"example.com/boxoffice/tools/internal/cli"
	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/services"
)

func newDoctorCmd(e *env) *cobra.Command {
	var cold bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, and make it ready to work without a network",
		Long: `Check what the workshop needs of this machine, and say how to get what is missing.
Then compile every step, so that nothing has to be downloaded later: do this
before you go where the network is bad.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := e.Course()
			if err != nil {
				return err
			}
			return newDoctor(e, c, !cold).examine(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&cold, "no-warm", false, "check alone; don't download and compile")
	return cmd
}

// finding is what a check of the doctor found.
type finding struct {
	detail string
	note   string // something to know that stops nobody
	err    error
	next   string // the command that mends err
}

// doctor examines a machine, one check after another.
type doctor struct {
	e      *env
	course *course.Course
	checks []checkup
}

type checkup struct {
	name string
	run  func(ctx context.Context) finding
}

func newDoctor(e *env, c *course.Course, warm bool) *doctor {
	d := &doctor{e: e, course: c}
	d.checks = []checkup{
		{"Go", d.checkGo},
		{"this folder", d.checkFolder},
		{"disk", d.checkDisk},
		{"PostgreSQL", d.checkPostgres},
		{"Redis", d.checkRedis},
		{"nginx", d.checkNginx},
		{"ports", d.checkPorts},
		{"file watching", d.checkWatching},
	}
	if warm {
		d.checks = append(d.checks, checkup{"offline work", d.warm})
	}
	return d
}

// examine runs all checks, whatever the earlier ones said.
func (d *doctor) examine(ctx context.Context) error {
	ill := 0
	for _, c := range d.checks {
		found := c.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if found.err != nil {
			ill++
		}
		d.tell(c.name, found)
	}
	if ill > 0 {
		return &cli.Problem{What: count(ill, "check", "checks") + " failed", Next: "mend what is marked FAIL above, then: go tool workshop doctor"}
	}
	fmt.Fprintln(d.e.stdout, "\nThis machine is ready. Next: go tool workshop")
	return nil
}

func (d *doctor) tell(name string, f finding) {
	switch {
	case f.err != nil:
		fmt.Fprintf(d.e.stdout, "FAIL  %-14s %s\n", name, hang(f.err.Error()))
		if f.next != "" {
			fmt.Fprintf(d.e.stdout, "      %-14s next: %s\n", "", hang(f.next))
		}
	case f.note != "":
		fmt.Fprintf(d.e.stdout, "note  %-14s %s\n      %-14s %s\n", name, f.detail, "", hang(f.note))
	default:
		fmt.Fprintf(d.e.stdout, "ok    %-14s %s\n", name, f.detail)
	}
}

// hang indents the lines after the first under the first.
func hang(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", 21))
}

func (d *doctor) checkGo(ctx context.Context) finding {
	output, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return finding{err: fmt.Errorf("the go command doesn't run: %w", err), next: "install Go, see README.md, then open a new terminal"}
	}
	fields := strings.Fields(string(output))
	if len(fields) < 3 {
		return finding{err: fmt.Errorf("go env answered %q", output), next: "go env"}
	}
	for _, dir := range fields[1:] {
		if err := writable(dir); err != nil {
			return finding{err: fmt.Errorf("the go command can't keep its files in %s: %w", dir, err), next: "go env GOMODCACHE GOCACHE     (both must be folders that you may write to)"}
		}
	}
	return finding{detail: fmt.Sprintf("%s, %s/%s, %d CPUs", fields[0], runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
}

func (d *doctor) checkFolder(context.Context) finding {
	dir := filepath.Join(d.course.Root, ".workshop")
	if err := writable(dir); err != nil {
		return finding{err: fmt.Errorf("can't write to %s: %w", dir, err), next: "ls -ld " + d.course.Root + "     (clone into a folder that is yours)"}
	}
	if err := writable(d.course.Steps[0].Dir); err != nil {
		return finding{err: fmt.Errorf("can't write to the steps: %w", err), next: "ls -ld " + d.course.Steps[0].Dir}
	}
	return finding{detail: d.course.Root}
}

// writable makes a file in a folder, which it makes too, and removes the file.
func writable(dir string) error {
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

func (d *doctor) checkDisk(ctx context.Context) finding {
	output, _ := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE").Output()
	dirs := append([]string{d.course.Root, os.TempDir()}, strings.Fields(string(output))...)
	tightest, where := int64(1)<<62, ""
	for _, dir := range dirs {
		if free, err := freeBytes(dir); err == nil && free < tightest {
			tightest, where = free, dir
		}
	}
	if where == "" {
		return finding{detail: "can't tell how much is free"}
	}
	detail := fmt.Sprintf("%.1f GB free at %s", float64(tightest)/1e9, where)
	if tightest < diskNeeded {
		return finding{detail: detail, note: fmt.Sprintf("the course needs about %.0f GB, most of it for Go's caches: make room before you go on", float64(diskNeeded)/1e9)}
	}
	return finding{detail: detail}
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

func (d *doctor) checkPostgres(ctx context.Context) finding {
	say := func(line string) { fmt.Fprintf(d.e.stderr, "      %s\n", line) }
	began := time.Now()
	server, err := services.StartPostgres(ctx, services.Options{Progress: say})
	if err != nil {
		return finding{err: err}
	}
	defer func() { _ = server.Close() }()
	return finding{detail: fmt.Sprintf("%s (%s), ready in %v", server.Version(), server.Origin(), time.Since(began).Round(time.Millisecond))}
}

// checkRedis never fails for want of a Redis: the stand-in does all that the course
// asks of it.
func (d *doctor) checkRedis(ctx context.Context) finding {
	status, err := services.NewRedis().Status(ctx)
	if err != nil {
		return finding{err: err}
	}
	if status.Kind == services.StandInRedis {
		return finding{detail: status.String(), note: "that will do; for the real one: " + status.Install}
	}
	return finding{detail: status.String()}
}

// checkNginx never fails: a stand-in tries the configurations of step 10, too.
func (d *doctor) checkNginx(context.Context) finding {
	program, err := services.FindNginx()
	var none *services.NoNginxError
	switch {
	case errors.As(err, &none):
		return finding{
			detail: "the stand-in of step 10 (" + none.Reason + ")",
			note:   "that will do; step 10's tests with nginx itself are skipped; for these: " + none.Install,
		}
	case err != nil:
		return finding{err: err}
	}
	return finding{detail: fmt.Sprintf("%s (%s)", program.Version, program.Path)}
}

// checkPorts sees whether programs here may listen on loopback at all. That
// port 8080 is taken stops nobody but `run`, which can use another.
func (d *doctor) checkPorts(context.Context) finding {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return finding{err: fmt.Errorf("can't listen on 127.0.0.1: %w", err), next: "ip addr show lo     (the loopback interface must be up)"}
	}
	_ = listener.Close()
	if listener, err = net.Listen("tcp", "127.0.0.1:8080"); err != nil {
		return finding{detail: "loopback works", note: fmt.Sprintf("port 8080 is taken; use: go tool workshop run --addr 127.0.0.1:%d", freePort())}
	}
	_ = listener.Close()
	return finding{detail: "loopback works, 8080 is free"}
}

// watchPatience is how long an event may take to come.
const watchPatience = 2 * time.Second

// checkWatching sees whether saving a file in this clone is told to `watch`.
func (d *doctor) checkWatching(ctx context.Context) finding {
	polling := finding{detail: "polling", note: "this file system doesn't tell about saved files, so `watch` looks every second: it works, a little later"}
	dir := filepath.Join(d.course.Root, ".workshop")
	if writable(dir) != nil {
		return finding{detail: "not tried, since this folder can't be written to"}
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return polling
	}
	defer func() { _ = watcher.Close() }()
	if watcher.Add(dir) != nil || writable(dir) != nil {
		return polling
	}
	select {
	case <-watcher.Events:
		return finding{detail: "events arrive"}
	case <-ctx.Done():
		return finding{err: ctx.Err()}
	case <-time.After(watchPatience):
		return polling
	}
}

// warm downloads and compiles what all steps and their tests need, and the companion.
func (d *doctor) warm(ctx context.Context) finding {
	fmt.Fprintf(d.e.stderr, "      compiling every step, so that you can work without a network; a few minutes the first time\n")
	began := time.Now()
	arguments := []string{"test", "-vet=off", "-run=NONE"}
	for _, step := range d.course.Steps {
		arguments = append(arguments, "./steps/"+step.Name+"/...", "./solutions/"+step.Name+"/...")
	}
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = d.course.Root
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	if output, err := command.CombinedOutput(); err != nil && !compiledElsewhere(string(output)) {
		return finding{err: fmt.Errorf("can't compile the steps: %w\n%s", err, complaints(string(output))), next: "go " + strings.Join(arguments, " ") + "     (from " + d.course.Root + ")"}
	}
	for _, t := range tools {
		if _, err := d.e.compileTool(ctx, d.course.Root, t.path); err != nil {
			return finding{err: fmt.Errorf("can't compile %s: %w", t.what, err), next: "go build " + t.path + "     (from " + d.course.Root + ")"}
		}
	}
	return finding{detail: fmt.Sprintf("everything is compiled (%v)", time.Since(began).Round(time.Second))}
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

// complaints are the first lines of what the go command said, without the packages
// that are fine.
func complaints(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if fine := strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? "); !fine && len(kept) < complaintLines {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(kept, "\n")
}
