package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Files hashes files, each once for as long as it isn't changed.
type Files struct {
	mu    sync.Mutex
	known map[string]hashed
}

type hashed struct {
	size    int64
	changed time.Time
	sum     string
}

// Sum is a hash of a file's content; "absent" for one that can't be read.
func (f *Files) Sum(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "absent"
	}
	f.mu.Lock()
	old, ok := f.known[path]
	f.mu.Unlock()
	if ok && old.size == info.Size() && old.changed.Equal(info.ModTime()) {
		return old.sum
	}
	sum, err := sumOf(path)
	if err != nil {
		return "absent"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[string]hashed{}
	}
	f.known[path] = hashed{info.Size(), info.ModTime(), sum}
	return sum
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Inputs are what a finding depends on, in the order in which they are told.
type Inputs struct {
	files *Files
	lines []string
}

// NewInputs are still none.
func NewInputs(files *Files) *Inputs { return &Inputs{files: files} }

// Value tells something that is no file.
func (in *Inputs) Value(name string, value any) {
	in.lines = append(in.lines, fmt.Sprintf("%s = %q", name, fmt.Sprint(value)))
}

// File tells a file, by its path and what it is called.
func (in *Inputs) File(name, path string) {
	in.lines = append(in.lines, fmt.Sprintf("file %s: %s", name, in.files.Sum(path)))
}

// Key is the hash of all of them.
func (in *Inputs) Key() string {
	h := sha256.New()
	for _, line := range in.lines {
		fmt.Fprintln(h, line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Lines are what the key is made of, for people who wonder why it is another one.
func (in *Inputs) Lines() []string { return in.lines }
