// Package proof remembers what was found to be true, by a hash of all that the finding
// depends on: who asks again with the same hash needn't look again.
//
// A proof is a small file of its own in the user's cache, named after its hash and put in
// place by a rename. So processes may read and write at the same time, and one that is
// killed leaves a whole proof or none. What can't be read is thrown away.
package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// keep is how long a proof lasts that nobody asks for.
	keep = 30 * 24 * time.Hour
	// most is how many proofs are kept, the ones asked for last. A whole course of 24 steps
	// has some 1,500.
	most = 6000
	// stale is the age at which a temporary file can't belong to a process that is alive.
	stale = time.Hour
	// suffix ends the names of proofs.
	suffix = ".json"
)

// Memory is a folder of proofs. Goroutines and processes may share it.
type Memory struct {
	dir string

	mu     sync.Mutex
	thrown []string
}

// Proof is what was proven, and when.
type Proof struct {
	Of   string    `json:"of"` // in words: the check and its subject
	Note string    `json:"note,omitempty"`
	Seen time.Time `json:"seen"`
	Sum  string    `json:"sum"` // of the above and the key: tells a damaged file
}

// Open opens the memory in the user's cache folder, and makes it if it isn't there.
func Open() (*Memory, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the user's cache for remembered proofs: %w", err)
	}
	return OpenDir(filepath.Join(cache, "boxoffice-workshop", "verified"))
}

// OpenDir opens the memory in a folder, and makes it if it isn't there.
func OpenDir(dir string) (*Memory, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for remembered proofs: %w", err)
	}
	return &Memory{dir: dir}, nil
}

// Recall returns the proof of that key, nil when there is none. Of must be what it was
// kept for. A proof that is asked for lasts longer.
func (m *Memory) Recall(key, of string) *Proof {
	path := m.path(key)
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	p := new(Proof)
	if err == nil {
		err = json.Unmarshal(src, p)
	}
	if err != nil || p.Of != of || p.Sum != p.sum(key) {
		m.throwAway(path, of)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now)
	return p
}

// Keep remembers a proof.
func (m *Memory) Keep(key, of, note string) error {
	p := &Proof{Of: of, Note: note, Seen: time.Now().UTC().Truncate(time.Second)}
	p.Sum = p.sum(key)
	src, err := json.Marshal(p)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(m.dir, "new-*")
	if err != nil {
		return fmt.Errorf("remember a proof: %w", err)
	}
	_, err = temp.Write(src)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), m.path(key))
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("remember a proof: %w", err)
	}
	return nil
}

// sum is a hash of what a proof says.
func (p *Proof) sum(key string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{key, p.Of, p.Note, p.Seen.Format(time.RFC3339)}, "\n")))
	return hex.EncodeToString(sum[:8])
}

func (m *Memory) path(key string) string { return filepath.Join(m.dir, key+suffix) }

// throwAway removes a damaged proof.
func (m *Memory) throwAway(path, of string) {
	_ = os.Remove(path)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.thrown = append(m.thrown, of)
}

// ThrownAway lists what damaged proofs were asked for; they are gone.
func (m *Memory) ThrownAway() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.thrown)
}

// Tidy forgets proofs that nobody has asked for in a month, and the oldest ones beyond a
// number.
func (m *Memory) Tidy() error { return m.tidy(time.Now(), most) }

func (m *Memory) tidy(now time.Time, most int) error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return fmt.Errorf("tidy remembered proofs: %w", err)
	}
	type aged struct {
		path string
		used time.Time
	}
	var proofs []aged
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // another process removed it
		}
		path, age := filepath.Join(m.dir, e.Name()), now.Sub(info.ModTime())
		whole := strings.HasSuffix(e.Name(), suffix)
		if age > keep || !whole && age > stale {
			_ = os.Remove(path)
		} else if whole {
			proofs = append(proofs, aged{path, info.ModTime()})
		}
	}
	slices.SortFunc(proofs, func(a, b aged) int { return b.used.Compare(a.used) })
	for i := most; i < len(proofs); i++ {
		_ = os.Remove(proofs[i].path)
	}
	return nil
}
