package carry

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"example.com/boxoffice/tools/internal/course"
)

// planner works out what every file has to hold. It writes nothing but scratch files.
type planner struct {
	merger
	commit  string // the base
	steps   []step // by number
	base    *snapshot
	now     map[string]text // files that differ from the base, by path from the root
	want    map[string]text // what files have to hold, by path from the root
	memory  *memory
	only    []string
	keep    []string
	moved   map[string]string // files that the author renamed, old path in the folder to new one
	waiting map[string]bool   // files that wait for a person, by path from the root
	concern []string          // the answers that touch a changed file, by path from the root
	rows    []Row
	mends   []write  // answers for a person to merge, in carry's own folder
	aside   []string // folders of those from before that are moved first
}

// thread is one file on its way through the steps: its path inside their folders before the
// change, and after it. They differ for a file that the author renamed.
type thread struct{ old, new string }

func (t thread) renamed() bool { return t.old != t.new }

// node is a thread in one folder: what the file held at the base, and what it has to hold.
type node struct {
	folder  string
	was, is text
	moved   bool // it has the thread's new name now, and had the old one
	merged  bool // carry made it what it is
}

func (n *node) changed() bool { return n != nil && (n.was != n.is || n.moved) }

// plan carries each file, then what hangs on the changed folders.
func (p *planner) plan() error {
	for _, t := range p.threads() {
		carry := p.carryCode
		if ofTests(t.new) {
			carry = p.carryTest
		}
		if err := carry(t); err != nil {
			return err
		}
	}
	if err := p.carryAnswers(); err != nil {
		return err
	}
	if err := p.makeStarters(); err != nil {
		return err
	}
	for _, kept := range p.keep {
		p.row(Note, kept, "nothing is carried to it, so there is nothing to keep")
	}
	return p.base.err
}

func (p *planner) row(kind Kind, path, format string, args ...any) {
	p.rows = append(p.rows, Row{kind, path, fmt.Sprintf(format, args...)})
}

// threads are the files that changed in any folder, in the order of their names.
func (p *planner) threads() []thread {
	found := map[string]bool{}
	for file := range p.now {
		if folder, rel, ok := split(file); ok && course.Belongs(path.Base(folder), rel) {
			found[rel] = true
		}
	}
	var threads []thread
	p.moved = p.renames()
	for old, new := range p.moved {
		threads = append(threads, thread{old, new})
		delete(found, old)
		delete(found, new)
	}
	for rel := range found {
		threads = append(threads, thread{rel, rel})
	}
	slices.SortFunc(threads, func(a, b thread) int { return cmp.Compare(a.new, b.new) })
	return slices.DeleteFunc(threads, func(t thread) bool { return !p.asked(t) })
}

// split parts a path from the root into a step's folder and the path inside it.
func split(file string) (folder, rel string, ok bool) {
	parts := strings.SplitN(file, "/", 3)
	if len(parts) < 3 {
		return "", "", false
	}
	return parts[0] + "/" + parts[1], parts[2], true
}

// ofTests reports whether a file belongs to the tests of a module.
func ofTests(rel string) bool {
	return strings.HasSuffix(rel, "_test.go") || slices.Contains(strings.Split(rel, "/"), "testdata")
}

// folders are all folders in the order in which a change travels.
func (p *planner) folders() []string {
	var all []string
	for _, s := range p.steps {
		all = append(all, s.starter(), s.solution())
	}
	return all
}

// sameFile is how much of a file must be left for it to be the same under another name.
const sameFile = 0.5

// renames pairs what is gone from a folder with what is new in it, by the first folder
// that has such a pair.
func (p *planner) renames() map[string]string {
	pairs := map[string]string{}
	for _, folder := range p.folders() {
		var gone, fresh []string
		for _, file := range slices.Sorted(maps.Keys(p.now)) {
			in, rel, _ := split(file)
			switch was, is := p.base.file(file), p.now[file]; {
			case in != folder || !course.Belongs(path.Base(folder), rel):
			case was.exists && !is.exists:
				gone = append(gone, rel)
			case !was.exists && is.exists:
				fresh = append(fresh, rel)
			}
		}
		for _, old := range gone {
			if pairs[old] != "" {
				continue
			}
			best, likeness := "", sameFile
			for _, new := range fresh {
				a := alike(p.base.file(folder+"/"+old), p.now[folder+"/"+new])
				if ofTests(old) == ofTests(new) && a >= likeness && !slices.Contains(slices.Collect(maps.Values(pairs)), new) {
					best, likeness = new, a
				}
			}
			if best != "" {
				pairs[old] = best
			}
		}
	}
	return pairs
}

// asked reports whether a thread begins below the paths that were asked for.
func (p *planner) asked(t thread) bool {
	if len(p.only) == 0 {
		return true
	}
	for _, folder := range p.folders() {
		for _, rel := range []string{t.old, t.new} {
			file := folder + "/" + rel
			if _, ok := p.now[file]; ok {
				return slices.ContainsFunc(p.only, func(o string) bool { return o == "." || file == o || strings.HasPrefix(file, o+"/") })
			}
		}
	}
	return false
}

// current is what a file holds now.
func (p *planner) current(file string) text {
	if now, ok := p.now[file]; ok {
		return now
	}
	return p.base.file(file)
}

// wanted is what a file has to hold.
func (p *planner) wanted(file string) text {
	if want, ok := p.want[file]; ok {
		return want
	}
	return p.current(file)
}

// paths are all files that differ from the base, or will.
func (p *planner) paths() []string {
	all := slices.Concat(slices.Collect(maps.Keys(p.now)), slices.Collect(maps.Keys(p.want)))
	slices.Sort(all)
	return slices.Compact(all)
}

// writes are the files whose content has to change.
func (p *planner) writes() []write {
	var list []write
	for _, file := range slices.Sorted(maps.Keys(p.want)) {
		if is := p.current(file); is != p.want[file] {
			list = append(list, write{file, is, p.want[file]})
		}
	}
	return list
}

// anyModule stands for a folder's own module path, so that files of all folders compare.
const anyModule = "example.com/boxoffice/any/module"

func modulePath(folder string) string { return "example.com/boxoffice/" + folder }

func neutral(folder string, t text) text {
	t.content = strings.ReplaceAll(t.content, modulePath(folder), anyModule)
	return t
}

func settled(folder string, t text) text {
	t.content = strings.ReplaceAll(t.content, anyModule, modulePath(folder))
	return t
}

// place is a thread in one folder before anything is decided.
type place struct {
	folder   string
	thread   thread
	was, now text // neutral
	moved    bool
	also     string // a second folder that holds the same, for tests
}

func (p *planner) place(folder string, t thread) place {
	was := neutral(folder, p.base.file(folder+"/"+t.old))
	now := neutral(folder, p.current(folder+"/"+t.new))
	if !t.renamed() {
		return place{folder: folder, thread: t, was: was, now: now}
	}
	moved := was.exists && now.exists && !p.current(folder+"/"+t.old).exists
	if !was.exists {
		was = neutral(folder, p.base.file(folder+"/"+t.new))
	}
	if !now.exists {
		now = neutral(folder, p.current(folder+"/"+t.old))
	}
	return place{folder: folder, thread: t, was: was, now: now, moved: moved}
}

// path is the file's, from the root.
func (l place) path() string { return l.folder + "/" + l.thread.new }

// node is the place once it is decided.
func (l place) node(is text) *node {
	return &node{folder: l.folder, was: l.was, is: is, moved: l.moved}
}

// put decides what the place has to hold.
func (p *planner) put(l place, is text) {
	for _, folder := range []string{l.folder, l.also} {
		if folder == "" {
			continue
		}
		p.want[folder+"/"+l.thread.new] = settled(folder, is)
		if l.thread.renamed() {
			p.want[folder+"/"+l.thread.old] = text{}
		}
	}
}

// merged is the outcome of a merge.
type merged struct {
	text
	kind Kind   // Conflict when nothing can be decided
	why  string // what is in the way
}

// onto brings the change of a node to a place.
func (p *planner) onto(l place, from *node) (merged, error) { return p.bring(l, l.was, from) }

// bring is onto for a place that holds ours.
func (p *planner) bring(l place, ours text, from *node) (merged, error) {
	switch {
	case ours == from.was && !from.is.exists:
		return merged{from.is, Removed, ""}, nil
	case ours == from.was:
		return merged{from.is, Copied, ""}, nil
	case ours == from.is, from.was == from.is:
		return merged{ours, Carried, ""}, nil
	case !ours.exists:
		return merged{ours, Ends, fmt.Sprintf("%s has no such file", l.folder)}, nil
	case !from.is.exists:
		return merged{ours, Conflict, fmt.Sprintf("%s dropped it, and here it isn't the same file; remove it too, or %s", from.folder, keep(l))}, nil
	case !from.was.exists:
		return merged{ours, Conflict, fmt.Sprintf("%s has a new file of that name, and here stands another one; change it by hand, or %s", from.folder, keep(l))}, nil
	case ours.binary() || from.is.binary() || from.was.binary():
		return merged{ours, Conflict, "it is binary and differs; change it by hand, or " + keep(l)}, nil
	}
	labels := [3]string{l.folder + " (yours now)", "before (" + from.folder + ")", "carried from " + from.folder}
	content, conflict, err := p.merge(ours.content, from.was.content, from.is.content, labels)
	if conflict {
		resolvers := []resolver{unordered(l.thread.new)}
		if from.folder == "steps/"+path.Base(l.folder) {
			resolvers = append(resolvers, solvedGap)
		}
		content, conflict = resolve(content, resolvers...)
	}
	if conflict {
		return merged{text{content, true}, Conflict, "resolve the marks in it, then: " + again}, err
	}
	return merged{text{content, true}, Carried, ""}, err
}

// again is the command that goes on.
const again = "go tool workshop carry"

func keep(l place) string { return fmt.Sprintf("leave it as it stands: %s --keep %s", again, l.path()) }

// settle decides what a place holds: the merged text, unless a person was there. What a
// person wrote is taken as it stands where it answers a conflict or has the change already;
// elsewhere it is a conflict, and left alone. It is nil where the thread can't go on.
func (p *planner) settle(l place, auto merged, in ...*node) (*node, error) {
	known := p.memory.of(l.path())
	incoming := fingerprint(in)
	byHand := l.now != l.was && l.now.hash() != known.Written
	switch {
	case p.isKept(l, len(in) > 0):
		p.memory.settle(l.path(), incoming)
		p.row(Resolved, l.path(), "kept as it stands")
		return l.node(l.now), nil
	case known.Settled && known.Incoming == incoming && !l.now.marked():
		p.memory.settle(l.path(), incoming)
		return l.node(l.now), nil
	case known.Conflict && known.Incoming == incoming && l.now.hash() != known.Written && !l.now.marked():
		p.memory.settle(l.path(), incoming)
		p.row(Resolved, l.path(), "as it stands now")
		return l.node(l.now), nil
	case byHand && l.now.marked():
		return nil, p.wait(l, "holds the marks of a conflict; resolve them, then: "+again)
	case len(in) == 0 && byHand:
		return l.node(l.now), nil
	case len(in) == 0:
		return p.takeBack(l), nil
	case byHand:
		return p.compare(l, auto, in)
	}
	p.put(l, auto.text)
	p.memory.wrote(l.path(), auto.text, auto.kind == Conflict, incoming)
	if auto.kind == Conflict {
		return nil, p.wait(l, auto.why)
	}
	p.tell(l, auto)
	l.moved = l.thread.renamed() && auto.text.exists
	n := l.node(auto.text)
	n.merged = true
	return n, nil
}

// tell adds the row of a place that carry decided.
func (p *planner) tell(l place, auto merged) {
	switch {
	case auto.kind == Ends && strings.HasPrefix(l.folder, "solutions/") && !p.base.file("steps/"+path.Base(l.folder)+"/"+l.thread.old).exists:
		// its starter's row said so
	case auto.kind == Ends || auto.text != l.was:
		p.row(auto.kind, l.path(), "%s", auto.why)
	case l.thread.renamed():
		p.row(auto.kind, l.path(), "was %s", l.thread.old)
	}
}

// wait leaves a place to a person.
func (p *planner) wait(l place, why string) error {
	p.waiting[l.path()] = true
	p.row(Conflict, l.path(), "%s", why)
	return nil
}

// isKept reports whether a person asked for the place to be taken as it stands.
func (p *planner) isKept(l place, incoming bool) bool {
	i := slices.IndexFunc(p.keep, func(k string) bool { return k == l.path() || l.also != "" && k == l.also+"/"+l.thread.new })
	if i < 0 || !incoming {
		return false
	}
	p.keep = slices.Delete(slices.Clone(p.keep), i, i+1)
	return true
}

// takeBack undoes what an earlier run wrote to a place that no change comes to any more.
func (p *planner) takeBack(l place) *node {
	if l.now != l.was {
		p.put(l, l.was)
		p.memory.Files[l.path()] = record{}
		p.row(Restored, l.path(), "its source is as it was")
	}
	return l.node(l.was)
}

// compare decides about a place that a person changed too: it must have the change already.
func (p *planner) compare(l place, auto merged, in []*node) (*node, error) {
	has := l.now == auto.text && auto.kind != Conflict
	for _, from := range in {
		if has {
			break
		}
		m, err := p.bring(l, l.now, from)
		if err != nil {
			return nil, err
		}
		has = m.kind != Conflict && m.text == l.now
	}
	if has {
		return l.node(l.now), nil
	}
	return nil, p.wait(l, fmt.Sprintf("has changes of its own that aren't committed, so nothing was written to it; take them back, or change it by hand and %s", keep(l)))
}

// carryCode takes a file along the chain: from the solution before to the starter, and from
// both to the solution.
func (p *planner) carryCode(t thread) error {
	var before *node // of the solution before
	for i, s := range p.steps {
		starter, err := p.carryToStarter(t, i, before)
		if err != nil {
			return err
		}
		l := p.place(s.solution(), t)
		var in []*node
		for _, from := range []*node{before, starter} {
			if from.changed() {
				in = append(in, from)
			}
		}
		auto, err := p.join(l, in)
		if err != nil {
			return err
		}
		solution, err := p.settle(l, auto, in...)
		if err != nil || solution == nil {
			return err
		}
		if len(in) == 0 && solution.changed() {
			p.row(Edited, l.path(), "")
		}
		if len(in) > 0 && !solution.changed() && l.was.exists && !p.memory.of(l.path()).Settled {
			continue // it had the change before: what comes later may not
		}
		before = solution
	}
	return nil
}

// carryToStarter is the file of a starter, nil when it waits for a person.
func (p *planner) carryToStarter(t thread, i int, before *node) (*node, error) {
	l := p.place(p.steps[i].starter(), t)
	if before.changed() {
		auto, err := p.onto(l, before)
		if err != nil {
			return nil, err
		}
		if auto.kind == Ends && p.place(p.steps[i].solution(), t).was.exists {
			return l.node(l.was), nil // the learner writes it
		}
		return p.settle(l, auto, before)
	}
	n, err := p.settle(l, merged{l.was, Carried, ""})
	if err != nil || !n.changed() {
		return n, err
	}
	if may, err := p.mayBegin(l, i); !may {
		return nil, err
	}
	p.row(Edited, l.path(), "")
	return n, nil
}

// mayBegin looks at a change that begins in a starter: what the step before left unmarked
// must begin there.
func (p *planner) mayBegin(l place, i int) (bool, error) {
	if i == 0 {
		return true, nil
	}
	source := p.place(p.steps[i-1].solution(), l.thread)
	rel := l.thread.new
	switch {
	case source.was == l.was && !gapped(l.now) && !introduced(p.steps[i].introduces, rel):
		if !l.was.exists {
			return false, p.wait(l, "is new, and nothing marks it: list it under introduces: in the lesson, or begin in "+source.folder)
		}
		return false, p.wait(l, fmt.Sprintf("must begin in %s, as nothing marks it as this step's own; take the change there: "+
			"git diff --relative=%s -- %s | git apply --directory=%s && git checkout -- %s, then: %s",
			source.folder, l.folder, l.path(), source.folder, l.path(), again))
	case source.was.exists:
		m, err := p.bring(source, source.was, l.node(l.now))
		if err != nil {
			return false, err
		}
		if taken, _ := resolve(m.content, asItIs); taken != source.was.content {
			p.row(Note, source.path(), "has the lines that %s changes; if they should change before this step, begin there", l.path())
		}
	}
	return true, nil
}

func gapped(t text) bool { return strings.Contains(t.content, "TODO(task ") }

// introduced reports whether the list of a lesson covers a file.
func introduced(list []string, rel string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return entry == rel || strings.HasSuffix(entry, "/") && strings.HasPrefix(rel, entry)
	})
}

// join brings the changes of both folders before to a solution. What comes from the
// solution before is merged first, since a starter has gaps where that one has code.
func (p *planner) join(l place, in []*node) (merged, error) {
	if len(in) == 0 {
		return merged{l.was, Carried, ""}, nil
	}
	first, err := p.onto(l, in[0])
	if err != nil || len(in) == 1 {
		return first, err
	}
	second, err := p.onto(l, in[1])
	switch {
	case err != nil, first.kind == Conflict && second.kind != Conflict:
		return second, err
	case first.kind == Conflict, first.text == second.text:
		return first, nil
	}
	both, err := p.bring(l, first.text, in[1])
	if both.kind == Conflict && in[1].merged {
		return first, err // the starter has nothing that the solution before hasn't
	}
	if both.kind == Copied {
		both.kind = first.kind
	}
	return both, err
}

// carryTest takes a test file to the other folder of its step, and to later steps that
// have the same one.
func (p *planner) carryTest(t thread) error {
	var before *node
	for _, s := range p.steps {
		l, ok := p.pair(s, t)
		if !ok {
			return p.wait(l, "was changed in "+l.also+" in another way; make both the same")
		}
		n, err := p.carryToTest(l, before)
		if err != nil || n == nil {
			return err
		}
		if l.was.exists || n.changed() {
			p.put(l, n.is)
		}
		if n.changed() {
			before = n
		}
	}
	return nil
}

// carryToTest is the test of one step. A test goes on to those that are the same, or much
// alike; one that is new in its step stays there, since later steps have their own.
func (p *planner) carryToTest(l place, before *node) (*node, error) {
	if before.changed() && before.was.exists && l.was.exists && alike(l.was, before.was) >= sameFile {
		auto, err := p.onto(l, before)
		if err != nil {
			return nil, err
		}
		return p.settle(l, auto, before)
	}
	n, err := p.settle(l, merged{l.was, Carried, ""})
	if err == nil && n.changed() {
		p.row(Edited, l.path(), "and in %s", l.also)
	}
	return n, err
}

// pair is the place of a test, which is the same in both folders of a step. It is false
// when both were changed, and differ.
func (p *planner) pair(s step, t thread) (place, bool) {
	l, other := p.place(s.solution(), t), p.place(s.starter(), t)
	l.also = s.starter()
	known := p.memory.of(l.path())
	switch {
	case other.now == l.now, other.now == other.was, other.now.hash() == known.Written:
	case l.now == l.was, l.now.hash() == known.Written:
		l.now, l.moved = other.now, other.moved
	default:
		return l, false
	}
	return l, true
}
