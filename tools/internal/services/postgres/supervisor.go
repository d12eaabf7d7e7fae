package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.com/boxoffice/tools/internal/environment"
	"example.com/boxoffice/tools/internal/services/program"
	"example.com/boxoffice/tools/internal/services/state"
)

// supervisorVariable carries an assignment, as JSON, to the supervisor.
const supervisorVariable = "WORKSHOP_SUPERVISOR"

// assignment is all that the supervisor knows of its starter.
type assignment struct {
	State    string
	Storage  []string
	Cache    string
	Binaries binaries
	Idle     time.Duration
}

// report is one line from the supervisor to the program that started it.
type report struct {
	Progress string     `json:",omitempty"`
	Error    string     `json:",omitempty"`
	Ready    *published `json:",omitempty"`
}

const (
	reportFD = 3 // pipe to the starter, closed when the server answers
	startFD  = 4 // start.lock, held until then: it outlives a starter that is killed
)

// RunIfSupervisor must be the first call of main or TestMain in every program
// that may start a server: the server's supervisor is that program run again.
// In the supervisor it never returns. Elsewhere it cleans the environment of what
// would change where connections lead.
func RunIfSupervisor() {
	text := os.Getenv(supervisorVariable)
	if text == "" {
		environment.Clean()
		return
	}
	os.Unsetenv(supervisorVariable)
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	reports := os.NewFile(reportFD, "reports")
	start := os.NewFile(startFD, "start.lock")
	unix.CloseOnExec(reportFD)
	unix.CloseOnExec(startFD)
	closeInherited()
	var a assignment
	err := json.Unmarshal([]byte(text), &a)
	if err == nil {
		err = a.supervise(reports, start)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		tell(reports, report{Error: err.Error()})
		os.Exit(1)
	}
	os.Exit(0)
}

// closeInherited closes files that the caller got from its own parent, such as
// a pipe of make: the supervisor lives longer than anyone waits for their end.
// Files of the Go runtime close on exec, inherited ones don't.
func closeInherited() {
	entries, _ := os.ReadDir("/dev/fd")
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= startFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

func tell(reports *os.File, r report) {
	line, _ := json.Marshal(r)
	reports.Write(append(line, '\n')) // a starter that is gone doesn't matter
}

// launch finds binaries and has a supervisor start a server from them. The caller holds start.
func (s settings) launch(ctx context.Context, start *os.File, opt Options) (published, error) {
	found, err := s.findOrDownload(ctx, opt)
	if err != nil {
		return published{}, err
	}
	opt.say("starting PostgreSQL %s (%s)", found.Version, found.Origin)
	text, err := json.Marshal(assignment{State: s.State, Storage: s.Storage, Cache: s.Cache, Binaries: found, Idle: s.Idle})
	if err != nil {
		return published{}, err
	}
	logPath := filepath.Join(s.State, "supervisor.log")
	log, err := os.Create(logPath)
	if err != nil {
		return published{}, state.Error(s.State, err)
	}
	defer log.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return published{}, fmt.Errorf("start the supervisor: %w", err)
	}
	defer read.Close()
	cmd, err := supervisorCommand(string(text), log, write, start)
	if err == nil {
		err = cmd.Start()
	}
	write.Close()
	if err != nil {
		return published{}, fmt.Errorf("start the supervisor: %w", err)
	}
	go cmd.Wait() // so that no zombie stays
	stop := context.AfterFunc(ctx, func() { read.SetReadDeadline(time.Now()) })
	defer stop()
	return awaitReady(ctx, read, logPath, opt)
}

func supervisorCommand(text string, log, reports, start *os.File) (*exec.Cmd, error) {
	self := "/proc/self/exe" // leads to this program even when its file was deleted
	if runtime.GOOS != "linux" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"workshop-postgres-supervisor"}
	cmd.Dir = "/"
	cmd.Env = append(program.Environment(), supervisorVariable+"="+text)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{reportFD - 3: reports, startFD - 3: start}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C in the starter's terminal passes by
	return cmd, nil
}

func awaitReady(ctx context.Context, reports *os.File, logPath string, opt Options) (published, error) {
	lines := bufio.NewScanner(reports)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return published{}, fmt.Errorf("understand the supervisor: %w", err)
		}
		switch {
		case r.Ready != nil:
			return *r.Ready, nil
		case r.Error != "":
			return published{}, errors.New(r.Error)
		default:
			opt.say("%s", r.Progress)
		}
	}
	if ctx.Err() != nil {
		return published{}, fmt.Errorf("wait for PostgreSQL to start: %w", context.Cause(ctx))
	}
	log, _ := os.ReadFile(logPath)
	if len(log) == 0 {
		return published{}, errors.New("PostgreSQL's supervisor ended without a word\nRun the same command again; when it stays so, the program lacks a call to postgres.RunIfSupervisor")
	}
	return published{}, fmt.Errorf("PostgreSQL's supervisor ended:\n%s\nRun the same command again", program.LastLines(string(log), 10))
}

// supervise runs a server until nobody needs it.
//
// The supervisor is the one program that ends with nobody: it serves all processes of this user,
// lives longer than the one that started it, and leaves once users.lock says that nobody is left.
// Its server ends with it as all other programs end with theirs: see internal/process/orphan.go.
// A server whose supervisor and keeper were both killed is ended by sweep, at the next start.
func (a assignment) supervise(reports, start *os.File) error {
	sweep(a.Storage)
	user := serverUser()
	run, lock, err := newRun(a.Storage, user)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer removeOverflows(a.Storage)
	defer removeRun(run)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	server, err := a.startServer(run, user, func(line string) { tell(reports, report{Progress: line}) })
	if err != nil {
		return err
	}
	me := published{Run: run, PID: os.Getpid(), Version: a.Binaries.Version, Origin: a.Binaries.Origin, Started: time.Now()}
	defer server.stop()
	me.Overflow = a.makeOverflow(me, user)
	if err := me.publish(a.State); err != nil {
		return state.Error(a.State, err)
	}
	tell(reports, report{Ready: &me})
	reports.Close()
	start.Close()
	a.watch(me, server, term)
	return nil
}

// publish replaces the file "current" in one go.
func (p published) publish(folder string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	fresh := filepath.Join(folder, currentFile+".new")
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(folder, currentFile))
}

// watch returns once the server has no reason to live any more.
func (a assignment) watch(me published, server *postmaster, term <-chan os.Signal) {
	tick := time.NewTicker(min(max(a.Idle/20, 20*time.Millisecond), time.Second))
	defer tick.Stop()
	lastUsed := time.Now()
	for {
		select {
		case <-term:
			return
		case <-server.process.Exited():
			a.leave(me)
			return
		case <-tick.C:
		}
		if now, err := readPublished(a.State); err != nil || now.Run != me.Run || !exists(me.socket()) {
			return // nobody can find this server any more
		}
		users, err := state.TryLock(filepath.Join(a.State, usersLock), syscall.LOCK_EX)
		if err != nil {
			lastUsed = time.Now()
			continue
		}
		if time.Since(lastUsed) > a.Idle && a.retire(me, server) {
			users.Close()
			return
		}
		users.Close()
	}
}

// retire stops the server and removes the whole state, unless someone is just
// starting. The caller holds users.lock alone; those who wait for a lock notice
// that its file is gone and begin afresh.
func (a assignment) retire(me published, server *postmaster) bool {
	start, err := state.TryLock(filepath.Join(a.State, startLock), syscall.LOCK_EX)
	if err != nil {
		return false
	}
	defer start.Close()
	server.stop()
	removeRun(me.Run)
	removeOverflows(a.Storage)
	clearState(a.State)
	return true
}

// leave withdraws what was published, when no other server was meanwhile.
func (a assignment) leave(me published) {
	start, err := state.TryLock(filepath.Join(a.State, startLock), syscall.LOCK_EX)
	if err != nil {
		return
	}
	defer start.Close()
	if now, err := readPublished(a.State); err == nil && now.Run == me.Run {
		os.Remove(filepath.Join(a.State, currentFile))
	}
}

// clearState removes the workshop's files from the state folder, and the folder
// when nothing else is in it.
func clearState(folder string) {
	for _, name := range []string{currentFile, currentFile + ".new", "supervisor.log", startLock, usersLock} {
		os.Remove(filepath.Join(folder, name))
	}
	os.Remove(folder)
}

// removeRun removes a run folder, and the folder of runs when it was the last.
func removeRun(run string) {
	os.RemoveAll(run)
	os.Remove(filepath.Dir(run))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
