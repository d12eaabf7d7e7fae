package carry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// write is one file to write: what it holds now, and what it has to hold.
type write struct {
	path    string // from the root, with slashes
	is, new text
}

// journal writes many files so that an interruption at any moment loses nothing. All
// contents are written into a folder beside it first. Renaming that folder is the moment
// from which they count. Then each content is renamed to its place. What a killed run
// left is finished by recover.
type journal struct {
	root, dir string
	moved     func(n int) // for tests: called before each rename, and after the last
}

// entry is a write as the journal's list keeps it. Its content is in the file that its
// number names; a file to remove has none.
type entry struct {
	Path   string `json:"path"`
	Is     string `json:"is"` // the hash of what is there before
	Remove bool   `json:"remove,omitempty"`
}

const listFile = "list.json"

// write is done when it returns without an error, and otherwise done by the next recover
// or not at all.
func (j journal) write(writes []write) error {
	if len(writes) == 0 {
		return nil
	}
	draft := j.dir + ".draft"
	if err := errors.Join(os.RemoveAll(draft), os.MkdirAll(draft, 0o755)); err != nil {
		return err
	}
	var list []entry
	for i, w := range writes {
		list = append(list, entry{w.path, w.is.hash(), !w.new.exists})
		if !w.new.exists {
			continue
		}
		if err := j.draft(filepath.Join(draft, strconv.Itoa(i)), w); err != nil {
			return err
		}
	}
	src, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return err
	}
	if err := errors.Join(writeSynced(filepath.Join(draft, listFile), src, 0o644), syncFolder(draft)); err != nil {
		return err
	}
	j.step(-1)
	if err := errors.Join(os.Rename(draft, j.dir), syncFolder(filepath.Dir(j.dir))); err != nil {
		return err
	}
	_, _, err = j.recover()
	return err
}

// draft writes one content with the permissions that the file has.
func (j journal) draft(path string, w write) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(j.place(w.path)); err == nil {
		mode = info.Mode().Perm()
	}
	return writeSynced(path, []byte(w.new.content), mode)
}

func writeSynced(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (j journal) place(path string) string { return filepath.Join(j.root, filepath.FromSlash(path)) }

func (j journal) step(n int) {
	if j.moved != nil {
		j.moved(n)
	}
}

// recover finishes what the journal holds, and is how many files that were and which of
// them somebody changed meanwhile: those stay as they are.
func (j journal) recover() (finished int, left []string, err error) {
	src, err := os.ReadFile(filepath.Join(j.dir, listFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, os.RemoveAll(j.dir)
	}
	if err != nil {
		return 0, nil, err
	}
	var list []entry
	if err := json.Unmarshal(src, &list); err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", filepath.Join(j.dir, listFile), err)
	}
	for i, e := range list {
		j.step(i)
		did, changed, err := j.apply(i, e)
		switch {
		case err != nil:
			return finished, left, err
		case changed:
			left = append(left, e.Path)
		case did:
			finished++
		}
	}
	j.step(len(list))
	// The list goes first: without it nothing is left to do.
	return finished, left, errors.Join(os.Remove(filepath.Join(j.dir, listFile)), os.RemoveAll(j.dir))
}

// apply brings one content to its place. It does nothing when that was done before, and
// when the place holds something else than the list says.
func (j journal) apply(i int, e entry) (did, changed bool, err error) {
	content, place := filepath.Join(j.dir, strconv.Itoa(i)), j.place(e.Path)
	if _, err := os.Stat(content); errors.Is(err, fs.ErrNotExist) && !e.Remove {
		return false, false, nil // it was renamed before
	}
	is, err := readFile(place)
	if err != nil {
		return false, false, err
	}
	switch {
	case e.Remove && !is.exists:
		return false, false, nil
	case is.hash() != e.Is && e.Path != memoryFile:
		return false, true, nil
	case e.Remove:
		if err := os.Remove(place); err != nil {
			return false, false, err
		}
		j.tidy(filepath.Dir(place))
		return true, false, nil
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return false, false, err
	}
	return true, false, os.Rename(content, place)
}

// tidy removes folders that a removed file left empty, as git does.
func (j journal) tidy(dir string) {
	for dir != j.root && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}
