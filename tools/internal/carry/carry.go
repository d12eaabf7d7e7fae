// Package carry takes what an author changed in one step's files to all later steps. Most
// lines of steps/ and solutions/ repeat on purpose, so a mend in one folder is due in all
// that come after it: from solutions/N to steps/N+1, to solutions/N+1, and so on.
//
// It goes by three-way merge, file by file. A folder takes what its neighbour changed since
// a commit, the base; what makes it differ from the neighbour stays. Where that can't be
// told apart, it is a conflict, and a person decides. Answers are patches on a solution:
// each is applied to the solution as it was, merged onto the one that is now, and written
// again below its own head. A starter.patch is made anew.
//
// All is worked out before anything is written, and written through a journal, so that an
// interruption leaves nothing half carried. What carry wrote is remembered until the base
// changes: so it may be run again after each edit, and after a conflict was resolved.
package carry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/progress"
)

// Options say what is carried.
type Options struct {
	Course *course.Course
	Base   string   // the revision that changes are counted from; HEAD when empty
	Only   []string // carry what begins below these paths alone, from the root; all when empty
	Keep   []string // take these files as they stand, from the root, and go on from them
	DryRun bool     // write nothing
}

// Kind is what became of a file.
type Kind string

// What becomes of a file.
const (
	Edited    Kind = "edited"     // by the author: here a change begins
	Carried   Kind = "carried"    // merged with what makes the file differ
	Copied    Kind = "copied"     // was the same as its neighbour, and is again
	Removed   Kind = "removed"    // as its neighbour was
	Restored  Kind = "taken back" // carried before, and its source was taken back since
	Resolved  Kind = "resolved"   // by the author, after a conflict
	Rewritten Kind = "rewritten"  // an answer, or a starter.patch
	Ends      Kind = "ends"       // the next folder has no such file
	Note      Kind = "note"       // worth a look
	Conflict  Kind = "conflict"   // left to a person
)

// Row is a line of the report.
type Row struct {
	Kind Kind
	Path string // from the root
	Why  string // what a person has to know, or to do
}

// Report is what a carry came to.
type Report struct {
	Base     string // the commit that changes were counted from
	Rows     []Row
	Steps    []int    // the numbers of the steps that differ from the base now
	Proof    []string // the arguments of `workshop verify` that prove just these
	Written  int      // files written
	Finished int      // files that an interrupted run before this one had left to write
	Left     []string // paths that the interrupted run meant to write, and somebody changed since
}

// Conflicts counts what is left to a person.
func (r *Report) Conflicts() int {
	n := 0
	for _, row := range r.Rows {
		if row.Kind == Conflict {
			n++
		}
	}
	return n
}

// Folder is where carry keeps its journal, its memory, and answers that a person has to
// merge, relative to the root of the clone.
var Folder = filepath.Join(progress.Folder, "carry")

// beforeMove is where tests interrupt a run.
var beforeMove func(n int)

// Run carries what the working tree changed since the base.
func Run(ctx context.Context, o Options) (*Report, error) {
	home := filepath.Join(o.Course.Root, Folder)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	unlock, err := progress.Lock(filepath.Join(home, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	report := &Report{}
	j := journal{root: o.Course.Root, dir: filepath.Join(home, "journal"), moved: beforeMove}
	if report.Finished, report.Left, err = j.recover(); err != nil {
		return nil, fmt.Errorf("finish what an interrupted run left: %w", err)
	}
	scratch := filepath.Join(home, "scratch")
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(scratch, 0o755)); err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	p, err := newPlanner(ctx, o, scratch)
	if err != nil {
		return nil, err
	}
	defer p.base.close()
	if err := p.plan(); err != nil {
		return nil, err
	}
	report.Base, report.Rows, report.Steps, report.Proof = p.commit, p.rows, p.touched(), p.proof()
	if o.DryRun {
		return report, nil
	}
	writes := p.writes()
	report.Written = len(writes)
	return report, p.save(j, writes)
}

// save writes what was planned, what a person has to merge, and the memory.
func (p *planner) save(j journal, writes []write) error {
	for _, dir := range p.aside {
		if err := os.Rename(dir, dir+time.Now().Format(".before-20060102-150405")); err != nil {
			return err
		}
	}
	writes = append(writes, p.mends...)
	if m := p.memory.write(); m.is != m.new {
		writes = append(writes, m)
	}
	return j.write(writes)
}

// newPlanner reads the base, the working tree and the memory.
func newPlanner(ctx context.Context, o Options, scratch string) (*planner, error) {
	repo := repository{ctx, o.Course.Root}
	base := o.Base
	if base == "" {
		base = "HEAD"
	}
	commit, err := repo.commit(base)
	if err != nil {
		return nil, err
	}
	p := &planner{merger: merger{repo, scratch}, commit: commit, only: o.Only, keep: o.Keep, want: map[string]text{}, waiting: map[string]bool{}}
	for _, s := range o.Course.Steps {
		p.steps = append(p.steps, step{s.Number, s.Name, s.Introduces})
	}
	if p.now, err = repo.changes(commit); err != nil {
		return nil, err
	}
	if p.memory, err = recall(o.Course.Root, commit); err != nil {
		return nil, err
	}
	p.base, err = repo.snapshot(commit)
	return p, err
}

// step is what carry knows of a step.
type step struct {
	number     int
	name       string
	introduces []string
}

func (s step) starter() string  { return "steps/" + s.name }
func (s step) solution() string { return "solutions/" + s.name }

// touched are the steps that differ from the base.
func (p *planner) touched() []int {
	var numbers []int
	for _, s := range p.steps {
		if p.changed(s.starter()) || p.changed(s.solution()) {
			numbers = append(numbers, s.number)
		}
	}
	return numbers
}

// changed reports whether a folder will differ from the base.
func (p *planner) changed(folder string) bool {
	return slices.ContainsFunc(p.paths(), func(path string) bool {
		return strings.HasPrefix(path, folder+"/") && p.wanted(path) != p.base.file(path)
	})
}
