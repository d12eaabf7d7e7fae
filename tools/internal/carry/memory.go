package carry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// memory is what carry did since the base, so that it knows its own writing from a
// person's. It is only consulted for files that differ from the base.
type memory struct {
	Base  string            `json:"base"`
	Files map[string]record `json:"files"`

	before map[string]record // of the runs before
	was    text              // what the file of the memory held
}

// record is about one file, by its path from the root.
type record struct {
	Written  string `json:"written,omitempty"`  // the hash of what carry wrote, with any module's path
	Incoming string `json:"incoming,omitempty"` // what came to the file then
	Conflict bool   `json:"conflict,omitempty"` // it was left to a person
	Settled  bool   `json:"settled,omitempty"`  // a person's, and right for what came
}

// memoryFile is relative to the root, with slashes.
const memoryFile = ".workshop/carry/memory.json"

// recall reads the memory. One of another base is of no use.
func recall(root, base string) (*memory, error) {
	m := &memory{Base: base, Files: map[string]record{}, before: map[string]record{}}
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(memoryFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	m.was = text{string(src), true}
	var saved memory
	if err := json.Unmarshal(src, &saved); err != nil {
		return nil, fmt.Errorf("read %s: %w; without it, carry can't tell its writing from yours: commit yours and delete it", memoryFile, err)
	}
	if saved.Base == base && saved.Files != nil {
		m.before = saved.Files
	}
	return m, nil
}

// of is what is known of a file.
func (m *memory) of(path string) record {
	if r, ok := m.Files[path]; ok {
		return r
	}
	return m.before[path]
}

func (m *memory) wrote(path string, content text, conflict bool, incoming string) {
	m.Files[path] = record{Written: content.hash(), Incoming: incoming, Conflict: conflict}
}

func (m *memory) settle(path, incoming string) {
	m.Files[path] = record{Incoming: incoming, Settled: true}
}

// write is the memory as a file to write. What a run didn't come to stays known.
func (m *memory) write() write {
	for path, r := range m.before {
		if _, ok := m.Files[path]; !ok {
			m.Files[path] = r
		}
	}
	src, _ := json.MarshalIndent(m, "", "\t") // strings and booleans can't fail
	return write{memoryFile, m.was, text{string(src) + "\n", true}}
}

// fingerprint tells what comes to a file apart from what came before.
func fingerprint(in []*node) string {
	all := text{exists: true}
	for _, n := range in {
		all.content += n.was.hash() + " " + n.is.hash() + "\n"
	}
	if len(in) == 0 {
		return ""
	}
	return all.hash()
}
