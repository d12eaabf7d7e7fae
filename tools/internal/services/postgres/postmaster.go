package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/process"
	"example.com/boxoffice/tools/internal/services/program"
)

// postmaster is a running one; only its supervisor has one.
type postmaster struct {
	process *process.Process
	data    string
}

// tuning trades safety for speed: the data is thrown away anyway.
var tuning = []string{
	"listen_addresses=", // the private socket is the only way in
	"max_connections=300",
	"fsync=off",
	"synchronous_commit=off",
	"full_page_writes=off",
	"wal_level=minimal",
	"max_wal_senders=0",
	"max_wal_size=256MB",
	"min_wal_size=32MB",
	"autovacuum=off", // plans and row counts must not change under a test
	"jit=off",
	"timezone=UTC",
	"log_timezone=UTC",
	"log_min_messages=log", // tests make many errors; this is above error
	"log_checkpoints=off",
	"dynamic_shared_memory_type=mmap", // files in the data folder: nothing leaks on SIGKILL
	"external_pid_file=",
}

// initdbArguments are part of the cached cluster's name.
var initdbArguments = []string{"-U", ownUser, "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=4", "-N"}

// startServer starts a server on a copy of the cached cluster, else on a new
// one. A cached cluster that no server starts on is thrown away.
func (a assignment) startServer(run string, user *runAs, say func(string)) (*postmaster, error) {
	data := filepath.Join(run, "data")
	cached := a.cluster()
	if exists(cached) {
		err := copyTree(cached, data, user)
		if err == nil {
			s, startErr := a.startPostmaster(run, user)
			if startErr == nil {
				return s, nil
			}
			err = startErr
		}
		say(fmt.Sprintf("the prepared cluster %s is unusable and is made anew (%v)", cached, firstLine(err)))
		os.RemoveAll(cached)
		if err := renew(data, user); err != nil {
			return nil, fmt.Errorf("clear %s: %w", data, err)
		}
	}
	say("preparing a database cluster (once on this machine, a second or two)")
	if err := a.initdb(data, user); err != nil {
		return nil, err
	}
	if err := keepCluster(data, cached); err != nil {
		say(fmt.Sprintf("the cluster can't be kept for the next start: %v", err))
	}
	return a.startPostmaster(run, user)
}

type runAs = syscall.Credential

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func renew(dir string, user *runAs) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return give(dir, user)
}

// cluster names the initialised cluster that starts copy, by all that shaped it.
func (a assignment) cluster() string {
	sum := sha256.Sum256([]byte(strings.Join(append(initdbArguments, a.Binaries.Dir, a.Binaries.Version), "\x00")))
	return filepath.Join(a.Cache, fmt.Sprintf("cluster-%s-%x", a.Binaries.Version, sum[:4]))
}

// keepCluster copies data to the cache. It appears there whole or not at all.
func keepCluster(data, cached string) error {
	if err := os.MkdirAll(filepath.Dir(cached), 0o755); err != nil {
		return err
	}
	half, _ := filepath.Glob(cached + ".new-*")
	for _, dir := range half {
		os.RemoveAll(dir) // start.lock is held: nobody else is at it
	}
	fresh, err := os.MkdirTemp(filepath.Dir(cached), filepath.Base(cached)+".new-")
	if err != nil {
		return err
	}
	if err := copyTree(data, fresh, nil); err != nil {
		os.RemoveAll(fresh)
		return err
	}
	if err := os.Rename(fresh, cached); err != nil {
		os.RemoveAll(fresh)
		return err
	}
	return nil
}

func (a assignment) initdb(data string, user *runAs) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	path := filepath.Join(a.Binaries.Dir, "initdb")
	out, err := process.Run(ctx, process.Program{
		Path: path, Args: append([]string{"-D", data}, initdbArguments...), Env: program.Environment(), Dir: data, User: user,
	})
	if err != nil {
		return fmt.Errorf("prepare a database cluster with %s: %w\n%s\n%s", path, err, program.LastLines(out, 8), initdbAdvice(out))
	}
	return nil
}

func initdbAdvice(out string) string {
	switch {
	case strings.Contains(out, "could not look up effective user ID"):
		return "This user has no name on this system; run as one that has (see: getent passwd), or export WORKSHOP_DATABASE_URL"
	case strings.Contains(out, "No space left"):
		return "Make room there, or use another folder: export WORKSHOP_STATE=/path/to/folder"
	}
	return "Try another PostgreSQL: export WORKSHOP_POSTGRES_BIN=/path/to/bin, or a running server: export WORKSHOP_DATABASE_URL=…"
}

// startPostmaster starts PostgreSQL on run's data folder and waits until it answers.
func (a assignment) startPostmaster(run string, user *runAs) (*postmaster, error) {
	logPath := filepath.Join(run, "log")
	log, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	me := published{Run: run}
	args := []string{"-D", filepath.Join(run, "data"), "-k", me.socketDir(), "-p", ownPort}
	for _, setting := range tuning {
		args = append(args, "-c", setting)
	}
	data := filepath.Join(run, "data")
	path := filepath.Join(a.Binaries.Dir, "postgres")
	started, err := process.Start(process.Program{
		Path: path, Args: args, Env: program.Environment(), Dir: data, Stdout: log, Stderr: log, User: user,
		OrphanSignal: syscall.SIGQUIT, // frees what it shares with its backends, which SIGKILL wouldn't
	})
	if err != nil {
		return nil, err
	}
	s := &postmaster{process: started, data: data}
	if err := s.awaitAnswer(me); err != nil {
		s.stop()
		text, _ := os.ReadFile(logPath)
		return nil, fmt.Errorf("start %s: %w\n%s\nTry another PostgreSQL: export WORKSHOP_POSTGRES_BIN=/path/to/bin, or a running server: export WORKSHOP_DATABASE_URL=…",
			path, err, program.LastLines(string(text), 10))
	}
	return s, nil
}

func (s *postmaster) awaitAnswer(me published) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if answers(ctx, me.url("postgres")) {
			return nil
		}
		select {
		case <-s.process.Exited():
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it didn't answer within a minute")
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// stopOnce lets stop be called from each way out.
var stopOnce sync.Mutex

// stop ends the postmaster without a checkpoint: the data is thrown away.
func (s *postmaster) stop() {
	stopOnce.Lock()
	defer stopOnce.Unlock()
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		s.process.Signal(sig)
		select {
		case <-s.process.Exited():
			freeSharedMemory(s.data)
			return
		case <-time.After(6 * time.Second):
		}
	}
}
