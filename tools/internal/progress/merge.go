package progress

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"syscall"
)

// Refresh takes over what other processes saved since the state was read or saved. What
// changed here meanwhile stays, and so does everything when the file can't be read.
func (s *State) Refresh() error {
	if s.unreadable != nil {
		return s.unreadable
	}
	return s.takeOver()
}

// takeOver merges the file into the state. What was read of a damaged file, which is kept
// aside by then, isn't all that the others saved: so what is known here counts.
func (s *State) takeOver() error {
	theirs, err := read(s.path)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return nil
	}
	if err != nil {
		return err
	}
	base := s.base
	if base == nil {
		base = newcomer(s.path)
	}
	s.merge(base, theirs)
	s.base = theirs.clone()
	return nil
}

// merge takes theirs wherever nothing changed here since base. A hint that was opened
// anywhere is open, and a step is done since the first time that it was.
func (s *State) merge(base, theirs *State) {
	if s.Current == base.Current {
		s.Current = theirs.Current
	}
	if s.Greeted == base.Greeted {
		s.Greeted = theirs.Greeted
	}
	s.Tasks = merged(base.Tasks, s.Tasks, theirs.Tasks)
	hints := merged(base.Hints, s.Hints, theirs.Hints)
	for id := range hints {
		hints[id] = max(hints[id], theirs.Hints[id])
	}
	s.Hints = hints
	done := merged(base.Done, s.Done, theirs.Done)
	for step, at := range theirs.Done {
		if mine, ok := done[step]; ok && at.Before(mine) {
			done[step] = at
		}
	}
	s.Done = done
}

// merged is theirs, with what is new or different in mine since base, and without what
// is gone from mine.
func merged[K, V comparable](base, mine, theirs map[K]V) map[K]V {
	all := maps.Clone(theirs)
	for key, value := range mine {
		if before, ok := base[key]; !ok || before != value {
			all[key] = value
		}
	}
	for key := range base {
		if _, ok := mine[key]; !ok {
			delete(all, key)
		}
	}
	return all
}

// Lock waits for a lock that others hold for a moment. The kernel
// frees it when its holder dies. On a file system without locks there is none to wait for.
func Lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.ENOLCK) {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
