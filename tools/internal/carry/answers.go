package carry

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/boxoffice/tools/internal/course"
	"example.com/boxoffice/tools/internal/patch"
)

// mending is where answers lie whose merge waits for a person: the files that differ from
// the solution, as they are in the answer. It is relative to the root, with slashes.
const mending = ".workshop/carry/answers/"

// answer is a patch on a solution that has to be written again.
type answer struct {
	step  step
	path  string          // of the patch, from the root
	patch string          // as it was at the base
	files map[string]text // what the answer has, by path inside the solution

	changes []patch.Change // what the patch does
	why     string         // what a person has to know
}

// carryAnswers merges the answers to each solution that changed.
func (p *planner) carryAnswers() error {
	var list []answer
	for _, s := range p.steps {
		changed := p.changedFiles(s.solution())
		for _, file := range p.answers(s) {
			a, err := p.carryAnswer(s, file, changed)
			if err != nil {
				return fmt.Errorf("carry %s: %w", file, err)
			}
			if a != nil {
				list = append(list, *a)
			}
		}
	}
	return p.writeAnswers(list)
}

// changedFiles are the paths inside a folder that will differ from the base.
func (p *planner) changedFiles(folder string) []string {
	var changed []string
	for _, file := range p.paths() {
		rel, ok := strings.CutPrefix(file, folder+"/")
		if ok && course.Belongs(path.Base(folder), rel) && p.wanted(file) != p.base.file(file) {
			changed = append(changed, rel)
		}
	}
	return changed
}

// answers are the patches of a step that are there now.
func (p *planner) answers(s step) []string {
	var list []string
	for _, kind := range []string{"wrong-answers", "right-answers"} {
		prefix := s.solution() + "/" + kind + "/"
		for _, files := range [][]string{slices.Collect(maps.Keys(p.base.objects)), slices.Collect(maps.Keys(p.now))} {
			for _, file := range files {
				if strings.HasPrefix(file, prefix) && strings.HasSuffix(file, ".patch") && p.current(file).exists {
					list = append(list, file)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// carryAnswer merges one answer, and is nil where its patch stays as it is or waits for a
// person.
func (p *planner) carryAnswer(s step, file string, changed []string) (*answer, error) {
	was, now := p.base.file(file), p.current(file)
	known := p.memory.of(file)
	byHand := now != was && now.hash() != known.Written
	src := was.content
	if byHand {
		src = now.content
	}
	changes, err := patch.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("read the patch: %w", err)
	}
	touched := filesOf(changes)
	concerned := slices.ContainsFunc(touched, func(rel string) bool { return slices.Contains(changed, rel) })
	if concerned || byHand {
		p.concern = append(p.concern, file)
	}
	switch {
	case byHand:
		p.checkAnswer(s, file, changes, touched)
		return nil, nil
	case !concerned && now != was:
		p.want[file] = was
		p.row(Restored, file, "the solution is as it was")
		return nil, nil
	case !concerned:
		return nil, nil
	case slices.ContainsFunc(touched, func(rel string) bool { return p.waiting[s.solution()+"/"+rel] }):
		p.row(Note, file, "waits for the conflict in the solution")
		return nil, nil
	}
	files, err := p.filesAt(s, touched, changes, p.base.file)
	if err != nil {
		p.row(Conflict, file, "doesn't fit the solution as it was before the change: %v", err)
		return nil, nil
	}
	return p.mergeAnswer(answer{step: s, path: file, patch: src, files: files, changes: changes}, changed)
}

// filesOf are the paths that a patch reads or makes.
func filesOf(changes []patch.Change) []string {
	var list []string
	for _, c := range changes {
		for _, name := range []string{c.Old, c.New} {
			if name != "" && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// filesAt applies a patch to some files of a solution.
func (p *planner) filesAt(s step, names []string, changes []patch.Change, at func(string) text) (map[string]text, error) {
	files := map[string][]byte{}
	for _, rel := range names {
		if f := at(s.solution() + "/" + rel); f.exists {
			files[rel] = []byte(f.content)
		}
	}
	for _, c := range changes {
		if err := c.ApplyNear(files); err != nil {
			return nil, err
		}
	}
	patched := map[string]text{}
	for _, rel := range names {
		src, ok := files[rel]
		patched[rel] = text{string(src), ok}
	}
	return patched, nil
}

// checkAnswer looks at a patch that a person changed: it has to fit the solution.
func (p *planner) checkAnswer(s step, file string, changes []patch.Change, touched []string) {
	if _, err := p.filesAt(s, touched, changes, p.wanted); err != nil {
		p.waiting[file] = true
		p.row(Conflict, file, "you changed it, and it doesn't fit the solution: %v", err)
	}
}

// mergeAnswer merges an answer's files onto the solution as it will be.
func (p *planner) mergeAnswer(a answer, changed []string) (*answer, error) {
	result, reasons := map[string]text{}, []string{}
	for rel, has := range a.files {
		solution := a.step.solution()
		l := place{folder: path.Base(a.path), thread: thread{rel, rel}, was: has}
		target := p.renamedIn(solution, rel)
		m, err := p.bring(l, has, &node{folder: solution, was: p.base.file(solution + "/" + rel), is: p.wanted(solution + "/" + target)})
		if err != nil {
			return nil, err
		}
		if m.kind == Ends && p.wanted(solution+"/"+target).exists {
			m.kind = Conflict // the answer drops a file that the solution changes
		}
		if m.kind == Conflict {
			reasons = append(reasons, rel)
		}
		result[target] = m.text
		if target != rel {
			result[rel] = text{}
		}
	}
	slices.Sort(reasons)
	incoming := p.incoming(a, changed)
	if len(reasons) > 0 {
		if files, where := p.follow(a, reasons, changed, result); files != nil {
			result, reasons = files, nil
			a.why = "what it changes is in " + strings.Join(where, ", ") + " now"
		}
	}
	if len(reasons) > 0 {
		mended, err := p.mended(a, incoming, changed, result)
		if err != nil {
			return nil, err
		}
		if mended == nil {
			p.waiting[a.path] = true
			p.row(Conflict, a.path, "its change to %s meets the solution's; what the answer has to hold lies in %s: resolve the marks, then: %s",
				strings.Join(reasons, ", "), a.mending(), again)
			return nil, nil
		}
		result = mended
	}
	a.files = result
	if !slices.ContainsFunc(slices.Collect(maps.Keys(result)), func(rel string) bool {
		return result[rel] != p.wanted(a.step.solution()+"/"+rel)
	}) {
		p.waiting[a.path] = true
		p.row(Conflict, a.path, "changes nothing in the solution as it is now; delete it, or write it anew")
		return nil, nil
	}
	return &a, nil
}

// follow makes the answer's change to files that can't be merged where their lines went to,
// when the solution moved them to a file that changed with it: hunk by hunk, each where
// all its lines stand. It is nil unless every hunk has such a place.
func (p *planner) follow(a answer, conflicts, changed []string, result map[string]text) (files map[string]text, where []string) {
	solution := a.step.solution()
	there := map[string][]byte{}
	for rel, t := range result {
		if t.exists && !slices.Contains(conflicts, rel) {
			there[rel] = []byte(t.content)
		}
	}
	for _, rel := range changed {
		if t := p.wanted(solution + "/" + rel); t.exists && there[rel] == nil && !ofTests(rel) {
			there[rel] = []byte(t.content)
		}
	}
	for _, c := range a.changes {
		if !slices.Contains(conflicts, c.New) {
			continue
		}
		for _, hunk := range c.Hunks() {
			rel := followed(hunk, there, changed)
			if rel == "" {
				return nil, nil
			}
			where = append(where, rel)
		}
	}
	slices.Sort(where)
	files = maps.Clone(result)
	for rel, src := range there {
		files[rel] = text{string(src), true}
	}
	return files, slices.Compact(where)
}

// followed applies a hunk to its own file or else to the first other one in which all its
// lines stand, and is that one's name; "" when there is none.
func followed(hunk patch.Change, files map[string][]byte, others []string) string {
	if hunk.Old != hunk.New {
		return ""
	}
	for _, rel := range append([]string{hunk.New}, others...) {
		if files[rel] != nil && hunk.In(rel).ApplyNear(files) == nil {
			return rel
		}
	}
	return ""
}

// renamedIn is the name that a solution's file has now.
func (p *planner) renamedIn(solution, rel string) string {
	if new, ok := p.moved[rel]; ok && !p.wanted(solution+"/"+rel).exists && p.wanted(solution+"/"+new).exists {
		return new
	}
	return rel
}

// mending is the folder in which a person merges the answer.
func (a answer) mending() string {
	return mending + strings.TrimSuffix(strings.TrimPrefix(a.path, "solutions/"), ".patch") + "/"
}

// incoming tells one change of the solution from another.
func (p *planner) incoming(a answer, changed []string) string {
	in := []*node{{was: text{a.patch, true}}}
	for _, rel := range changed {
		file := a.step.solution() + "/" + rel
		in = append(in, &node{was: p.base.file(file), is: p.wanted(file)})
	}
	return fingerprint(in)
}

// mended is what a person made of a conflict, nil while they haven't: then the files with
// the marks, and those that changed beside them, are put where they can be merged. There,
// what a person wrote isn't written over.
func (p *planner) mended(a answer, incoming string, changed []string, result map[string]text) (map[string]text, error) {
	for _, rel := range changed {
		if _, ok := result[rel]; !ok && !ofTests(rel) {
			result[rel] = p.wanted(a.step.solution() + "/" + rel)
		}
	}
	known := p.memory.of(a.mending())
	there, open, untouched, begun := map[string]text{}, false, true, false
	for rel, made := range result {
		is, err := readFile(filepath.Join(p.root, filepath.FromSlash(a.mending()+rel)))
		if err != nil {
			return nil, err
		}
		there[rel] = is
		open = open || is.marked()
		untouched = untouched && is == made
		begun = begun || is.exists
	}
	if known.Conflict && known.Incoming == incoming && begun {
		p.memory.Files[a.mending()] = known
		if open || untouched {
			return nil, nil
		}
		return there, nil
	}
	if err := p.setAside(a); err != nil {
		return nil, err
	}
	for rel, made := range result {
		p.mends = append(p.mends, write{a.mending() + rel, text{}, made})
	}
	p.memory.wrote(a.mending(), text{}, true, incoming)
	return nil, nil
}

// setAside plans to move what lies in an answer's folder from before, which a person may
// have worked on.
func (p *planner) setAside(a answer) error {
	dir := filepath.Join(p.root, filepath.FromSlash(a.mending()))
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	p.aside = append(p.aside, dir)
	return nil
}

// writeAnswers makes all new patches in one run of git, and plans to write those that
// differ.
func (p *planner) writeAnswers(list []answer) error {
	if len(list) == 0 {
		return nil
	}
	for i, a := range list {
		for rel, has := range a.files {
			for side, t := range map[string]text{"old": p.wanted(a.step.solution() + "/" + rel), "new": has} {
				if err := p.scratchFile(filepath.Join(side, strconv.Itoa(i), filepath.FromSlash(rel)), t); err != nil {
					return err
				}
			}
		}
	}
	diffs, err := p.diffs()
	if err != nil {
		return err
	}
	for i, a := range list {
		head, old := cutHead(a.patch)
		is := text{head + likeBefore(old, diffs[strconv.Itoa(i)]), true}
		p.memory.wrote(a.path, is, false, "")
		if is != p.current(a.path) {
			p.want[a.path] = is
		}
		if is.content != a.patch {
			p.row(Rewritten, a.path, "%s", a.why)
		}
	}
	return nil
}

func (p *planner) scratchFile(rel string, t text) error {
	if !t.exists {
		return nil
	}
	file := filepath.Join(p.scratch, rel)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(t.content), 0o644)
}

// diffs compares the folders old and new in the scratch folder, and is what each of their
// subfolders comes to, with paths relative to it.
func (p *planner) diffs() (map[string]string, error) {
	m := p.merger
	m.root = p.scratch
	for _, side := range []string{"old", "new"} {
		if err := os.MkdirAll(filepath.Join(p.scratch, side), 0o755); err != nil {
			return nil, err
		}
	}
	out, err := m.run(1, "-c", "core.quotepath=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false",
		"diff", "--no-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--unified=3", "--inter-hunk-context=0",
		"--diff-algorithm=default", "old", "new")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, one := range strings.Split("\n"+out, "\ndiff --git a/")[1:] {
		_, inside, _ := strings.Cut(one, "/") // old/ or new/
		id, _, _ := strings.Cut(inside, "/")
		head, body, _ := strings.Cut("diff --git a/"+one, "\n@@")
		for _, side := range []string{"old", "new"} {
			head = strings.ReplaceAll(head, "a/"+side+"/"+id+"/", "a/")
			head = strings.ReplaceAll(head, "b/"+side+"/"+id+"/", "b/")
		}
		all[id] += head + "\n@@" + strings.TrimSuffix(body, "\n") + "\n"
	}
	return all, nil
}

// cutHead parts a patch into the text above its diff, and the diff.
func cutHead(src string) (head, diff string) {
	at := 0
	for line := range strings.Lines(src) {
		if strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "diff --git ") {
			break
		}
		at += len(line)
	}
	return src[:at], src[at:]
}

// likeBefore leaves out the lines of git's that the diff before didn't have either.
func likeBefore(before, diff string) string {
	var b strings.Builder
	hunks := false
	for line := range strings.Lines(diff) {
		first, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "diff --git "):
			hunks = false
			if !strings.HasPrefix(before, "diff --git ") {
				continue
			}
		case strings.HasPrefix(line, "@@"):
			hunks = true
		case !hunks && slices.Contains([]string{"index", "new", "deleted", "old"}, first) && !strings.Contains("\n"+before, "\n"+first+" "):
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}
