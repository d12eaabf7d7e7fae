package measurement

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// folder is where a course keeps what its learner measured.
func folder(root string) string { return filepath.Join(root, ".workshop", "measurements") }

// Keep writes the report to .workshop/measurements: the newest of each step as
// NN-name.json, and all of them, a line each, as NN-name.jsonl.
func Keep(root string, r *Report) error {
	if err := os.MkdirAll(folder(root), 0o777); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	path := filepath.Join(folder(root), r.Step)
	if err := os.WriteFile(path+".json", line, 0o666); err != nil {
		return err
	}
	all, err := os.OpenFile(path+".jsonl", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = all.Write(line)
	return errors.Join(err, all.Close())
}

// Newest is the report that was kept last of a step. The error wraps fs.ErrNotExist when
// there is none.
func Newest(root, step string) (*Report, error) {
	path := filepath.Join(folder(root), step+".json")
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(src, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return r, nil
}
